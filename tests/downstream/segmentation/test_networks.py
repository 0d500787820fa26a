import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from onnx import TensorProto
from PIL import Image
from small_onnx import export
from small_segmentation import MASKS, MSRS_OF_CITYSCAPES
from vainf_checkpoint import random_state

from downstream.comparison.cross_validation import Folded, Networks
from downstream.comparison.inputs import Comparison, Input
from downstream.comparison.run import compare
from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet
from downstream.segmentation.config import SegmentationConfig
from downstream.segmentation.deeplab import to_input
from downstream.segmentation.networks import load_segmenter
from downstream.segmentation.task import SegmentationTask
from dwsfusion.errors import InputError

CPU = torch.device("cpu")


@pytest.mark.parametrize("batch", ["B", 1, 3])
@pytest.mark.parametrize("size", [("H", "W"), (64, 48), (64, "W")])
def test_an_onnx_file_of_free_and_of_fixed_size(
    tmp_path: Path, random: np.random.Generator, batch: object, size: tuple[object, object]
) -> None:
    kernel = torch.from_numpy(export(tmp_path / "net.onnx", (batch, 3, *size)))
    picture = random.integers(0, 256, (50, 70, 3), np.uint8)
    segmenter = load_segmenter(tmp_path / "net.onnx", CPU, MASKS)
    pixels = to_input(torch.from_numpy(picture[None]))
    fixed = [side if isinstance(side, int) else own for side, own in zip(size, (50, 70), strict=True)]
    if fixed != [50, 70]:
        pixels = F.interpolate(pixels, fixed, mode="bilinear", antialias=True)
    logits = F.interpolate(F.conv2d(pixels, kernel, stride=2), (50, 70), mode="bilinear")
    np.testing.assert_allclose(segmenter.network(to_input(torch.from_numpy(picture[None]))), logits, atol=1e-4)
    assert (segmenter.predict(picture) == logits.argmax(1)[0].numpy()).mean() > 0.999
    assert segmenter.given is not None
    about = segmenter.given.about()
    assert about["runtime"].startswith("onnxruntime ")
    assert len(about["sha256"]) == 64
    wanted = [side if isinstance(side, int) else None for side in size]
    assert about["input_size"] == (wanted if any(wanted) else "the picture's")


def test_an_onnx_file_in_openvino(tmp_path: Path, random: np.random.Generator) -> None:
    pytest.importorskip("openvino")
    picture = random.integers(0, 256, (50, 70, 3), np.uint8)
    for size in (("H", "W"), (64, 48)):
        export(tmp_path / "net.onnx", ("B", 3, *size))
        one, other = (load_segmenter(tmp_path / "net.onnx", CPU, MASKS, runtime=r) for r in ("torch", "openvino"))
        pixels = to_input(torch.from_numpy(picture[None]))
        torch.testing.assert_close(one.network(pixels), other.network(pixels), atol=1e-5, rtol=1e-5)
        assert one.settings != other.settings
        assert other.runtime.startswith("OpenVINO ")


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_a_trained_network_in_a_runtime(tmp_path: Path, random: np.random.Generator, runtime: str) -> None:
    pytest.importorskip("onnxruntime" if runtime == "onnx" else "openvino")
    torch.manual_seed(0)
    smp.Unet("resnet18", encoder_weights=None, classes=19).eval().save_pretrained(tmp_path / "net")
    picture = random.integers(0, 256, (60, 90, 3), np.uint8)  # sides that are filled up
    own, exported = (load_segmenter(tmp_path / "net", CPU, MASKS, runtime=r) for r in ("torch", runtime))
    assert (own.predict(picture) == exported.predict(picture)).mean() > 0.999
    assert exported.runtime.startswith("onnxruntime " if runtime == "onnx" else "OpenVINO ")
    assert exported.runtime.endswith(f", exported from {own.runtime}")
    assert exported.runtime_difference is not None
    assert 0 <= exported.runtime_difference <= 1e-4
    assert own.settings[0] == exported.settings[0]
    assert own.settings != exported.settings
    assert own.runtime_difference is None


def test_a_segformer_of_the_hub_from_its_folder(tmp_path: Path, random: np.random.Generator) -> None:
    torch.manual_seed(0)
    network = smp.Segformer("mit_b0", encoder_weights=None, classes=19, decoder_segmentation_channels=16).eval()
    network.save_pretrained(tmp_path / "segformer")
    picture = random.integers(0, 256, (64, 96, 3), np.uint8)
    segmenter = load_segmenter(tmp_path / "segformer", CPU, MASKS)
    with torch.inference_mode():
        raw = network(to_input(torch.from_numpy(picture[None]))).argmax(1)[0].numpy()
    assert len(np.unique(raw)) > 1
    np.testing.assert_array_equal(segmenter.predict(picture), MSRS_OF_CITYSCAPES[raw])
    assert segmenter.predict(picture[:50, :70]).shape == (50, 70)
    assert segmenter.given is not None
    assert segmenter.given.about()["kind"] == "Segformer with mit_b0 of segmentation-models-pytorch's hub"


