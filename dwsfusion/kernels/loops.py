"""The rows start..stop of each step of a forward pass, all pictures one below the other."""

import numpy as np

from dwsfusion.kernels.rows import compiled, convolve_row, copy_row, relu_row, sigmoid_row, zero_padded_rows
from dwsfusion.kernels.sampling import MARGIN, sample_row, work_space


@compiled
def gate_rows(x, weight, bias, gates, start, stop):  # type: ignore[no-untyped-def]
    """Gates of each band and pixel, before they are doubled."""
    channels, height, width = x.shape[1:]
    rows = np.zeros((3, width + 2), x.dtype)
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        for band in range(len(bias)):
            gates[b, band, y] = bias[band]
        for c in range(channels):
            zero_padded_rows(rows, x[b, c], y)
            for band in range(len(bias)):
                convolve_row(gates[b, band, y], rows[0], rows[1], rows[2], weight[band, c])
        for band in range(len(bias)):
            sigmoid_row(gates[b, band, y])


@compiled
def combine_rows(x, low2, low4, low8, gates, padded, sums, start, stop):  # type: ignore[no-untyped-def]
    """The selected map of one plane between copies of its border; and its rows' sums."""
    height, width = x.shape
    edge = 1 + MARGIN
    for y in range(start, stop):
        line = padded[y + edge]
        inner = line[edge : edge + width]
        _combine_bands(inner, x[y], low2[y], low4[y], low8[y], gates[:, y])
        sums[y] = _sum_row(inner)
        line[edge - 1], line[edge + width] = inner[0], inner[-1]
        if y == 0:
            copy_row(padded[edge - 1], line)
        if y == height - 1:
            copy_row(padded[edge + height], line)


@compiled
def summary_rows(x, scale, out, start, stop):  # type: ignore[no-untyped-def]
    """Mean and maximum over channels."""
    channels, height, width = x.shape[1:]
    line = np.empty(width, x.dtype)
    share = x.dtype.type(1) / x.dtype.type(channels)
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        out[b, :, y] = 0
        for c in range(channels):
            _add_row(out[b, 0, y], share * scale[b, c], x[b, c, y])
        if channels == 1:
            continue
        for c in range(channels):
            line[:] = 0
            _add_row(line, scale[b, c], x[b, c, y])
            if c == 0:
                copy_row(out[b, 1, y], line)
            else:
                _raise_row(out[b, 1, y], line)


@compiled
def _raise_row(out, row):  # type: ignore[no-untyped-def]
    for x in range(len(out)):
        out[x] = _larger(out[x], row[x])


@compiled
def attend_rows(x, scale, attention, out, start, stop):  # type: ignore[no-untyped-def]
    """A map times its channels' scale times an attention."""
    channels, height, width = x.shape[1:]
    line = np.empty(width, x.dtype)
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        copy_row(line, attention[b, y])
        sigmoid_row(line)
        for c in range(channels):
            _multiply_row(out[b, c, y], scale[b, c], x[b, c, y], line)


@compiled
def _multiply_row(out, factor, a, b):  # type: ignore[no-untyped-def]
    for x in range(len(out)):
        out[x] = factor * a[x] * b[x]


@compiled
def _combine_bands(out, x, low2, low4, low8, gates):  # type: ignore[no-untyped-def]
    two = out.dtype.type(2)
    high, middle, deep = gates[0], gates[1], gates[2]
    for i in range(len(out)):
        out[i] = two * (
            high[i] * (x[i] - low2[i]) + middle[i] * (low2[i] - low4[i]) + deep[i] * (low4[i] - low8[i])
        ) + low8[i]  # fmt: skip


@compiled
def _sum_row(row):  # type: ignore[no-untyped-def]
    total = row.dtype.type(0)
    for x in range(len(row)):
        total += row[x]
    return total


@compiled
def fadc_rows(padded, weight, spread, kernel, bias, out, start, stop):  # type: ignore[no-untyped-def]
    """Dilation and modulation from the selected map, then the sampling."""
    channels = kernel.shape[2]
    filters, height, width = out.shape[1:]
    maps = np.empty((10, width), out.dtype)  # dilation, and the modulation of nine taps
    blocks = work_space(filters, out.dtype.type(0))
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        for k in range(10):
            maps[k] = spread[k]
        for c in range(channels):
            above, here = padded[b, c, y + MARGIN, MARGIN:], padded[b, c, y + MARGIN + 1, MARGIN:]
            below = padded[b, c, y + MARGIN + 2, MARGIN:]
            for k in range(10):
                convolve_row(maps[k], above, here, below, weight[k, c])
        maps[0] = np.abs(maps[0])
        for k in range(1, 10):
            sigmoid_row(maps[k])
        sample_row(padded[b], y, kernel[b], maps[0], maps[1:], bias, out[b], blocks)


