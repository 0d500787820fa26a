from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_segmentation import IDS, MASKS, MSRS_OF_CITYSCAPES
from torch import nn

from downstream.segmentation.classes import cityscapes_mapping
from downstream.segmentation.deeplab import (
    DeepLabConfig,
    Segmenter,
    build_deeplab,
    save_deeplab,
    saved_key,
    to_input,
)
from downstream.segmentation.networks import load_segmenter
from dwsfusion.errors import InputError

CPU = torch.device("cpu")
TINY = DeepLabConfig(9, "tu-mobilenetv2_035", 16)


def tiny(classes: int = 9) -> nn.Module:
    torch.manual_seed(0)
    network = build_deeplab(DeepLabConfig(classes, TINY.encoder, 16))
    for module in network.modules():  # with the statistics of an untrained network all pixels are alike
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    network.train()(torch.randn(4, 3, 32, 48))
    return network.eval()


class Brightness(nn.Module):
    """Calls a pixel a car where its red exceeds its blue; what lies outside the picture would show."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        assert pixels.shape[2] % 16 == pixels.shape[3] % 16 == 0
        return torch.cat([pixels[:, 2:], pixels[:, :1], torch.full_like(pixels, -99).repeat(1, 3, 1, 1)[:, :7]], 1)


@pytest.fixture
def torchvision_state() -> dict[str, torch.Tensor]:
    """Every tensor of MobileNetV2 by torchvision's names, the classifier too."""
    state = build_deeplab(DeepLabConfig(9, "mobilenet_v2")).get_submodule("encoder").state_dict()
    made = {name: torch.full_like(tensor, 0.5) for name, tensor in state.items()}
    return {**made, "classifier.1.weight": torch.zeros(1000, 1280), "classifier.1.bias": torch.zeros(1000)}


