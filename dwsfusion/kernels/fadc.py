"""The rows start..stop of each step of FADC and FA2M, all pictures one below the other."""

import numpy as np

from dwsfusion.kernels.bands import block_start
from dwsfusion.kernels.compile import compiled, compiled_part
from dwsfusion.kernels.filters import five_filters, ring_rows, ring_starts, three_filters
from dwsfusion.kernels.rows import add_row, copy_row, larger, relu_row, sigmoid_row
from dwsfusion.kernels.sampling import FRACTION, LANES, MARGIN, MODULATION, part, sample_block, work_space
from dwsfusion.kernels.vectors import LENGTH, magnitude, sigmoid, store


@compiled
def gate_rows(x, weight, bias, gates, start, stop):  # type: ignore[no-untyped-def]
    """Gates of each band and pixel, before they are doubled, by blocks of columns ``(B, M, H, 3, LENGTH)``.

    The weights are ``(C, 3, 9)``. Where a map is narrower than a block, the rest holds anything.
    """
    channels, height, width = x.shape[1:]
    ring = np.zeros((channels, 3, width + -width % LENGTH + 2), x.dtype)
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        ring_rows(ring, x[b], y, unit == start or y == 0)
        starts = ring_starts(ring, y)
        for block in range(gates.shape[1]):
            left, into = block_start(block, LENGTH, width), gates[b, block]
            sums = three_filters(ring, starts, left, weight, bias)
            store(into, 3 * LENGTH * y, sigmoid(sums[0]))
            store(into, 3 * LENGTH * y + LENGTH, sigmoid(sums[1]))
            store(into, 3 * LENGTH * y + 2 * LENGTH, sigmoid(sums[2]))


@compiled
def frame(padded, height, width):  # type: ignore[no-untyped-def]
    """Puts copies of its border around each map of ``(B, C, ...)``, and zeros around them."""
    edge = 1 + MARGIN
    for b in range(len(padded)):
        for plane in padded[b]:
            for y in range(edge, edge + height):
                line = plane[y]
                line[:MARGIN], line[edge + width + 1 :] = 0, 0
                line[edge - 1], line[edge + width] = line[edge], line[edge + width - 1]
            copy_row(plane[edge - 1], plane[edge])
            copy_row(plane[edge + height], plane[edge + height - 1])
            plane[:MARGIN], plane[edge + height + 1 :] = 0, 0


@compiled
def adapt(means, weight, low, high, kernel):  # type: ignore[no-untyped-def]
    """The kernel of each picture: what `KernelAttention` says of its mean (low) and of the rest (high).

    Args:
        means: of the channels, ``(B, C)``, or ``(B, 1)`` where one stands for all of them.
        weight: ``(O, C, 9)``.
        low: the parameters of an attention.
        high: the same.
        kernel: to be filled, ``(B, O, C, 9)``, or ``(B, O, 1, 9)`` with the sum over the channels.
    """
    filters, channels = weight.shape[:2]
    kernel[:] = 0
    for b in range(len(means)):
        low_channels, low_filters = _attention(means[b], channels, low)
        high_channels, high_filters = _attention(means[b], channels, high)
        for o in range(filters):
            for c in range(channels):
                mean, into = weight[o, c].mean(), kernel[b, o, min(c, kernel.shape[2] - 1)]
                low_factor, high_factor = low_channels[c] * low_filters[o], high_channels[c] * high_filters[o]
                for k in range(9):
                    into[k] += mean * low_factor + (weight[o, c, k] - mean) * high_factor


@compiled_part
def _attention(means, channels, parameters):  # type: ignore[no-untyped-def]
    """Factors of the channels ``(C,)`` and of the filters ``(O,)`` from means ``(C,)``, or ``(1,)`` for all of them."""
    squeeze, scale, shift, channel_weight, channel_bias, filter_weight, filter_bias = parameters
    squeezed = np.empty(len(squeeze), squeeze.dtype)
    for i in range(len(squeeze)):
        total = squeeze.dtype.type(0)
        for c in range(channels):
            total += squeeze[i, c] * means[min(c, len(means) - 1)]
        squeezed[i] = total * scale[i] + shift[i]
    relu_row(squeezed)
    return _gates(squeezed, channel_weight, channel_bias), _gates(squeezed, filter_weight, filter_bias)


@compiled_part
def _gates(squeezed, weight, bias):  # type: ignore[no-untyped-def]
    """In [0, 2]: ``(S,)`` by weights ``(N, S)`` and bias ``(N,)`` to ``(N,)``."""
    out = bias.copy()
    for i in range(len(out)):
        for j in range(len(squeezed)):
            out[i] += weight[i, j] * squeezed[j]
    sigmoid_row(out)
    return out * out.dtype.type(2)


