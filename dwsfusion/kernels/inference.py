"""The layers' forward passes as a few compiled loops each, without gradients: for float tensors on the CPU.

Every function computes what the layer of its name computes in plain torch operations.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from dwsfusion.kernels.loops import (
    attend_rows,
    combine_rows,
    conv_relu_pool_rows,
    conv_relu_rows,
    conv_relu_sum_rows,
    fadc_rows,
    gate_rows,
    summary_rows,
    up_rows,
)
from dwsfusion.kernels.rows import arrays, in_parallel
from dwsfusion.kernels.sampling import LANES, MARGIN

if TYPE_CHECKING:
    from dwsfusion.layers import FADC


def fadc(layer: "FADC", x: Tensor, low_pass: Callable[[Tensor], Sequence[Tensor]]) -> Tensor:
    """A FADC.

    Args:
        layer: its parameters.
        x: ``(B, C, H, W)``, or ``(B, 1, H, W)`` where all channels are the same.
        low_pass: gives the low-pass images of a map.

    Returns:
        ``(B, O, H, W)``.
    """
    b, c, h, w = x.shape
    padded, mean = _selected(layer.frequency.gates, x, low_pass)
    kernel = layer.adapted_kernel(mean.expand(-1, layer.weight.shape[1], -1, -1))
    kernel = _merged(kernel.flatten(0, 1), c).reshape(b, -1, c, 9)
    out = x.new_empty(b, kernel.shape[1], h, w)
    bias = out.new_zeros(out.shape[1]) if layer.bias is None else layer.bias
    weight = _merged(torch.cat([layer.dilation.weight, layer.modulation.weight]), c)
    shift = torch.cat([layer.dilation.bias, layer.modulation.bias])  # type: ignore[list-item]
    in_parallel(fadc_rows, b * h, *arrays(padded, weight, shift, kernel, bias, out))
    return out


def _selected(gates: nn.Conv2d, x: Tensor, low_pass: Callable[[Tensor], Sequence[Tensor]]) -> tuple[Tensor, Tensor]:
    """Frequency selection, between copies of its border and those between zeros; and the channel means."""
    b, c, h, w = x.shape
    edge = 1 + MARGIN
    weighted = x.new_empty(b, len(gates.weight), h, w)
    in_parallel(gate_rows, b * h, *arrays(x, _merged(gates.weight, c), gates.bias, weighted))  # type: ignore[arg-type]
    padded = x.new_zeros(b, c, h + 2 * edge, w + 2 * edge + -w % LANES)
    sums = x.new_empty(b, c, h, dtype=torch.float64)
    # Plane by plane, for a plane's spectrum stays in the cache and its memory with the process.
    for plane in np.ndindex(b, c):
        low = low_pass(x[plane][None, None])
        parts = (x[plane], *(image[0, 0] for image in low), weighted[plane[0]], padded[plane], sums[plane])
        in_parallel(combine_rows, h, *arrays(*parts))
    return padded, (sums.sum(2) / (h * w)).to(x.dtype)[:, :, None, None]


def summary(x: Tensor, scale: Tensor) -> Tensor:
    """Mean and maximum over the channels of x times scale ``(B, C, 1, 1)``; one map where they are the same."""
    b, c, h, w = x.shape
    out = x.new_empty(b, min(c, 2), h, w)
    in_parallel(summary_rows, b * h, *arrays(x, scale.flatten(1), out))
    return out


def attend(x: Tensor, scale: Tensor, attention: Tensor) -> Tensor:
    """x times scale ``(B, C, 1, 1)`` times the sigmoid of the attention ``(B, 1, H, W)``."""
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    in_parallel(attend_rows, x.shape[0] * x.shape[2], *arrays(x, scale.flatten(1), attention[:, 0], out))
    return out


def conv_relu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A 3×3 convolution with zero padding and a ReLU."""
    out = x.new_empty(x.shape[0], weight.shape[0], *x.shape[2:])
    in_parallel(conv_relu_rows, x.shape[0] * x.shape[2], *arrays(x, weight, bias, out))
    return out


def conv_relu_mean(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The channel means ``(B, O)`` of `conv_relu`."""
    sums = x.new_empty(x.shape[0], weight.shape[0], x.shape[2], dtype=torch.float64)
    in_parallel(conv_relu_sum_rows, x.shape[0] * x.shape[2], *arrays(x, weight, bias, sums))
    return (sums.sum(2) / (x.shape[2] * x.shape[3])).to(x.dtype)


def conv_norm_relu_pool(x: Tensor, conv: nn.Conv2d, norm: nn.BatchNorm2d, average: bool) -> Tensor:
    """Half of a down stage; odd sides count as if they had a row or column of zeros more."""
    scale, shift = _scale_and_shift(norm)
    out = x.new_empty(x.shape[0], conv.weight.shape[0], (x.shape[2] + 1) // 2, (x.shape[3] + 1) // 2)
    weight = conv.weight * scale[:, None, None, None]
    rows = out.shape[0] * out.shape[2]
    in_parallel(conv_relu_pool_rows, rows, *arrays(x, weight, shift, out), average)
    return out


def up(stage: nn.Sequential, x: Tensor) -> Tensor:
    """An up stage: ``(B, C, H, W)`` to ``(B, O, 4 H, 4 W)``."""
    parameters = []
    for conv, norm in ((stage[0], stage[1]), (stage[3], stage[4])):
        scale, shift = _scale_and_shift(norm)  # type: ignore[arg-type]
        parameters += [conv.weight * scale[:, None, None], conv.bias * scale + shift]  # type: ignore[operator]
    b, _, h, w = x.shape
    out = x.new_empty(b, parameters[-1].shape[0], 4 * h, 4 * w)
    in_parallel(up_rows, b * h, *arrays(x, *parameters, out))
    return out


def _merged(weight: Tensor, channels: int) -> Tensor:
    """A kernel ``(O, C, ...)`` for C channels, or for one that stands for all of them."""
    return weight.sum(1, keepdim=True) if channels < weight.shape[1] else weight


def _scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch norm in evaluation mode multiplies by and adds."""
    mean, var = norm.running_mean, norm.running_var
    if mean is None or var is None:
        raise ValueError("expected a batch norm with running statistics")
    scale = norm.weight * (var + norm.eps).rsqrt()
    return scale, norm.bias - mean * scale
