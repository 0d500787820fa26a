"""The layers' forward passes as a few compiled loops each, without gradients: for float tensors on the CPU.

Every function computes what the layer of its name computes in plain torch operations.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dwsfusion.kernels import bands
from dwsfusion.kernels.loops import adapt, attend_rows, fadc_rows, frame, gate_rows, summary_rows
from dwsfusion.kernels.rows import arrays, in_parallel, scratch
from dwsfusion.kernels.sampling import LANES, MARGIN
from dwsfusion.kernels.stages import (
    balance_rows,
    conv_relu_pool_rows,
    cross_rows,
    extremes_rows,
    match_rows,
    up_rows,
    weigh_rows,
)

if TYPE_CHECKING:
    from dwsfusion.layers import FA2M, FADC, KernelAttention


def fadc(layer: "FADC", x: Tensor, low_pass: Callable[[Tensor], Sequence[Tensor]]) -> Tensor:
    """A FADC.

    Args:
        layer: its parameters.
        x: ``(B, C, H, W)``, or ``(B, 1, H, W)`` where all channels are the same.
        low_pass: gives the low-pass images of a map.

    Returns:
        ``(B, O, H, W)``.
    """
    b, _, h, w = x.shape
    out = x.new_empty(b, len(layer.weight), h, w)
    in_parallel(fadc_rows, b * h, *_sampling(layer, x, low_pass), *arrays(out))
    return out


def fa2m(layer: "FA2M", x: Tensor, low_pass: Callable[[Tensor], Sequence[Tensor]]) -> Tensor:
    """A FA2M: ``(B, C, H, W)`` to the same."""
    b, c, h, w = x.shape
    scale = layer.channel.scale(x).flatten(1)
    # Where x has one channel, its mean and its maximum are the same map.
    summary = torch.from_numpy(scratch("summary", (b, min(c, 2), h, w), x.detach().numpy().dtype))
    in_parallel(summary_rows, b * h, *arrays(x, scale, summary))
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    in_parallel(attend_rows, b * h, *_sampling(layer.spatial, summary, low_pass), *arrays(x, scale, out))
    return out


def _sampling(layer: "FADC", x: Tensor, low_pass: Callable[[Tensor], Sequence[Tensor]]) -> list[NDArray[Any]]:
    """What a FADC samples, and how: the padded map, the weights of dilation and modulation, the adapted kernel."""
    b, c = x.shape[:2]
    padded, means = _selected(layer.frequency.gates, x, low_pass)
    weight, *attentions = arrays(layer.weight.flatten(2), *_attention(layer.low), *_attention(layer.high))
    kernel = np.empty((b, len(weight), c, 9), weight.dtype)
    adapt(means, weight, tuple(attentions[:7]), tuple(attentions[7:]), kernel)
    spread = _by_channel(_merged(torch.cat([layer.dilation.weight, layer.modulation.weight]), c))
    shift = torch.cat([layer.dilation.bias, layer.modulation.bias])  # type: ignore[list-item]
    bias = layer.weight.new_zeros(len(weight)) if layer.bias is None else layer.bias
    return [padded, *arrays(spread, shift), kernel, *arrays(bias)]


def _attention(layer: "KernelAttention") -> list[Tensor]:
    """Its parameters, as `adapt` takes them."""
    scale, shift = _scale_and_shift(layer.norm)
    heads = (part for conv in (layer.channels, layer.filters) for part in (conv.weight.flatten(1), conv.bias))
    return [layer.squeeze.weight.flatten(1), scale, shift, *heads]  # type: ignore[list-item]


def _selected(
    gates: nn.Conv2d, x: Tensor, low_pass: Callable[[Tensor], Sequence[Tensor]]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Frequency selection, between copies of its border and those between zeros; and the channel means."""
    b, c, h, w = x.shape
    weight, bias = arrays(_by_channel(_merged(gates.weight, c)), gates.bias)  # type: ignore[arg-type]
    weighted = scratch("gates", (b, len(bias), h, w), weight.dtype)
    in_parallel(gate_rows, b * h, *arrays(x), weight, bias, weighted)
    edge = 1 + MARGIN
    padded = scratch("padded", (b, c, h + 2 * edge, w + 2 * edge + -w % LANES), weight.dtype)
    inner, sums = padded[:, :, edge : edge + h, edge : edge + w], np.empty((b, c, w), weight.dtype)
    if bands.transformable(x):
        bands.select(x, weighted, inner, sums)
    else:
        full, low2, low4, low8 = arrays(x, *low_pass(x))
        high, middle, deep = (weighted[:, band : band + 1] for band in range(3))
        inner[:] = low8 + 2 * (high * (full - low2) + middle * (low2 - low4) + deep * (low4 - low8))
        sums[:] = inner.sum(2)
    frame(padded, h, w)
    return padded, (sums.sum(2, dtype=np.float64) / (h * w)).astype(weight.dtype)


