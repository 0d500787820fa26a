"""Weights in a folder as the Hugging Face hub keeps them, and from its cache on this disk: no network."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_network import disturbed

from dwsfusion import Fuser, InputError
from dwsfusion.generator import FREE, Generator, GeneratorConfig
from dwsfusion.hub import CARD, CONFIG, WEIGHTS, save_pretrained


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Generator, Path]:
    net = disturbed(Generator(FREE), 0.1)
    save_pretrained(net, tmp_path / "made/weights", "# A name\n\nWhat it is bad at.", {"command": "train"})
    return net, tmp_path / "made/weights"


@pytest.fixture
def cached(saved: tuple[Generator, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder as the hub's cache holds a repository, two revisions of it."""
    hub = pytest.importorskip("huggingface_hub")
    repository = tmp_path / "cache/models--owner--fusion"
    for revision in ("a" * 40, "b" * 40):
        shutil.copytree(saved[1], repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("a" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    download = hub.snapshot_download
    monkeypatch.setattr(
        hub, "snapshot_download", lambda *args, **kw: download(*args, cache_dir=tmp_path / "cache", **kw)
    )
    return repository


def fuses_alike(fuser: Fuser, net: Generator) -> bool:
    ir, vis_y = torch.rand(2, 1, 1, 32, 40)
    return torch.equal(fuser.fuse_tensors(ir, vis_y), Fuser(net, "n", "i", "cpu").fuse_tensors(ir, vis_y))


def test_a_folder_that_was_saved_fuses_to_the_same_bits(saved: tuple[Generator, Path]) -> None:
    net, folder = saved
    assert sorted(path.name for path in folder.iterdir()) == sorted((WEIGHTS, CONFIG, CARD))
    fuser = Fuser.from_pretrained(folder, "cpu")
    assert fuser.network.config == FREE  # type: ignore[union-attr]
    assert fuses_alike(fuser, net)
    assert Fuser.from_pretrained(str(folder), "cpu").identity == fuser.identity
    assert Fuser.from_pretrained(folder / WEIGHTS, "cpu").identity == fuser.identity


def test_the_folder_says_what_it_is(saved: tuple[Generator, Path]) -> None:
    config = json.loads((saved[1] / CONFIG).read_text())
    assert config["method"] == "dwsfusion"
    assert GeneratorConfig(**config["generator"]) == FREE
    card = (saved[1] / CARD).read_text()
    assert card.startswith("---\nlibrary_name: dwsfusion\n")
    assert card.endswith("What it is bad at.\n")


def test_a_fuser_saves_itself_and_a_rule_does_not(saved: tuple[Generator, Path], tmp_path: Path) -> None:
    Fuser.from_pretrained(saved[1], "cpu").save_pretrained(tmp_path / "again", "A card.")
    assert fuses_alike(Fuser.from_pretrained(tmp_path / "again", "cpu"), saved[0])
    with pytest.raises(InputError, match="found the rule max"):
        Fuser.from_pretrained("max", "cpu").save_pretrained(tmp_path / "rule")


def test_a_name_of_the_hub_comes_from_its_cache(saved: tuple[Generator, Path], cached: Path) -> None:
    assert fuses_alike(Fuser.from_pretrained("owner/fusion", "cpu"), saved[0])
    save_pretrained(other := disturbed(Generator(FREE), 0.2), cached / "snapshots" / ("b" * 40))
    assert fuses_alike(Fuser.from_pretrained("owner/fusion", "cpu", revision="b" * 40), other)
    with pytest.raises(InputError, match=r"a name of the hub that can be downloaded, found owner/other"):
        Fuser.from_pretrained("owner/other", "cpu")
    (cached / "snapshots" / ("a" * 40) / WEIGHTS).unlink()
    with pytest.raises(InputError, match=f"expected {WEIGHTS} in .*found README.md, config.json"):
        Fuser.from_pretrained("owner/fusion", "cpu")


def test_files_and_folders_go_before_names(saved: tuple[Generator, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved[1].parents[1])
    assert fuses_alike(Fuser.from_pretrained("made/weights", "cpu"), saved[0])
    with pytest.raises(InputError, match=r"found no file 'made/other\.safetensors'"):
        Fuser.from_pretrained("made/other.safetensors")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'dwsfusion\[hub\]'"):
        Fuser.from_pretrained("made/other")


def test_pictures_are_fused_by_a_folder(saved: tuple[Generator, Path]) -> None:
    rng = np.random.default_rng(0)
    ir, vis = rng.integers(0, 256, (40, 50), np.uint8), rng.integers(0, 256, (40, 50, 3), np.uint8)
    assert Fuser.from_pretrained(saved[1], "cpu").fuse(ir, vis).shape == (40, 50, 3)