@compiled
def channel_gates(sums, largest, pixels, squeeze, excite):  # type: ignore[no-untyped-def]
    """The sigmoid of a two-layer perceptron without bias, once for the channels' means and once for their maxima.

    Args:
        sums: of the rows, ``(B, C, H)``.
        largest: of the rows, the same.
        pixels: H times the width.
        squeeze: weights ``(S, C)``.
        excite: weights ``(C, S)``.

    Returns:
        ``(B, C)``.
    """
    pictures, channels = sums.shape[:2]
    out = np.zeros((pictures, channels), sums.dtype)
    said = np.empty((2, channels), sums.dtype)
    for b in range(pictures):
        for c in range(channels):
            total, most = 0.0, largest[b, c, 0]
            for y in range(sums.shape[2]):
                total += sums[b, c, y]
                most = larger(most, largest[b, c, y])
            said[0, c], said[1, c] = total / pixels, most
        for what in said:
            for s in range(len(squeeze)):
                hidden = (squeeze[s] * what).sum()
                if hidden < 0:
                    continue
                for c in range(channels):
                    out[b, c] += excite[c, s] * hidden  # NaN too
        sigmoid_row(out[b])
    return out


@compiled
def summary_rows(x, scale, out, start, stop):  # type: ignore[no-untyped-def]
    """Mean and maximum over channels of ``(B, C, H, W)`` times scale ``(B, C)``: ``(B, 2, H, W)``, or 1 of one
    channel.
    """
    channels, height, width = x.shape[1:]
    line = np.empty(width, x.dtype)
    share = x.dtype.type(1) / x.dtype.type(channels)
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        out[b, :, y] = 0
        for c in range(channels):
            add_row(out[b, 0, y], share * scale[b, c], x[b, c, y])
        if channels == 1:
            continue
        for c in range(channels):
            line[:] = 0
            add_row(line, scale[b, c], x[b, c, y])
            if c == 0:
                copy_row(out[b, 1, y], line)
            else:
                _raise_row(out[b, 1, y], line)


@compiled_part
def _raise_row(out, row):  # type: ignore[no-untyped-def]
    """Row by row ``(W,)``, the larger number of both into the first."""
    for x in range(len(out)):
        out[x] = larger(out[x], row[x])


@compiled_part
def _multiply_row(out, factor, a, b):  # type: ignore[no-untyped-def]
    """Two rows ``(W,)`` and a factor, into a third."""
    for x in range(len(out)):
        out[x] = factor * a[x] * b[x]


@compiled
def fadc_rows(padded, weight, spread, kernel, bias, out, start, stop):  # type: ignore[no-untyped-def]
    """Dilation and modulation from the selected map ``(B, C, H + 4, …)``, then the sampling, to ``(B, O, H, W)``."""
    filters, height = out.shape[1:3]
    blocks = work_space(filters, out.dtype.type(0))
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        _fadc_row(padded[b], y, weight, spread, kernel[b], bias, out[b], y, blocks)


@compiled
def attend_rows(padded, weight, spread, kernel, bias, x, scale, out, start, stop):  # type: ignore[no-untyped-def]
    """A map ``(B, C, H, W)`` times scale ``(B, C)`` times the sigmoid of what `fadc_rows` makes of its summary."""
    channels, height, width = x.shape[1:]
    line = np.empty((1, 1, width), x.dtype)
    blocks = work_space(1, out.dtype.type(0))
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        _fadc_row(padded[b], y, weight, spread, kernel[b], bias, line, 0, blocks)
        sigmoid_row(line[0, 0])
        for c in range(channels):
            _multiply_row(out[b, c, y], scale[b, c], x[b, c, y], line[0, 0])


@compiled_part
def _fadc_row(padded, y, weight, spread, kernel, bias, out, place, blocks):  # type: ignore[no-untyped-def]
    """Row y of ``(C, H + 4, …)``, to the row `place` of ``(O, H, W)``."""
    ws, steps, _ = blocks
    width, step = out.shape[2], padded.shape[2]
    for x in range(0, width, LANES):
        first = (y + MARGIN) * step + x + MARGIN
        _spread_block(ws, padded, (first, first + step, first + 2 * step, padded.shape[1] * step), weight, spread)
        ws[FRACTION + width - x : FRACTION + LANES] = 0
        sample_block(padded, y, x, part(ws, steps), kernel, bias, out, place, blocks)


@compiled_part
def _spread_block(ws, padded, starts, weight, bias):  # type: ignore[no-untyped-def]
    """Dilations and modulations of a block, to the work space: weights ``(C, 10, 9)`` and what is added, ``(10,)``."""
    for x in range(0, LANES, LENGTH):
        five = five_filters(padded, starts, x, weight, bias, 0)
        store(ws, FRACTION + x, magnitude(five[0]))
        _store_four(ws, MODULATION + x, five[1], five[2], five[3], five[4])
        five = five_filters(padded, starts, x, weight, bias, 5)
        store(ws, MODULATION + 4 * LANES + x, sigmoid(five[0]))
        _store_four(ws, MODULATION + 5 * LANES + x, five[1], five[2], five[3], five[4])


@compiled_part
def _store_four(ws, place, a, b, c, d):  # type: ignore[no-untyped-def]
    """The sigmoids of four vectors of `LENGTH` numbers, `LANES` apart."""
    store(ws, place, sigmoid(a))
    store(ws, place + LANES, sigmoid(b))
    store(ws, place + 2 * LANES, sigmoid(c))
    store(ws, place + 3 * LANES, sigmoid(d))
