"""The loops of the adaptive convolution and of the convolution's gradient against plain operations."""

from functools import partial

import pytest
import torch
from torch import Tensor

from dwsfusion import kernels
from dwsfusion.ops import adaptive_convolution, plain_operations

if not kernels.available():
    pytest.skip("compiled loops cannot be had here", allow_module_level=True)
from dwsfusion.kernels import gradients
from dwsfusion.kernels.convolution import convolve


def sampling_inputs(shape: tuple[int, ...], reach: float, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Padded map, kernel, dilation, modulation and bias for (B, C, O, H, W)."""
    torch.manual_seed(0)
    b, c, o, h, w = shape
    return [
        torch.randn(b, c, h + 2, w + 2, dtype=dtype),
        torch.randn(b, o, c, 3, 3, dtype=dtype),
        torch.rand(b, 1, h, w, dtype=dtype) * reach + 0.01,
        torch.rand(b, 9, h, w, dtype=dtype),
        torch.randn(o, dtype=dtype),
    ]


@pytest.mark.parametrize(
    ("shape", "reach"), [((2, 2, 1, 5, 130), 0.9), ((1, 4, 3, 7, 9), 3), ((9, 1, 2, 6, 140), 40), ((1, 2, 1, 1, 1), 2)]
)
def test_sampling_and_its_gradients_equal_deform_conv2d(shape: tuple[int, ...], reach: float) -> None:
    inputs = [x.requires_grad_() for x in sampling_inputs(shape, reach)]
    out = gradients.adaptive_convolution(*inputs)
    with plain_operations():
        expected = adaptive_convolution(*inputs)
    torch.testing.assert_close(out, expected)
    above = torch.randn_like(out)
    torch.testing.assert_close(torch.autograd.grad(out, inputs, above), torch.autograd.grad(expected, inputs, above))


def test_single_precision_stays_within_a_hundred_thousandth() -> None:
    inputs = sampling_inputs((1, 2, 2, 20, 150), 0.9, torch.float32)
    exact = gradients.adaptive_convolution(*(x.double() for x in inputs))
    torch.testing.assert_close(gradients.adaptive_convolution(*inputs).double(), exact, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("reach", [0.8, 2.5])
def test_gradcheck(reach: float) -> None:
    inputs = [x.requires_grad_() for x in sampling_inputs((2, 2, 2, 4, 5), reach)]
    assert torch.autograd.gradcheck(gradients.adaptive_convolution, inputs)


def test_nan_shows_and_far_taps_read_zeros() -> None:
    padded, kernel, dilation, modulation, bias = sampling_inputs((1, 1, 1, 6, 8), 0.5)
    dilation[0, 0, 2, 3] = torch.nan
    dilation[0, 0, 4, 4] = torch.inf
    dilation[0, 0, 5, 5] = 1e30
    out = gradients.adaptive_convolution(padded, kernel, dilation, modulation, bias)
    assert out.isnan().nonzero().tolist() == [[0, 0, 2, 3]]
    for y, x in ((4, 4), (5, 5)):
        centre = padded[0, 0, y + 1, x + 1] * kernel[0, 0, 0, 1, 1] * modulation[0, 4, y, x] + bias[0]
        torch.testing.assert_close(out[0, 0, y, x], centre)


def test_every_run_gives_the_same_bits_with_any_number_of_threads() -> None:
    def results() -> list[Tensor]:
        inputs = [x.requires_grad_() for x in sampling_inputs((1, 2, 2, 33, 140), 3, torch.float32)]
        out = gradients.adaptive_convolution(*inputs)
        return [out, *torch.autograd.grad(out.square().sum(), inputs[:4])]

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = results()
        torch.set_num_threads(2)
        for _ in range(3):
            assert all(torch.equal(a, b) for a, b in zip(results(), expected, strict=True))
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("bias", [True, False])
def test_gradcheck_of_the_convolution(padding: int, bias: bool) -> None:
    x, weight = torch.rand(2, 3, 9, 11).double().requires_grad_(), torch.rand(4, 3, 3, 3).double().requires_grad_()
    shift = torch.rand(4).double().requires_grad_() if bias else None
    assert torch.autograd.gradcheck(partial(convolve, padding=padding), (x, weight, shift))
