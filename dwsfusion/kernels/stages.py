"""The rows start..stop of the generator's other stages, all pictures one below the other."""

import numpy as np

from dwsfusion.kernels.compile import compiled, compiled_part
from dwsfusion.kernels.filters import relu_filters, ring_rows, ring_starts
from dwsfusion.kernels.rows import add_row, larger, relu_row, sigmoid_row
from dwsfusion.kernels.vectors import LENGTH, load, maximum, splat, store


@compiled
def balance_rows(x, weight1, bias1, weight2, bias2, sums, start, stop):  # type: ignore[no-untyped-def]
    """Twice convolution and ReLU of ``(B, C, H, W)``, of which only the rows' sums are kept: ``(B, O, H)``."""
    channels, height, width = x.shape[1:]
    whole = width + -width % LENGTH
    ring, hidden = np.zeros((channels, 3, whole + 2), x.dtype), np.zeros((len(bias1), 3, whole + 2), x.dtype)
    lines = np.empty((len(bias2), whole), x.dtype)
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        if unit == start or y == 0:
            _hidden_row(hidden, ring, x[b], y - 1, True, weight1, bias1)
            _hidden_row(hidden, ring, x[b], y, False, weight1, bias1)
        _hidden_row(hidden, ring, x[b], y + 1, False, weight1, bias1)
        relu_filters(lines, 0, whole, hidden, ring_starts(hidden, y), whole, weight2, bias2)
        for o in range(len(bias2)):
            sums[b, o, y] = _sum_row(lines[o, :width])


@compiled_part
def _hidden_row(hidden, ring, x, y, first, weight, bias):  # type: ignore[no-untyped-def]
    """Row y of the first convolution of ``(C, H, W)`` in its ring ``(F, 3, W + 2 or more)``, zero outside."""
    height, width = x.shape[1:]
    step = hidden.shape[2]
    ring_rows(ring, x, y, first)
    if 0 <= y < height:
        relu_filters(hidden, y % 3 * step + 1, 3 * step, ring, ring_starts(ring, y), step - 2, weight, bias)
        hidden[:, y % 3, width + 1 :] = 0
    else:
        hidden[:, y % 3] = 0


@compiled_part
def _sum_row(row):  # type: ignore[no-untyped-def]
    """``(W,)`` to a number."""
    total = row.dtype.type(0)
    for x in range(len(row)):
        total += row[x]
    return total


@compiled
def conv_relu_pool_rows(x, weight, bias, out, average, start, stop):  # type: ignore[no-untyped-def]
    """Convolution, ReLU and pooling: ``(B, C, H, W)`` to ``(B, O, H / 2, W / 2)``."""
    channels, _, width = x.shape[1:]
    filters, height, _ = out.shape[1:]
    whole = width + -width % LENGTH  # even, so an odd width has its column of zeros more
    ring, lines = np.zeros((channels, 3, whole + 2), x.dtype), np.empty((2, filters, whole), x.dtype)
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        for k in range(2):
            ring_rows(ring, x[b], 2 * y + k, k == 0 and (unit == start or y == 0))
            relu_filters(lines[k], 0, whole, ring, ring_starts(ring, 2 * y + k), whole, weight, bias)
        for o in range(filters):
            _pool_rows(out[b, o, y], lines[0, o], lines[1, o], average)


@compiled_part
def _pool_rows(out, above, below, average):  # type: ignore[no-untyped-def]
    """Two rows ``(W,)`` to one, ``(W / 2,)``."""
    if average:
        quarter = out.dtype.type(0.25)
        for x in range(len(out)):
            out[x] = quarter * (above[2 * x] + above[2 * x + 1] + below[2 * x] + below[2 * x + 1])
        return
    for x in range(len(out)):
        out[x] = larger(larger(above[2 * x], above[2 * x + 1]), larger(below[2 * x], below[2 * x + 1]))