class RunsCode:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("ran",)


def folder_of(path: Path, **config: object) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config))
    return path


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def exported(path: Path, shape: tuple[object, ...], **how: int) -> Path:
    export(path, shape, **how)
    return path


UNKNOWN: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing there": (lambda p: p / "none.pth", "expected an ONNX file, .* found none: give its path"),
    "no ONNX": (lambda p: written(p / "a.onnx", b"no protobuf"), "is not a readable ONNX file"),
    "ONNX, one channel": (lambda p: exported(p / "a.onnx", (1, 1, 8, 8)), r"expected one input .*(found|readable)"),
    "ONNX of bytes": (
        lambda p: exported(p / "a.onnx", (1, 3, 8, 8), kind=TensorProto.UINT8),
        r"found pixels \[1, 3, 8, 8\] of uint8",
    ),
    "ONNX, 5 classes": (lambda p: exported(p / "a.onnx", (1, 3, 8, 8), classes=5), r"9 .* or 19 .* found 5"),
    "runs code": (lambda p: saved(p / "a.pth", {"model_state": RunsCode()}), "refused: .* run code: ask for"),
    "a list": (lambda p: saved(p / "a.pth", [torch.zeros(1)]), "plain state dict .* found list"),
    "another network": (lambda p: saved(p / "a.pth", {"fc.weight": torch.zeros(1)}), "names such as fc.weight"),
    "not the plus": (
        lambda p: saved(p / "a.pth", {"model_state": {"backbone.conv1.weight": torch.zeros(1)}}),
        r"found a checkpoint with backbone.conv1.weight: give one of deeplabv3plus_\*",
    ),
    "VainF, 21 classes": (
        lambda p: saved(p / "a.pth", {"model_state": random_state("mobilenet_v2", 21)}),
        r"9 .* or 19 .* classes .* found 21",
    ),
    "empty folder": (lambda p: folder_of(p / "a") / "..", "expected a folder with config.json"),
    "folder of another library": (lambda p: folder_of(p / "a", _model_class="Bert"), "found Bert: give a folder"),
    "another version": (
        lambda p: folder_of(p / "a", _model_class="Unet", encoder_name="none-such"),
        "does not build a Unet",
    ),
    "no weights": (
        lambda p: folder_of(p / "a", _model_class="Unet", encoder_name="tu-test_resnet", classes=9),
        "expected a weights file at .*model.safetensors",
    ),
    "offline": (lambda p: Path("nobody/has-this"), "found nobody/has-this: .* check the name and the connection"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_cannot_be_used_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    make, message = UNKNOWN[case]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message) as told:
        load_segmenter(make(tmp_path), CPU, MASKS)
    assert "\n" not in str(told.value)
    assert "weights_only" not in str(told.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.real_data
def test_frozen_figures_are_those_of_the_saved_masks(real_data: Path, tmp_path: Path) -> None:
    root = real_data / "data/MSRS/test"
    names = sorted(p.stem for p in (root / "vi").iterdir())[::20]
    folders = {"infrared": root / "ir", "visible": root / "vi", "max": real_data / "methods/seafusion"}
    inputs = tuple(Input(n, {name: d / f"{name}.png" for name in names}) for n, d in folders.items())
    segmenter = load_segmenter(real_data / "weights/deeplab_cityscapes_513.onnx", CPU, MASKS)
    task = SegmentationTask(SegmentationConfig(protocol="frozen", resamples=10))
    networks = Networks({n: [Folded((segmenter,))] for n in folders})
    result = compare(task, Comparison(DataSet(msrs(), root), inputs), networks, tmp_path, about={"data": "real"})
    for name in folders:
        truths = np.stack([np.asarray(Image.open(root / "Segmentation_labels" / f"{n}.png")) for n in names])
        masks = np.stack([np.asarray(Image.open(tmp_path / "predictions" / name / f"{n}.png")) for n in names])
        masks[truths > 3] = 255
        ious = [((truths == c) & (masks == c)).sum() / ((truths == c) | (masks == c)).sum() for c in range(4)]
        assert result["inputs"][name]["miou"] == pytest.approx(np.mean(ious))
        assert list(result["inputs"][name]["per_class"].values())[:4] == pytest.approx(ious)
    assert result["protocol"]["given"]["input_size"] == [513, 513]