@compiled
def _conv_relu_row(out, rows, weight, bias):  # type: ignore[no-untyped-def]
    out[:] = bias
    for c in range(len(weight)):
        convolve_row(out, rows[c, 0], rows[c, 1], rows[c, 2], weight[c])
    relu_row(out)


@compiled
def conv_relu_rows(x, weight, bias, out, start, stop):  # type: ignore[no-untyped-def]
    """Convolution and ReLU."""
    channels, height, width = x.shape[1:]
    rows = np.zeros((channels, 3, width + 2), x.dtype)
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        for c in range(channels):
            zero_padded_rows(rows[c], x[b, c], y)
        for o in range(len(weight)):
            _conv_relu_row(out[b, o, y], rows, weight[o], bias[o])


@compiled
def conv_relu_sum_rows(x, weight, bias, sums, start, stop):  # type: ignore[no-untyped-def]
    """Convolution and ReLU, of which only the rows' sums are kept."""
    channels, height, width = x.shape[1:]
    rows, line = np.zeros((channels, 3, width + 2), x.dtype), np.empty(width, x.dtype)
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        for c in range(channels):
            zero_padded_rows(rows[c], x[b, c], y)
        for o in range(len(weight)):
            _conv_relu_row(line, rows, weight[o], bias[o])
            sums[b, o, y] = _sum_row(line)


@compiled
def conv_relu_pool_rows(x, weight, bias, out, average, start, stop):  # type: ignore[no-untyped-def]
    """Convolution, ReLU and pooling: two rows become one."""
    channels, _, width = x.shape[1:]
    filters, height, half_width = out.shape[1:]
    # One more column of zeros than usual, for an odd width.
    rows = np.zeros((2, channels, 3, 2 * half_width + 2), x.dtype)
    lines = np.empty((2, 2 * half_width), x.dtype)
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        for k in range(2):
            for c in range(channels):
                zero_padded_rows(rows[k, c, :, : width + 2], x[b, c], 2 * y + k)
        for o in range(filters):
            for k in range(2):
                _conv_relu_row(lines[k], rows[k], weight[o], bias[o])
            _pool_rows(out[b, o, y], lines[0], lines[1], average)


@compiled
def _pool_rows(out, above, below, average):  # type: ignore[no-untyped-def]
    if average:
        quarter = out.dtype.type(0.25)
        for x in range(len(out)):
            out[x] = quarter * (above[2 * x] + above[2 * x + 1] + below[2 * x] + below[2 * x + 1])
        return
    for x in range(len(out)):
        out[x] = _larger(_larger(above[2 * x], above[2 * x + 1]), _larger(below[2 * x], below[2 * x + 1]))


@compiled
def _larger(a, b):  # type: ignore[no-untyped-def]
    return b if b > a or b != b else a  # a NaN wins


@compiled
def up_rows(x, weight1, bias1, weight2, bias2, out, start, stop):  # type: ignore[no-untyped-def]
    """Two transposed convolutions with ReLU: a pixel becomes sixteen."""
    channels, height, width = x.shape[1:]
    filters = len(bias1)
    hidden, line = np.empty((filters, width), x.dtype), np.empty(width, x.dtype)
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        for i in range(2):
            for j in range(2):
                for f in range(filters):
                    hidden[f] = bias1[f]
                    for c in range(channels):
                        _add_row(hidden[f], weight1[c, f, i, j], x[b, c, y])
                    relu_row(hidden[f])
                for k in range(2):
                    for m in range(2):
                        for o in range(filters):
                            line[:] = bias2[o]
                            for f in range(filters):
                                _add_row(line, weight2[f, o, k, m], hidden[f])
                            relu_row(line)
                            out[b, o, 4 * y + 2 * i + k, 2 * j + m :: 4] = line


@compiled
def _add_row(out, factor, row):  # type: ignore[no-untyped-def]
    for x in range(len(out)):
        out[x] += factor * row[x]