@compiled
def up_rows(x, weight1, bias1, weight2, bias2, out, start, stop):  # type: ignore[no-untyped-def]
    """Two transposed convolutions with ReLU: ``(B, C, H, W)`` to ``(B, O, 4 H, 4 W)``."""
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
                        add_row(hidden[f], weight1[c, f, i, j], x[b, c, y])
                    relu_row(hidden[f])
                for k in range(2):
                    for m in range(2):
                        for o in range(filters):
                            line[:] = bias2[o]
                            for f in range(filters):
                                add_row(line, weight2[f, o, k, m], hidden[f])
                            relu_row(line)
                            _spread_row(out[b, o, 4 * y + 2 * i + k], 2 * j + m, line)


@compiled_part
def _spread_row(out, first, row):  # type: ignore[no-untyped-def]
    """``(W,)`` to every fourth of ``(4 W,)``: a slice's assignment takes seconds to compile, for its error message."""
    for x in range(len(row)):
        out[4 * x + first] = row[x]


@compiled
def extremes_rows(x, sums, largest, start, stop):  # type: ignore[no-untyped-def]
    """The sum and the maximum of each row of ``(B, C, H, W)``."""
    height, width = x.shape[2:]
    totals, most = np.empty(LENGTH, x.dtype), np.empty(LENGTH, x.dtype)
    whole = width - width % LENGTH
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        for c in range(x.shape[1]):
            row = x[b, c, y]
            total, top = splat(x.dtype.type(0)), splat(row[0])
            for place in range(0, whole, LENGTH):
                pixels = load(row, place)
                total, top = total + pixels, maximum(top, pixels)
            store(totals, 0, total)
            store(most, 0, top)
            for place in range(whole, width):
                totals[place % LENGTH] += row[place]
                most[place % LENGTH] = larger(most[place % LENGTH], row[place])
            sums[b, c, y], largest[b, c, y] = totals.sum(), most[0]
            for place in range(1, LENGTH):
                largest[b, c, y] = larger(largest[b, c, y], most[place])


@compiled
def weigh_rows(x, picture, parameters, out, start, stop):  # type: ignore[no-untyped-def]
    """The sigmoid of a weighted sum, ``(B, 1, H, W)`` each; the weights of both, and what is added, are ``(3,)``."""
    height = x.shape[2]
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        row = out[b, 0, y]
        row[:] = parameters[2]
        add_row(row, parameters[0], x[b, 0, y])
        add_row(row, parameters[1], picture[b, 0, y])
        sigmoid_row(row)


@compiled
def clamp_rows(x, start, stop):  # type: ignore[no-untyped-def]
    """Clamps rows ``(N, W)`` to [0, 1] in place."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for unit in range(start, stop):
        row = x[unit]
        for place in range(len(row)):
            value = zero if row[place] < zero else row[place]  # NaN stays
            row[place] = one if value > one else value


@compiled
def match_rows(x, weight, bias, out, start, stop):  # type: ignore[no-untyped-def]
    """Adds a 1×1 convolution of ``(B, C, H, W)`` to ``(B, O, H, W)``."""
    filters, height = out.shape[1:3]
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        for o in range(filters):
            out[b, o, y] += bias[o]
            for c in range(x.shape[1]):
                add_row(out[b, o, y], weight[o, c], x[b, c, y])


@compiled
def cross_rows(ir, vis, weigh_ir, weigh_vis, alpha, out, start, stop):  # type: ignore[no-untyped-def]
    """Pictures ``(B, H, W)`` times their own map, and what the other's leaves: ``(B, 2, H, W)``."""
    height = ir.shape[1]
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        _cross_row(out[b, 0, y], ir[b, y], weigh_ir[b, y], weigh_vis[b, y], alpha[b])
        _cross_row(out[b, 1, y], vis[b, y], weigh_vis[b, y], weigh_ir[b, y], alpha[b])


@compiled_part
def _cross_row(out, picture, own, other, alpha):  # type: ignore[no-untyped-def]
    """One row ``(W,)`` of a picture, with both maps' rows."""
    rest = out.dtype.type(1) - alpha
    for x in range(len(out)):
        out[x] = picture[x] * (alpha * own[x] + rest - rest * other[x])
