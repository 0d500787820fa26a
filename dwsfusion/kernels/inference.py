"""The layers' forward passes as a few compiled loops each, without gradients: for float tensors on the CPU.

Every function computes what the layer of its name computes in plain torch operations.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dwsfusion.kernels import bands
from dwsfusion.kernels.buffers import recycled, scratch
from dwsfusion.kernels.constants import constants
from dwsfusion.kernels.fadc import adapt, attend_rows, channel_gates, fadc_rows, frame, gate_rows, summary_rows
from dwsfusion.kernels.rows import arrays, is_compiled
from dwsfusion.kernels.sampling import LANES, MARGIN
from dwsfusion.kernels.stages import (
    balance_rows,
    clamp_rows,
    conv_relu_pool_rows,
    cross_rows,
    extremes_rows,
    match_rows,
    up_rows,
    weigh_rows,
)
from dwsfusion.kernels.threads import in_parallel

if TYPE_CHECKING:
    from dwsfusion.generator import AlphaNet, Down
    from dwsfusion.layers import FA2M, FADC, KernelAttention


def are_compiled() -> bool:
    """Whether the loops' machine code lies on disk already, so that the first picture need not wait for it."""
    return is_compiled(fadc_rows)  # which is among the last ones that a picture needs


class _Filters(NamedTuple):
    """What the loops take of a FADC for a map of C channels, where one may stand for all of them."""

    gates: tuple[NDArray[Any], NDArray[Any]]
    """The weights ``(C, 3, 9)`` and bias of the frequency selection's gates."""
    weight: NDArray[Any]
    """``(O, C, 9)`` with all channels."""
    low: tuple[NDArray[Any], ...]
    high: tuple[NDArray[Any], ...]
    """Kernel attentions, as `adapt` takes them."""
    spread: tuple[NDArray[Any], NDArray[Any]]
    """The weights ``(C, 10, 9)`` and bias of dilation and modulation."""
    bias: NDArray[Any]


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
    (picture,) = arrays(x)
    out = recycled((b, len(layer.weight), h, w), picture.dtype)
    in_parallel(fadc_rows, b * h, *_sampling(layer, picture, low_pass), out)
    return torch.from_numpy(out)


def fa2m(layer: "FA2M", x: Tensor, low_pass: Callable[[Tensor], Sequence[Tensor]]) -> Tensor:
    """A FA2M: ``(B, C, H, W)`` to the same."""
    b, c, h, w = x.shape
    picture, scale = arrays(x, layer.channel.scale(x).flatten(1))
    # Where x has one channel, its mean and its maximum are the same map.
    summary = scratch("summary", (b, min(c, 2), h, w), picture.dtype)
    in_parallel(summary_rows, b * h, picture, scale, summary)
    out = recycled(picture.shape, picture.dtype)
    in_parallel(attend_rows, b * h, *_sampling(layer.spatial, summary, low_pass), picture, scale, out)
    return torch.from_numpy(out)


def _sampling(
    layer: "FADC", x: NDArray[Any], low_pass: Callable[[Tensor], Sequence[Tensor]]
) -> tuple[NDArray[Any], ...]:
    """What a FADC samples, and how: the padded map, the weights of dilation and modulation, the adapted kernel."""
    b, c = x.shape[:2]
    filters = constants(_filters, layer, c)
    padded, means = _selected(filters.gates, x, low_pass)
    kernel = np.empty((b, len(filters.weight), c, 9), x.dtype)
    adapt(means, filters.weight, filters.low, filters.high, kernel)
    return padded, *filters.spread, kernel, filters.bias


def _filters(layer: "FADC", channels: int) -> _Filters:
    gates, parts = layer.frequency.gates, (layer.dilation, layer.modulation)
    spread = _by_channel(_merged(torch.cat([part.weight for part in parts]), channels))
    shift = torch.cat([part.bias for part in parts])  # type: ignore[misc]
    bias = layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias
    return _Filters(
        _pair(_by_channel(_merged(gates.weight, channels)), gates.bias),  # type: ignore[arg-type]
        arrays(layer.weight.flatten(2))[0],
        _attention(layer.low),
        _attention(layer.high),
        _pair(spread, shift),
        arrays(bias)[0],
    )


def _attention(layer: "KernelAttention") -> tuple[NDArray[Any], ...]:
    scale, shift = _scale_and_shift(layer.norm)
    heads = (part for conv in (layer.channels, layer.filters) for part in (conv.weight.flatten(1), conv.bias))
    return tuple(arrays(layer.squeeze.weight.flatten(1), scale, shift, *heads))  # type: ignore[arg-type]