@pytest.mark.parametrize("size", [(16, 16), (33, 47), (50, 17)])
def test_any_size_is_predicted_at_its_size(random: np.random.Generator, size: tuple[int, int]) -> None:
    picture = random.integers(0, 256, (*size, 3), np.uint8)
    segmenter = Segmenter(Brightness(), IDS, "", CPU)
    normal = (picture / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_array_equal(segmenter.predict(picture), normal[..., 0] > normal[..., 2])


def test_grey_and_16_bit_pictures_enter_as_three_channels(random: np.random.Generator) -> None:
    grey = random.integers(0, 256, (32, 48), np.uint8)
    segmenter = Segmenter(tiny(), IDS, "", CPU)
    expected = segmenter.predict(np.repeat(grey[..., None], 3, axis=2))
    np.testing.assert_array_equal(segmenter.predict(grey), expected)
    np.testing.assert_array_equal(segmenter.predict(grey.astype(np.uint16) * 256 + 7), expected)


def test_a_prediction_agrees_with_the_network_on_a_batch(random: np.random.Generator) -> None:
    pictures = random.integers(0, 256, (3, 32, 48, 3), np.uint8)
    network = tiny()
    with torch.inference_mode():
        expected = network(to_input(torch.from_numpy(pictures))).argmax(1).numpy()
    found = [Segmenter(network, IDS, "", CPU).predict(p) for p in pictures]
    assert len(np.unique(found)) > 1
    assert (np.stack(found) == expected).mean() > 0.999  # a tie may fall either way in a batch


def test_cityscapes_outputs_become_msrs_ids(random: np.random.Generator) -> None:
    picture = random.integers(0, 256, (32, 32, 3), np.uint8)
    network = tiny(19)
    with torch.inference_mode():
        raw = network(to_input(torch.from_numpy(picture[None]))).argmax(1)[0].numpy()
    np.testing.assert_array_equal(
        Segmenter(network, MSRS_OF_CITYSCAPES, "", CPU, cityscapes_mapping(MASKS)).predict(picture),
        MSRS_OF_CITYSCAPES[raw],
    )


def test_save_and_load_predict_the_same(tmp_path: Path, random: np.random.Generator) -> None:
    picture = random.integers(0, 256, (40, 56, 3), np.uint8)
    network, file = tiny(), tmp_path / "models/a.safetensors"
    save_deeplab(file, network, TINY, "a key")
    assert saved_key(file) == "a key"
    loaded = load_segmenter(file, CPU, MASKS)  # knows its own encoder
    np.testing.assert_array_equal(loaded.predict(picture), Segmenter(network, IDS, "", CPU).predict(picture))
    assert [p.name for p in file.parent.iterdir()] == ["a.safetensors"]


def test_no_key_where_there_is_no_file_of_ours(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    assert saved_key(tmp_path / "none.safetensors") is None
    assert saved_key(tmp_path / "foreign.safetensors") is None


@pytest.mark.parametrize("classes", [9, 19])
def test_a_plain_state_dict_tells_its_classes(tmp_path: Path, classes: int) -> None:
    torch.save({"state_dict": tiny(classes).state_dict()}, tmp_path / "plain.pth")
    assert len(load_segmenter(tmp_path / "plain.pth", CPU, MASKS, TINY.encoder).ids) == classes


def test_other_numbers_of_classes_are_refused(tmp_path: Path) -> None:
    torch.save(tiny(5).state_dict(), tmp_path / "plain.pth")
    with pytest.raises(InputError, match=r"expected 9 \(the data set's\) or 19 \(Cityscapes'\) classes .* found 5"):
        load_segmenter(tmp_path / "plain.pth", CPU, MASKS, TINY.encoder)


def test_a_state_dict_of_another_encoder_is_refused(tmp_path: Path) -> None:
    torch.save(tiny().state_dict(), tmp_path / "plain.pth")
    with pytest.raises(InputError, match="do not fit: missing encoder"):
        load_segmenter(tmp_path / "plain.pth", CPU, MASKS, "mobilenet_v2")


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04 a broken archive"])
def test_an_unreadable_file_is_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("broken.pth", "broken.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="not a readable weights file"):
            load_segmenter(tmp_path / name, CPU, MASKS)


def test_encoder_weights_in_torchvision_names_fill_every_tensor(
    tmp_path: Path, torchvision_state: dict[str, torch.Tensor]
) -> None:
    torch.save(torchvision_state, tmp_path / "encoder.pth")
    network = build_deeplab(DeepLabConfig(9, "mobilenet_v2"), tmp_path / "encoder.pth")
    for name, tensor in network.get_submodule("encoder").state_dict().items():
        torch.testing.assert_close(tensor, torchvision_state[name])


def test_encoder_weights_in_timm_names_fill_every_tensor(tmp_path: Path) -> None:
    encoder = build_deeplab(TINY).get_submodule("encoder")
    state = {n.removeprefix("model."): torch.full_like(t, 0.5) for n, t in encoder.state_dict().items()}
    save_file({**state, "classifier.weight": torch.zeros(3)}, tmp_path / "timm.safetensors")
    filled = build_deeplab(TINY, tmp_path / "timm.safetensors").get_submodule("encoder").state_dict()
    assert all((tensor == torch.full_like(tensor, 0.5)).all() for tensor in filled.values())


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_encoder_weights_that_do_not_fit_are_refused(
    tmp_path: Path, torchvision_state: dict[str, torch.Tensor], change: str
) -> None:
    first = "features.0.0.weight"
    if change == "missing":
        del torchvision_state[first]
    elif change == "unknown":
        torchvision_state["features.99.weight"] = torch.zeros(1)
    else:
        torchvision_state[first] = torch.zeros(1)
    torch.save(torchvision_state, tmp_path / "encoder.pth")
    named = {"missing": f"missing {first}", "unknown": "unknown features.99", "shape": rf"{first} is \(1,\)"}
    with pytest.raises(InputError, match=named[change]):
        build_deeplab(DeepLabConfig(9, "mobilenet_v2"), tmp_path / "encoder.pth")


def test_imagenet_without_a_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_network(*args: object, **options: object) -> Callable[..., None]:
        raise FileNotFoundError("offline")

    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", no_network)
    with pytest.raises(InputError, match="--encoder-weights none"):
        build_deeplab(DeepLabConfig(9, "mobilenet_v2"), "imagenet")


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected an encoder .* found 'mobilenet'"):
        build_deeplab(DeepLabConfig(9, "mobilenet"))


@pytest.mark.real_data
def test_torchvisions_file_fills_the_encoder(real_data: Path) -> None:
    file = real_data / "weights/mobilenet_v2_imagenet.pth"
    state = torch.load(file, weights_only=True)
    network = build_deeplab(DeepLabConfig(9, "mobilenet_v2"), file)
    for name, tensor in network.get_submodule("encoder").state_dict().items():
        torch.testing.assert_close(tensor, state[name], rtol=0, atol=0)


@pytest.mark.parametrize("encoder", ["mobilenet_v2", "tu-test_resnet"])
def test_a_network_of_four_stages_is_filled_saved_and_read(tmp_path: Path, encoder: str) -> None:
    """Its file of first weights is that of all stages; read again it gives the same logits."""
    whole = build_deeplab(DeepLabConfig(9, encoder)).get_submodule("encoder").state_dict()
    torch.save({name: t.clone() for name, t in whole.items()}, tmp_path / "encoder.pth")
    shape = DeepLabConfig(9, encoder, 16, 4, (2, 4, 6), 0.1)
    network = build_deeplab(shape, tmp_path / "encoder.pth")
    own = network.get_submodule("encoder").state_dict()
    assert all(torch.equal(own[name], whole[name]) for name in own)
    save_deeplab(tmp_path / "net.safetensors", network, shape, "key")
    again = load_segmenter(tmp_path / "net.safetensors", CPU, MASKS).network
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(again(pixels), network.eval()(pixels), rtol=0, atol=0)
    assert again.get_submodule("decoder.aspp.0.convs.2.0.0").dilation == (4, 4)


def test_a_network_for_shrunk_pictures_gives_masks_of_their_size(tmp_path: Path, random: np.random.Generator) -> None:
    """As large as the picture, and what the network says of the shrunk picture; said anew after saving."""
    shape = DeepLabConfig(9, "tu-test_resnet", 16, 5, (2, 4, 6), 0.1, 2)
    network = build_deeplab(shape).eval()
    save_deeplab(tmp_path / "net.safetensors", network, shape, "key")
    segmenter = load_segmenter(tmp_path / "net.safetensors", CPU, MASKS)
    assert segmenter.predict(random.integers(0, 256, (50, 71, 3), np.uint8)).shape == (50, 71)
    picture = random.integers(0, 256, (64, 96, 3), np.uint8)
    pixels = to_input(torch.from_numpy(picture[None]))
    with torch.no_grad():
        seen = nn.functional.interpolate(pixels, (32, 48), mode="bilinear", antialias=True)
        large = nn.functional.interpolate(network(seen), (64, 96), mode="bilinear")
    np.testing.assert_array_equal(segmenter.predict(picture), large[0].argmax(0).numpy())
