import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dwsfusion.checkpoints import convert_released, load_generator, save_generator
from dwsfusion.errors import InputError
from dwsfusion.generator import RELEASED, Generator


def released_state() -> dict[str, Tensor]:
    """A state dict with the authors' names, made from a generator of ours by hand-written rules."""
    state: dict[str, Tensor] = {}
    grid = torch.tensor([[y, x] for y in (-1, 0, 1) for x in (-1, 0, 1)]).float().reshape(1, 1, 18, 1, 1)
    for name, tensor in Generator(RELEASED).state_dict().items():
        theirs = name.replace("weigh_ir", "WGet_IR").replace("weigh_vis", "WGet_VI")
        theirs = theirs.replace("fuse.extract", "Fusion.feature_extract.0").replace(
            "fuse.attend", "Fusion.feature_extract.1"
        )
        theirs = theirs.replace("fuse.reduce", "Fusion.conv4").replace("fuse.match", "Fusion.channel_match")
        theirs = theirs.replace("balance.linear", "alphanet.fc1").replace("balance", "alphanet")
        theirs = (
            theirs.replace(".norms.0.", ".bn.").replace(".up1.", ".conv3.upcbar.").replace(".up2.", ".conv4.upcbar.")
        )
        theirs = re.sub(r"\.down(\d)\.", r".conv\1.", theirs)
        theirs = re.sub(r"\.attend(\d)\.", r".cbam\1.", theirs).replace(".spatial.", ".spatial_attention.conv1.")
        for ours, name_ in (("low", "OMNI_ATT1"), ("high", "OMNI_ATT2")):
            theirs = theirs.replace(f".{ours}.squeeze", f".{name_}.fc").replace(f".{ours}.norm", f".{name_}.bn")
            theirs = theirs.replace(f".{ours}.channels", f".{name_}.channel_fc").replace(
                f".{ours}.filters", f".{name_}.filter_fc"
            )
        theirs = theirs.replace(".dilation.", ".conv_offset.").replace(".modulation.", ".conv_mask.")
        if ".frequency.gates." in theirs:
            for band in range(3):
                state[theirs.replace("frequency.gates", f"FS.freq_weight_conv_list.{band}")] = tensor[band : band + 1]
            state[theirs.split("frequency")[0] + "dilated_offset"] = grid
        else:
            state[theirs] = tensor
    for prefix in {n.split(".spatial_attention")[0] for n in state if ".spatial_attention" in n}:
        state[f"{prefix}.channel_attention.fc.0.weight"] = torch.zeros(0, 4)
    return state


def test_the_released_names_are_converted_one_to_one(tmp_path: Path) -> None:
    released = released_state()
    ours = convert_released(released)
    assert ours.keys() == Generator(RELEASED).state_dict().keys()
    torch.save(released, tmp_path / "w.pth")
    generator = load_generator(tmp_path / "w.pth")
    assert generator.config == RELEASED
    assert not generator.training


def test_a_missing_an_extra_and_a_misshapen_tensor_are_named(tmp_path: Path) -> None:
    def refused(change: dict[str, Tensor | None], message: str) -> None:
        state = released_state()
        for name, tensor in change.items():
            state.pop(name, None)
            if tensor is not None:
                state[name] = tensor
        torch.save(state, tmp_path / "w.pth")
        with pytest.raises(InputError, match=message):
            load_generator(tmp_path / "w.pth")

    refused({"alphanet.fc1.bias": None}, r"balance.linear.bias: expected shape \(1,\), found no such tensor")
    refused({"alphanet.fc2.bias": torch.zeros(1)}, "expected no such tensor, found shape")
    refused({"alphanet.fc1.bias": torch.zeros(2)}, r"expected shape \(1,\), found shape \(2,\)")
    refused({"Fusion.conv4.dilated_offset": torch.zeros(1, 1, 18, 1, 1)}, "3x3 grid")
    refused({"WGet_IR.cbam1.channel_attention.fc.0.weight": torch.zeros(1, 4)}, "without hidden units")
    refused({"Fusion.conv4.FS.freq_weight_conv_list.1.bias": None}, "one gate for each frequency band")


def test_files_of_another_kind_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    torch.save([1, 2], tmp_path / "b.pth")
    torch.save(Generator, tmp_path / "c.pth")  # a pickled class, which must not be run
    for name, message in (("a.safetensors", "in safetensors"), ("b.pth", "found list"), ("c.pth", "safely")):
        with pytest.raises(InputError, match=message) as caught:
            load_generator(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_safetensors_file_without_its_configuration_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="with their configuration"):
        load_generator(tmp_path / "w.safetensors")


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.safetensors"
    save_generator(Generator(RELEASED), path)
    before = path.read_bytes()

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        save_generator(Generator(RELEASED), path)
    assert path.read_bytes() == before


@pytest.mark.real_data
def test_every_tensor_of_the_released_file_is_used(real_data: Path) -> None:
    path = real_data / "official/best_network.pth"
    released = torch.load(path, map_location="cpu", weights_only=True)
    assert sum(t.numel() for t in released.values()) == 10059
    generator = load_generator(path)
    constants = sum(t.numel() for n, t in released.items() if n.endswith("dilated_offset"))
    assert sum(t.numel() for t in generator.state_dict().values()) == 10059 - constants
