from pathlib import Path

import numpy as np
import pytest
import torch
from small_segmentation import MASKS, MSRS_OF_CITYSCAPES
from vainf_checkpoint import compute, random_state

from downstream.segmentation.networks import load_segmenter
from downstream.segmentation.vainf import build_vainf
from dwsfusion.errors import InputError

CPU = torch.device("cpu")
SLOW = pytest.mark.slow
NUMPY_NUMBERS = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6),
    reason="torch can allow numpy's numbers by both names from 2.6 on",
)


@NUMPY_NUMBERS
@pytest.mark.parametrize(
    "backbone", ["mobilenet_v2", pytest.param("resnet50", marks=SLOW), pytest.param("resnet101", marks=SLOW)]
)
def test_a_checkpoint_computes_as_plain_functions_do(tmp_path: Path, backbone: str) -> None:
    state = random_state(backbone)
    torch.save({"cur_itrs": 1, "model_state": state, "best_score": np.float64(0.7)}, tmp_path / "best.pth")
    segmenter = load_segmenter(tmp_path / "best.pth", CPU, MASKS)
    pixels = torch.randn(1, 3, 67, 93)
    with torch.inference_mode():
        found, expected = segmenter.network(pixels), compute(state, backbone, pixels)
    assert found.shape == (1, 19, 67, 93)
    assert len(expected.argmax(1).unique()) > 1
    torch.testing.assert_close(found / expected.abs().max(), expected / expected.abs().max(), rtol=0, atol=1e-4)
    picture = np.random.default_rng(0).integers(0, 256, (67, 93, 3), np.uint8)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    entered = ((torch.from_numpy(picture) / 255 - mean) / std).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        best = compute(state, backbone, entered).argmax(1)[0].numpy()
    assert (segmenter.predict(picture) == MSRS_OF_CITYSCAPES[best]).mean() > 0.999


@NUMPY_NUMBERS
def test_a_score_written_by_an_older_numpy_is_no_hindrance(tmp_path: Path) -> None:
    file = tmp_path / "best.pth"
    content = {"model_state": random_state("mobilenet_v2", 9), "best_score": np.float64(0.7)}
    torch.save(content, file, _use_new_zipfile_serialization=False)
    old = file.read_bytes().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    assert b"cnumpy.core.multiarray\n" in old
    file.write_bytes(old)
    assert len(load_segmenter(file, CPU, MASKS).ids) == 9


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_every_tensor_must_fit(tmp_path: Path, change: str) -> None:
    state = random_state("mobilenet_v2")
    first = "backbone.low_level_features.0.0.weight"
    if change == "missing":
        del state["classifier.aspp.project.0.weight"]
    elif change == "unknown":
        state["backbone.more.weight"] = torch.zeros(1)
    else:
        state[first] = torch.zeros(1)
    torch.save({"model_state": state}, tmp_path / "best.pth")
    named = {"missing": "missing classifier.aspp.project", "unknown": "unknown backbone.more", "shape": r"is \(1,\)"}
    with pytest.raises(InputError, match=named[change]):
        load_segmenter(tmp_path / "best.pth", CPU, MASKS)


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "resnet50"])
def test_the_names_are_the_checkpoints(backbone: str) -> None:
    built = build_vainf(backbone, 19).state_dict()
    assert {n: t.shape for n, t in built.items()} == {n: t.shape for n, t in random_state(backbone).items()}
