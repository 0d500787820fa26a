"""What training may do by a loop of ours or by torch: functions that layers call.

The loops serve where gradients are needed, on a CPU. Without gradients these are plain torch operations, to be
counted, traced and exported; what is fast without gradients are the `dwsfusion.engines`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from dwsfusion import kernels

TAPS = 9
_wanted = ContextVar("loops", default=True)


@contextmanager
def plain_operations() -> Iterator[None]:
    """Inside, training uses torch operations alone: to compare with them."""
    token = _wanted.set(False)
    try:
        yield
    finally:
        _wanted.reset(token)


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """A 3×3 convolution of stride 1: ``(B, C, H, W)`` to ``(B, O, H, W)``, less what the padding does not make up for.

    The loop is its gradient, over few channels: torch's own takes many times as long on a CPU.
    """
    if not _by_loops(x):
        return F.conv2d(x, weight, bias, padding=padding)
    from dwsfusion.kernels.convolution import convolve

    return convolve(x, weight, bias, padding)


def adaptive_convolution(
    padded: Tensor, kernel: Tensor, dilation: Tensor, modulation: Tensor, bias: Tensor | None
) -> Tensor:
    """Convolves with a kernel per picture, a dilation per pixel and a modulation per pixel and tap.

    Tap k at pixel p reads the padded map bilinearly at p + (1 + dilation(p))·grid_k, zeros outside.

    Args:
        padded: ``(B, C, H + 2, W + 2)``.
        kernel: ``(B, O, C, 3, 3)``.
        dilation: ``(B, 1, H, W)``, what is added to a dilation of 1, in pixels.
        modulation: ``(B, 9, H, W)``.
        bias: ``(O,)`` or None.

    Returns:
        ``(B, O, H, W)``.
    """
    if not _by_loops(padded):
        return _deform_conv2d(padded, kernel, dilation, modulation, bias)
    from dwsfusion.kernels import gradients

    return gradients.adaptive_convolution(padded, kernel, dilation, modulation, bias)


def tap_grid(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The unit offsets of the nine taps as ``(1, 18, 1, 1)``: y, x, row by row."""
    steps = torch.arange(-1, 2, device=device, dtype=dtype)
    return torch.cartesian_prod(steps, steps).reshape(1, 2 * TAPS, 1, 1)


def _deform_conv2d(padded: Tensor, kernel: Tensor, dilation: Tensor, modulation: Tensor, bias: Tensor | None) -> Tensor:
    from torchvision.ops import deform_conv2d  # here, for it takes a second to import

    b, o, c = kernel.shape[:3]
    h, w = dilation.shape[-2:]
    grid = tap_grid(padded.device, padded.dtype)
    # At NaN torchvision would read outside its memory. Here the NaN still shows, through modulation and pixels.
    dilation = dilation.nan_to_num(nan=0.0, posinf=0.0)
    # One picture after another becomes one group after another: deform_conv2d knows one kernel per group only.
    out = deform_conv2d(
        padded.reshape(1, b * c, h + 2, w + 2),
        (dilation * grid).reshape(1, b * 2 * TAPS, h, w),
        kernel.reshape(b * o, c, 3, 3),
        None if bias is None else bias.repeat(b),
        mask=modulation.reshape(1, b * TAPS, h, w),
    )
    return out.reshape(b, o, h, w)


def _by_loops(x: Tensor) -> bool:
    """Whether somebody may ask for a gradient, of float numbers on the CPU, and torch does not record what is done."""
    if not torch.is_grad_enabled() or x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64):
        return False
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return False
    return _wanted.get() and _have_been_tried(x.dtype)


@cache
def _have_been_tried(dtype: torch.dtype) -> bool:
    """Whether the loops work, forward and backward: a step of training cannot be done half by them."""

    def by_loops() -> bool:
        from dwsfusion.kernels import convolution, gradients

        # Not an inference tensor, whoever asks first.
        with torch.inference_mode(False), torch.enable_grad():
            x, weight = (torch.ones(shape, dtype=dtype).requires_grad_() for shape in ((2, 2, 4, 5), (2, 2, 3, 3)))
            one, nine = (torch.ones(2, taps, 2, 3, dtype=dtype).requires_grad_() for taps in (1, TAPS))
            out = gradients.adaptive_convolution(x, weight.expand(2, 2, 2, 3, 3), one, nine, None)
            (out.sum() + convolution.convolve(x, weight, None, 1).sum()).backward()
        return True

    return kernels.attempt(by_loops, lambda: False)