def conv_relu_twice_mean(x: Tensor, first: nn.Conv2d, second: nn.Conv2d) -> Tensor:
    """The channel means ``(B, O)`` of two 3×3 convolutions with zero padding, each with a ReLU."""
    b, _, h, w = x.shape
    sums = np.empty((b, len(second.weight), h), x.detach().numpy().dtype)
    parameters = [part for conv in (first, second) for part in (_by_channel(conv.weight), conv.bias)]
    in_parallel(balance_rows, b * h, *arrays(x, *parameters), sums)  # type: ignore[arg-type]
    return torch.from_numpy(sums.sum(2, dtype=np.float64) / (h * w)).to(x.dtype)


def conv_norm_relu_pool(x: Tensor, conv: nn.Conv2d, norm: nn.BatchNorm2d, average: bool) -> Tensor:
    """Half of a down stage; odd sides count as if they had a row or column of zeros more."""
    scale, shift = _scale_and_shift(norm)
    out = x.new_empty(x.shape[0], conv.weight.shape[0], (x.shape[2] + 1) // 2, (x.shape[3] + 1) // 2)
    weight = conv.weight * scale[:, None, None, None]
    rows = out.shape[0] * out.shape[2]
    in_parallel(conv_relu_pool_rows, rows, *arrays(x, _by_channel(weight), shift, out), average)
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


def mean_and_maximum(x: Tensor) -> tuple[Tensor, Tensor]:
    """Of each channel: ``(B, C, H, W)`` to ``(B, C)`` each."""
    b, c, h, w = x.shape
    sums, largest = np.empty((2, b, c, h), x.detach().numpy().dtype)
    in_parallel(extremes_rows, b * h, *arrays(x), sums, largest)
    mean = (sums.sum(2, dtype=np.float64) / (h * w)).astype(sums.dtype)
    return torch.from_numpy(mean), torch.from_numpy(largest.max(2))


def sigmoid_of_sum(x: Tensor, picture: Tensor) -> Tensor:
    """Both ``(B, 1, H, W)``, and so is the result."""
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    in_parallel(weigh_rows, x.shape[0] * x.shape[2], *arrays(x, picture, out))
    return out


def stack(a: Tensor, b: Tensor) -> Tensor:
    """The channels of a before those of b. Torch would wake threads for it, which then stand in the loops' way."""
    return torch.from_numpy(np.concatenate(arrays(a, b), axis=1))


def add_matched(features: Tensor, match: nn.Conv2d, x: Tensor) -> Tensor:
    """Adds a 1×1 convolution of x ``(B, C, H, W)`` to features ``(B, O, H, W)``, in their place."""
    parameters = arrays(match.weight.flatten(1), match.bias, features)  # type: ignore[arg-type]
    in_parallel(match_rows, x.shape[0] * x.shape[2], *arrays(x), *parameters)
    return features


def cross(ir: Tensor, vis_y: Tensor, weigh_ir: Tensor, weigh_vis: Tensor, alpha: Tensor) -> Tensor:
    """Pictures times their own map and what the other's leaves: all ``(B, 1, …)``, the result is ``(B, 2, H, W)``."""
    b, _, h, w = ir.shape
    out = ir.new_empty(b, 2, h, w)
    maps = arrays(*(x[:, 0] for x in (ir, vis_y, weigh_ir, weigh_vis)), alpha.flatten(), out)
    in_parallel(cross_rows, b * h, *maps)
    return out


def _merged(weight: Tensor, channels: int) -> Tensor:
    """A kernel ``(O, C, ...)`` for C channels, or for one that stands for all of them."""
    return weight.sum(1, keepdim=True) if channels < weight.shape[1] else weight


def _by_channel(weight: Tensor) -> Tensor:
    """A kernel ``(O, C, 3, 3)`` as ``(C, O, 9)``."""
    return weight.flatten(2).transpose(0, 1)


def _scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch norm in evaluation mode multiplies by and adds."""
    mean, var = norm.running_mean, norm.running_var
    if mean is None or var is None:
        raise ValueError("expected a batch norm with running statistics")
    scale = norm.weight * (var + norm.eps).rsqrt()
    return scale, norm.bias - mean * scale