def _selected(
    gates: tuple[NDArray[Any], NDArray[Any]], x: NDArray[Any], low_pass: Callable[[Tensor], Sequence[Tensor]]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Frequency selection, between copies of its border and those between zeros; and the channel means."""
    b, c, h, w = x.shape
    weighted = scratch("gates", (b, len(gates[1]), h, w), x.dtype)
    in_parallel(gate_rows, b * h, x, *gates, weighted)
    edge = 1 + MARGIN
    padded = scratch("padded", (b, c, h + 2 * edge, w + 2 * edge + -w % LANES), x.dtype)
    inner, sums = padded[:, :, edge : edge + h, edge : edge + w], np.empty((b, c, w), x.dtype)
    if bands.transformable(h, w):
        bands.select(x, weighted, inner, sums)
    else:
        low2, low4, low8 = arrays(*low_pass(torch.from_numpy(x)))
        high, middle, deep = (weighted[:, band : band + 1] for band in range(3))
        inner[:] = low8 + 2 * (high * (x - low2) + middle * (low2 - low4) + deep * (low4 - low8))
        sums[:] = inner.sum(2)
    frame(padded, h, w)
    return padded, (sums.sum(2, dtype=np.float64) / (h * w)).astype(x.dtype)


def conv_relu_twice_mean(net: "AlphaNet", x: Tensor) -> Tensor:
    """The channel means ``(B, O)`` of its two convolutions with zero padding, each with a ReLU."""
    b, _, h, w = x.shape
    (pair,) = arrays(x)
    sums = np.empty((b, net.conv2.out_channels, h), pair.dtype)
    in_parallel(balance_rows, b * h, pair, *constants(_balance, net), sums)
    return torch.from_numpy((sums.sum(2, dtype=np.float64) / (h * w)).astype(pair.dtype))


def _balance(net: "AlphaNet") -> list[NDArray[Any]]:
    convs = (net.conv1, net.conv2)
    return [part for conv in convs for part in arrays(_by_channel(conv.weight), conv.bias)]  # type: ignore[arg-type]


def down(stage: "Down", x: Tensor) -> Tensor:
    """A down stage; odd sides count as if they had a row or column of zeros more."""
    (picture,) = arrays(x)
    for conv, norm in ((stage.conv1, stage.norms[0]), (stage.conv2, stage.norms[-1])):
        b, _, h, w = picture.shape
        out = recycled((b, conv.out_channels, (h + 1) // 2, (w + 1) // 2), picture.dtype)
        weight, shift = constants(_normed, stage, conv, norm)
        average = isinstance(stage.pool, nn.AvgPool2d)
        in_parallel(conv_relu_pool_rows, b * out.shape[2], picture, weight, shift, out, average)
        picture = out
    return torch.from_numpy(picture)


def _normed(_stage: "Down", conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[NDArray[Any], NDArray[Any]]:
    """A convolution ``(C, O, 9)`` and the norm behind it as one, and what is added."""
    scale, shift = _scale_and_shift(norm)
    return _pair(_by_channel(conv.weight * scale[:, None, None, None]), shift)


def up(stage: nn.Sequential, x: Tensor) -> Tensor:
    """An up stage: ``(B, C, H, W)`` to ``(B, O, 4 H, 4 W)``."""
    (picture,), parameters = arrays(x), constants(_up, stage)
    b, _, h, w = picture.shape
    out = recycled((b, len(parameters[-1]), 4 * h, 4 * w), picture.dtype)
    in_parallel(up_rows, b * h, picture, *parameters, out)
    return torch.from_numpy(out)


def _up(stage: nn.Sequential) -> list[NDArray[Any]]:
    parameters = []
    for conv, norm in ((stage[0], stage[1]), (stage[3], stage[4])):
        scale, shift = _scale_and_shift(norm)  # type: ignore[arg-type]
        parameters += [conv.weight * scale[:, None, None], conv.bias * scale + shift]  # type: ignore[operator]
    return arrays(*parameters)


def channel_scale(mlp: nn.Sequential, x: Tensor) -> Tensor:
    """What a channel attention says of the channels' means and maxima: ``(B, C, H, W)`` to ``(B, C, 1, 1)``."""
    (picture,) = arrays(x)
    b, c, h, w = picture.shape
    sums, largest = np.empty((2, b, c, h), picture.dtype)
    in_parallel(extremes_rows, b * h, picture, sums, largest)
    scale = channel_gates(sums, largest, h * w, *constants(_weights, mlp))
    return torch.from_numpy(scale)[:, :, None, None]


def _weights(mlp: nn.Sequential) -> list[NDArray[Any]]:
    return arrays(mlp[0].weight, mlp[2].weight)  # type: ignore[arg-type]


def sigmoid_of_sum(x: Tensor, picture: Tensor) -> Tensor:
    """Both ``(B, 1, H, W)``, and so is the result."""
    maps = arrays(x, picture)
    out = recycled(maps[0].shape, maps[0].dtype)
    in_parallel(weigh_rows, x.shape[0] * x.shape[2], *maps, out)
    return torch.from_numpy(out)


def clamp(x: Tensor) -> Tensor:
    """To [0, 1], in place."""
    (rows,) = arrays(x.flatten(0, 2))
    in_parallel(clamp_rows, len(rows), rows)
    return x


def stack(a: Tensor, b: Tensor) -> Tensor:
    """The channels of a before those of b. Torch would wake threads for it, which then stand in the loops' way."""
    maps = arrays(a, b)
    out = recycled((a.shape[0], a.shape[1] + b.shape[1], *a.shape[2:]), maps[0].dtype)
    return torch.from_numpy(np.concatenate(maps, axis=1, out=out))


def add_matched(features: Tensor, match: nn.Conv2d, x: Tensor) -> Tensor:
    """Adds a 1×1 convolution of x ``(B, C, H, W)`` to features ``(B, O, H, W)``, in their place."""
    parameters = arrays(match.weight.flatten(1), match.bias, features)  # type: ignore[arg-type]
    in_parallel(match_rows, x.shape[0] * x.shape[2], *arrays(x), *parameters)
    return features


def cross(ir: Tensor, vis_y: Tensor, weigh_ir: Tensor, weigh_vis: Tensor, alpha: Tensor) -> Tensor:
    """Pictures times their own map and what the other's leaves: all ``(B, 1, …)``, the result is ``(B, 2, H, W)``."""
    b, _, h, w = ir.shape
    maps = arrays(*(x[:, 0] for x in (ir, vis_y, weigh_ir, weigh_vis)), alpha.flatten())
    out = recycled((b, 2, h, w), maps[0].dtype)
    in_parallel(cross_rows, b * h, *maps, out)
    return torch.from_numpy(out)


def _pair(a: Tensor, b: Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
    one, other = arrays(a, b)
    return one, other


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
