"""The same work gives the same bytes: twice, in batches of any size, in one run or in parts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dwsfusion import Fuser, find_pairs, fuse_folder
from dwsfusion.checkpoints import DEFAULT_WEIGHTS, load_generator, save_generator
from dwsfusion.weight_files import load_tensors, safetensors_bytes, state_bytes


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def many(tmp_path: Path, random: np.random.Generator, save) -> Path:
    for name in "abcdefghij":
        save(tmp_path / "ir" / f"{name}.png", random.integers(0, 256, (48, 64), np.uint8))
        save(tmp_path / "vi" / f"{name}.png", random.integers(0, 256, (48, 64, 3), np.uint8))
    return tmp_path


def test_pictures_do_not_depend_on_batches_repeats_and_shards(many: Path) -> None:
    pairs, fuser = find_pairs(many).pairs, Fuser.from_pretrained(device="cpu")
    for name, size in (("one", 1), ("again", 1), ("three", 3), ("eight", 8)):
        fuse_folder(fuser, pairs, many / name, batch_size=size)
    for shard in (pairs[1::2], pairs[::2]):
        fuse_folder(Fuser.from_pretrained(device="cpu"), shard, many / "shards", batch_size=2)
    expected = bytes_of(many / "one")
    assert len(expected) == 10
    for name in ("again", "three", "eight", "shards"):
        assert bytes_of(many / name) == expected, name


def test_equal_weights_are_equal_files_whatever_the_order_of_their_texts(tmp_path: Path) -> None:
    texts = {name: name for name in "hgfedcba"}
    tensors = {"x": torch.zeros(3), "y": torch.ones(2, 5, dtype=torch.float64)}
    files = {
        safetensors_bytes(tensors, dict(order)) for order in (texts.items(), sorted(texts.items())) for _ in range(9)
    }
    assert len(files) == 1
    for name in "ab":
        save_generator(load_generator(DEFAULT_WEIGHTS), tmp_path / f"{name}.safetensors", texts)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    again = load_generator(tmp_path / "a.safetensors").state_dict()
    assert all(torch.equal(again[n], t) for n, t in load_generator(DEFAULT_WEIGHTS).state_dict().items())


def test_a_state_that_was_loaded_is_saved_as_it_was(tmp_path: Path) -> None:
    net = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    first = state_bytes({"net": net.state_dict(), "optimiser": optimiser.state_dict(), "patch": (1, 2), "lr": "lr"})
    (path := tmp_path / "a.pt").write_bytes(first)
    loaded = load_tensors(path)
    other = torch.optim.Adam(net.parameters())
    other.load_state_dict(loaded["optimiser"])
    assert state_bytes({**loaded, "optimiser": other.state_dict()}) == first
    assert loaded["patch"] == (1, 2)
