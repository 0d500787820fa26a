"""The layers' forward passes as a few compiled loops each, without gradients: arrays in, arrays out.

Each class computes what the layer that it is made from computes in torch operations; what the loops take of the
layer's parameters is copied when it is made.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dwsfusion.frequencies import low_pass
from dwsfusion.generator import Down, Up
from dwsfusion.kernels import bands
from dwsfusion.kernels.buffers import recycled, scratch
from dwsfusion.kernels.fadc import adapt, attend_rows, channel_gates, fadc_rows, frame, gate_rows, summary_rows
from dwsfusion.kernels.rows import arrays
from dwsfusion.kernels.sampling import LANES, MARGIN
from dwsfusion.kernels.stages import conv_relu_pool_rows, extremes_rows, up_rows
from dwsfusion.kernels.threads import in_parallel
from dwsfusion.kernels.vectors import LENGTH
from dwsfusion.layers import FA2M, FADC, KernelAttention

Array = NDArray[Any]


class _Sampling(NamedTuple):
    """What a FADC samples, and how."""

    padded: Array
    """The selected map, ``(B, C, H + 4, ...)``."""
    spread_weight: Array
    """Of dilation and modulation, ``(C, 10, 9)``."""
    spread_bias: Array
    """``(10,)``"""
    kernel: Array
    """Of each picture, ``(B, O, C, 9)``."""
    bias: Array
    """``(O,)``"""


class CompiledFADC:
    """A FADC.

    Args:
        layer: the layer.
        channels: what its maps have: as many as the layer, or 1 where one stands for all of them.
    """

    def __init__(self, layer: FADC, channels: int) -> None:
        gates, parts = layer.frequency.gates, (layer.dilation, layer.modulation)
        self._gates = copied(by_channel(_merged(gates.weight, channels)), gates.bias)
        self._weight = copied(layer.weight.flatten(2))[0]  # (O, C, 9) with all channels
        self._low, self._high = _attention(layer.low), _attention(layer.high)
        weight = torch.cat([part.weight for part in parts])
        shift = torch.cat([part.bias for part in parts])  # type: ignore[misc]
        self._spread = copied(by_channel(_merged(weight, channels)), shift)
        self._bias = copied(layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias)[0]

    def __call__(self, x: Array) -> Array:
        """``(B, C, H, W)`` to ``(B, O, H, W)``."""
        b, _, h, w = x.shape
        out = recycled((b, len(self._weight), h, w), x.dtype)
        in_parallel(fadc_rows, b * h, *self.sampling(x), out)
        return out

    def sampling(self, x: Array) -> _Sampling:
        """All that comes before the sampling."""
        b, c = x.shape[:2]
        padded, means = self._selected(x)
        kernel = np.empty((b, len(self._weight), c, 9), x.dtype)
        adapt(means, self._weight, self._low, self._high, kernel)
        return _Sampling(padded, self._spread[0], self._spread[1], kernel, self._bias)

    def _selected(self, x: Array) -> tuple[Array, Array]:
        """Frequency selection, between copies of its border and those between zeros; and the channel means."""
        b, c, h, w = x.shape
        gates = scratch("gates", (b, bands.gate_blocks(w), h, len(self._gates[1]), LENGTH), x.dtype)
        in_parallel(gate_rows, b * h, x, *self._gates, gates)
        edge = 1 + MARGIN
        padded = scratch("padded", (b, c, h + 2 * edge, w + 2 * edge + -w % LANES), x.dtype)
        inner, sums = padded[:, :, edge : edge + h, edge : edge + w], np.empty((b, c, w), x.dtype)
        if bands.transformable(h, w):
            bands.select(x, gates, inner, sums)
        else:
            low2, low4, low8 = arrays(*low_pass(torch.from_numpy(x)))
            high, middle, deep = bands.by_rows(gates, w)
            inner[:] = low8 + 2 * (high * (x - low2) + middle * (low2 - low4) + deep * (low4 - low8))
            sums[:] = inner.sum(2)
        frame(padded, h, w)
        return padded, (sums.sum(2, dtype=np.float64) / (h * w)).astype(x.dtype)


class CompiledFA2M:
    """A FA2M.

    Args:
        layer: the layer.
        channels: of its maps.
    """

    def __init__(self, layer: FA2M, channels: int) -> None:
        # Where a map has one channel, its mean and its maximum are the same map.
        self._summaries = min(channels, 2)
        self._spatial = CompiledFADC(layer.spatial, self._summaries)
        mlp = layer.channel.mlp
        self._mlp = None if mlp is None else copied(mlp[0].weight, mlp[2].weight)  # type: ignore[arg-type]

    def __call__(self, x: Array) -> Array:
        """``(B, C, H, W)`` to the same."""
        b, _, h, w = x.shape
        scale = self._scale(x)
        summary = scratch("summary", (b, self._summaries, h, w), x.dtype)
        in_parallel(summary_rows, b * h, x, scale, summary)
        out = recycled(x.shape, x.dtype)
        in_parallel(attend_rows, b * h, *self._spatial.sampling(summary), x, scale, out)
        return out

    def _scale(self, x: Array) -> Array:
        """What the channel attention says of the channels' means and maxima: ``(B, C, H, W)`` to ``(B, C)``."""
        b, c, h, w = x.shape
        if self._mlp is None:
            return np.full((b, c), 0.5, x.dtype)
        sums, largest = np.empty((2, b, c, h), x.dtype)
        in_parallel(extremes_rows, b * h, x, sums, largest)
        scale: Array = channel_gates(sums, largest, h * w, *self._mlp)
        return scale


