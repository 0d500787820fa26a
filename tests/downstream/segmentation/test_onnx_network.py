"""Segmenters as ONNX files of a network that the tests make."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from downstream.segmentation.deeplab import load_segmenter, to_input
from dwsfusion.errors import InputError
from dwsfusion.images import read_image, rgb_array

pytest.importorskip("onnxruntime")
CPU = torch.device("cpu")


class Net(nn.Module):
    """A strided convolution to C classes at half the size."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, classes, 5, stride=2, padding=2)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.conv(pixels)


def export(path: Path, classes: int = 19, size: tuple[int, int] = (40, 48), free: tuple[int, ...] = ()) -> Net:
    net = Net(classes).eval()
    names = {0: "batch", 2: "height", 3: "width"}
    axes = {"pixels": {k: names[k] for k in free}, "logits": {k: names[k] for k in free}} if free else None
    torch.onnx.export(
        net, (torch.zeros(1, 3, *size),), str(path), dynamo=False, input_names=["pixels"], output_names=["logits"],
        dynamic_axes=axes,
    )  # fmt: skip
    return net


@pytest.mark.parametrize("free", [(), (0,), (0, 2, 3)])
@pytest.mark.filterwarnings("ignore")
def test_pictures_are_resized_to_a_fixed_input_and_logits_back(
    tmp_path: Path, random: np.random.Generator, free: tuple[int, ...]
) -> None:
    net = export(tmp_path / "net.onnx", free=free)
    segmenter = load_segmenter(tmp_path / "net.onnx", CPU)
    picture = random.integers(0, 256, (64, 80, 3), np.uint8)
    pixels = to_input(torch.from_numpy(picture)[None])
    fixed = 2 not in free
    shown = F.interpolate(pixels, (40, 48), mode="bilinear", antialias=True) if fixed else pixels
    with torch.no_grad():
        best = F.interpolate(net(shown), (64, 80), mode="bilinear").argmax(1)[0].numpy()
    assert (segmenter.predict(picture) == segmenter.ids[best]).mean() > 0.999  # but for ties to rounding
    assert segmenter.about["input_px"] == ("40x48" if fixed else "the picture's own")
    assert segmenter.about["network"] == "ONNX file net.onnx"
    assert segmenter.mapping["rider"] == "person"


@pytest.mark.filterwarnings("ignore")
def test_files_that_are_no_segmenter_are_refused_in_one_line(tmp_path: Path) -> None:
    export(tmp_path / "five.onnx", classes=5)
    export(tmp_path / "nine.onnx", classes=9)
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    (tmp_path / "mine.json").write_text('{"truck": "car"}')
    for name, mapping, says in (
        ("absent", None, r"expected a segmenter at .*absent\.onnx, found no such file"),
        ("broken", None, r"that onnxruntime can run at .*broken\.onnx, found: "),
        ("five", None, "expected 9 .* or 19 .*classes in .*five.*found 5"),
        ("nine", tmp_path / "mine.json", "--mapping is for the 19 classes"),
    ):
        with pytest.raises(InputError, match=says) as refused:
            load_segmenter(tmp_path / f"{name}.onnx", CPU, mapping=mapping)
        assert "\n" not in str(refused.value)


@pytest.mark.real_data
def test_the_frozen_deeplab_sees_cars_and_people_in_msrs(real_data: Path) -> None:
    """The share of the labelled pixels of three pictures that are named right; by plain numpy."""
    segmenter = load_segmenter(real_data / "weights/deeplab_cityscapes_513.onnx", CPU)
    folder = real_data / "data/MSRS/test"
    for name, least in (("00055D", 0.9), ("00016N", 0.9)):
        mask = segmenter.predict(rgb_array(read_image(folder / f"vi/{name}.png")))
        truth = read_image(folder / f"Segmentation_labels/{name}.png")
        known = np.isin(truth, (0, 1, 2, 3))
        assert (mask == truth)[known].mean() > least
