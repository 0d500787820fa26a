"""Networks that look, computed by onnxruntime or OpenVINO: the same output as torch's, or a refusal."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from downstream.comparison import runtimes
from downstream.comparison.runtimes import ExportedNetwork, check_runtime, difference_of, noise
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
    exported = ExportedNetwork(network, runtime, noise(1, 3, 32, 48))
    assert exported.difference <= runtimes.TOLERANCE
    assert exported.version.startswith("onnxruntime " if runtime == "onnx" else "OpenVINO ")
    for size in ((32, 48), (40, 40), (33, 57)):
        pixels = torch.randn(1, 3, *size)
        torch.testing.assert_close(exported(pixels), network(pixels), atol=1e-5, rtol=1e-5)
    first = exported(noise(1, 3, 32, 48))
    kept = first.clone()
    exported(torch.randn(1, 3, 32, 48))
    assert torch.equal(first, kept)  # its memory is not used again


def test_a_runtime_that_gives_other_numbers_is_refused(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(runtimes, "open_session", spoiling(runtimes.open_session))
    with pytest.raises(InputError, match=r"within 0\.0001, found a difference of .* leave out --runtime"):
        ExportedNetwork(network, "onnx", noise(1, 3, 32, 48))


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
        ExportedNetwork(Odd(), "onnx", noise(1, 3, 16, 16))


@pytest.mark.parametrize(
    ("runtime", "missing", "cure"),
    [
        ("onnx", "onnxruntime", r"pip install 'dwsfusion\[onnx\]'"),
        ("openvino", "openvino", "pip install openvino"),
        ("onnx", "onnx", r"pip install 'dwsfusion\[onnx\]'"),
    ],
)
def test_a_missing_library_is_named(runtime: str, missing: str, cure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=f"needs {missing}, which is not here: {cure}"):
        check_runtime(runtime, CPU)


def test_a_runtime_is_for_the_cpu() -> None:
    check_runtime("torch", torch.device("cuda"))
    with pytest.raises(InputError, match="--runtime onnx computes on the CPU: add --device cpu"):
        check_runtime("onnx", torch.device("cuda"))
