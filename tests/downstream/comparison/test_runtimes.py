"""Networks that look, computed by onnxruntime or OpenVINO: the same output as torch's, or a refusal."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from downstream.commands.detection import Config as DetectionCommand
from downstream.commands.detection import main
from downstream.comparison import runtimes
from downstream.comparison.runtimes import ExportedNetwork, check_runtime, difference_of, open_session
from downstream.detection.config import DetectionConfig
from downstream.sample import SampleConfig, make_sample
from dwsfusion.errors import InputError

CPU = torch.device("cpu")
RUNTIMES = ["onnx", "openvino"]


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.Conv2d(8, 5, 1)).eval()


@pytest.mark.parametrize("runtime", RUNTIMES)
@torch.inference_mode()
def test_a_network_gives_in_a_runtime_what_it_gives_in_torch(runtime: str, network: nn.Module) -> None:
    pytest.importorskip("onnxruntime" if runtime == "onnx" else "openvino")
    exported = ExportedNetwork(network, runtime, (1, 3, 32, 48))
    assert exported.difference <= runtimes.TOLERANCE
    assert exported.version.startswith("onnxruntime " if runtime == "onnx" else "OpenVINO ")
    for size in ((32, 48), (40, 40), (33, 57)):
        pixels = torch.randn(1, 3, *size)
        torch.testing.assert_close(exported(pixels), network(pixels), atol=1e-5, rtol=1e-5)
    first = exported(torch.rand(1, 3, 32, 48))
    kept = first.clone()
    exported(torch.randn(1, 3, 32, 48))
    assert torch.equal(first, kept)  # its memory is not used again


def test_a_runtime_that_gives_other_numbers_is_refused(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(runtimes, "open_session", spoiling(runtimes.open_session))
    with pytest.raises(InputError, match=r"within 0\.0001, found a difference of .* leave out --runtime"):
        ExportedNetwork(network, "onnx", (1, 3, 32, 48))


def spoiling(make: Callable[..., Callable[[np.ndarray], np.ndarray]]) -> Callable[..., object]:
    """A session whose numbers are a thousandth off."""

    def open_session(*args: object) -> object:
        session = make(*args)
        return lambda values: 1.001 * session(values) + 1e-3

    return open_session


@pytest.mark.parametrize("spoil", [float("nan"), 1.0])
def test_a_difference_is_that_of_the_worst_channel(spoil: float) -> None:
    expected = torch.rand(2, 3, 4, 5)
    expected[:, 0] *= 1000
    found = expected.clone()
    found[0, 0] += 0.01  # of a thousand
    assert difference_of(found, expected) < 2e-5
    found[1, 2, 3, 4] += spoil
    with pytest.raises(InputError, match="found a difference"):
        difference_of(found, expected)
    with pytest.raises(InputError, match="expected an output"):
        difference_of(expected[:1], expected)


def test_a_network_that_cannot_be_exported_is_named() -> None:
    pytest.importorskip("onnxruntime")

    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.linalg.svd(x)[1]

    with pytest.raises(InputError, match="cannot be exported for 16x16 pixels"):
        ExportedNetwork(Odd(), "onnx", (1, 3, 16, 16))


@pytest.mark.parametrize(
    ("runtime", "missing", "cure"),
    [
        ("onnx", "onnxruntime", r"pip install 'dwsfusion\[onnx\]'"),
        ("openvino", "openvino", "pip install openvino"),
        ("onnx", "onnx", r"pip install 'dwsfusion\[onnx\]'"),
        ("openvino", "onnx", r"pip install 'dwsfusion\[onnx\]'"),
    ],
)
def test_a_missing_library_is_named(runtime: str, missing: str, cure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing == "onnx":
        pytest.importorskip("onnxruntime" if runtime == "onnx" else "openvino")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=f"--runtime {runtime} needs {missing}, which is not here: {cure}"):
        check_runtime(runtime, CPU)


def test_a_runtime_is_for_the_cpu() -> None:
    check_runtime("torch", torch.device("cuda"))
    with pytest.raises(InputError, match="--runtime onnx computes on the CPU: leave it out"):
        check_runtime("onnx", torch.device("cuda"))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_file_that_is_none_is_told_with_its_reason(runtime: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime" if runtime == "onnx" else "openvino")
    (path := tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"bad\.onnx.*: export it anew") as told:
        open_session(path, runtime)
    assert "Exception from" not in str(told.value)
    with pytest.raises(InputError, match=r"this network.*: leave out --runtime") as told:
        open_session(path, runtime, "this network")


def test_a_training_does_not_begin_where_its_runtime_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    make_sample(tmp_path / "data", SampleConfig(train=2, test=2, height=96, width=128))
    monkeypatch.setitem(sys.modules, "openvino", None)
    config = DetectionCommand(
        data=tmp_path / "data",
        detection=DetectionConfig(protocol="joint", runtime="openvino", epochs=1),
        out=tmp_path / "out",
    )
    with pytest.raises(InputError, match="--runtime openvino needs openvino"):
        main(config)
    assert not (tmp_path / "out/training").exists()