class CompiledDown:
    """A down stage; odd sides count as if they had a row or column of zeros more."""

    def __init__(self, stage: Down) -> None:
        self.filters = stage.conv2.out_channels
        self._average = isinstance(stage.pool, nn.AvgPool2d)
        self._convs = [
            _normed(conv, norm)  # type: ignore[arg-type]
            for conv, norm in ((stage.conv1, stage.norms[0]), (stage.conv2, stage.norms[-1]))
        ]

    def __call__(self, x: Array) -> Array:
        """``(B, C, H, W)`` to ``(B, O, H / 4, W / 4)``, rounded up."""
        for weight, shift in self._convs:
            b, _, h, w = x.shape
            out = recycled((b, len(shift), (h + 1) // 2, (w + 1) // 2), x.dtype)
            in_parallel(conv_relu_pool_rows, b * out.shape[2], x, weight, shift, out, self._average)
            x = out
        return x


class CompiledUp:
    """An up stage."""

    def __init__(self, stage: Up) -> None:
        parameters = []
        for conv, norm in ((stage[0], stage[1]), (stage[3], stage[4])):
            scale, shift = _scale_and_shift(norm)  # type: ignore[arg-type]
            parameters += [conv.weight * scale[:, None, None], conv.bias * scale + shift]  # type: ignore[operator]
        self._parameters = copied(*parameters)
        self.filters = len(self._parameters[-1])

    def __call__(self, x: Array) -> Array:
        """``(B, C, H, W)`` to ``(B, O, 4 H, 4 W)``."""
        b, _, h, w = x.shape
        out = recycled((b, self.filters, 4 * h, 4 * w), x.dtype)
        in_parallel(up_rows, b * h, x, *self._parameters, out)
        return out


def by_channel(weight: Tensor) -> Tensor:
    """A kernel ``(O, C, 3, 3)`` as ``(C, O, 9)``."""
    return weight.flatten(2).transpose(0, 1)


def copied(*tensors: Tensor | None) -> tuple[Array, ...]:
    """Tensors as arrays of their own, row after row."""
    return tuple(np.array(tensor.detach().numpy(), order="C") for tensor in tensors if tensor is not None)


def _attention(layer: KernelAttention) -> tuple[Array, ...]:
    """A kernel attention as `adapt` takes it."""
    scale, shift = _scale_and_shift(layer.norm)
    heads = (part for conv in (layer.channels, layer.filters) for part in (conv.weight.flatten(1), conv.bias))
    return copied(layer.squeeze.weight.flatten(1), scale, shift, *heads)


def _normed(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Array, ...]:
    """A convolution ``(C, O, 9)`` and the norm behind it as one, and what is added, ``(O,)``."""
    scale, shift = _scale_and_shift(norm)
    return copied(by_channel(conv.weight * scale[:, None, None, None]), shift)


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
