"""Sampling with nine taps a pixel that share one dilation.

The taps of a pixel lie on the rows and columns -r, 0 and r from it. With r = n + f, bilinear reading needs the
five rows and five columns -n-1, -n, 0, n and n+1: 25 reads for nine taps.

A row is worked on in blocks of `LANES` pixels. What belongs to a block lies in one flat work space, row behind row
of `LANES`: with these distances known and loops of constant length the compiler writes vector instructions.
"""

import numpy as np

from dwsfusion.kernels.rows import compiled, copy_row

LANES = 128
MARGIN = 1
"""Columns and rows of zeros around the padded map: dilations under 1 never reach further."""

# Where things lie in the work space of a block.
FRACTION, MODULATION = 0 * LANES, 1 * LANES
LEFT, MIDDLE, RIGHT = 10 * LANES, 15 * LANES, 20 * LANES  # five rows each
TAPS = 25 * LANES
# The backward pass keeps more: slopes towards the further column, and the gradients of what is above.
SLOPES = 34 * LANES  # 15 rows in the order of LEFT, MIDDLE, RIGHT; the middle has none
GRAD_FRACTION, GRAD_MODULATION = 49 * LANES, 50 * LANES
GRAD_TAPS = 59 * LANES
GRAD_ROWS = 68 * LANES  # 15 rows
GRAD_OUT = 83 * LANES  # as many rows as there are filters


@compiled
def sample_row(planes, y, kernel, dilation, modulation, bias, out, blocks):  # type: ignore[no-untyped-def]
    """One row of an adaptive convolution.

    Args:
        planes: ``(C, H + 4, ...)``, the padded map with `MARGIN`, and at the right as many more columns of zeros as
            the last block is short.
        y: the row.
        kernel: ``(O, C, 9)``.
        dilation: ``(W,)``, not negative.
        modulation: ``(9, W)``.
        bias: ``(O,)``.
        out: ``(O, H, W)``.
        blocks: ``(ws, steps, sums)`` of `work_space`.
    """
    ws, steps, sums = blocks
    filters, _, width = out.shape
    for x in range(0, width, LANES):
        end = min(x + LANES, width)
        same = load(ws, steps, dilation[x:end], modulation[:, x:end])
        for o in range(filters):
            sums[o] = bias[o]
        for c in range(len(planes)):
            read(ws, steps, same, planes[c], y + 1 + MARGIN, x + 1 + MARGIN, False)
            weigh_taps(ws)
            for o in range(filters):
                _add_taps(sums[o], ws, kernel[o, c])
        for o in range(filters):
            copy_row(out[o, y, x:end], sums[o])


@compiled
def work_space(filters, zero):  # type: ignore[no-untyped-def]
    """What a thread needs for blocks of numbers of zero's type: the work space, the whole steps, the filters' sums."""
    ws = np.full(SLOPES, zero)
    return ws, np.ones(LANES, np.int64), np.full((filters, LANES), zero)


@compiled
def load(ws, steps, dilation, modulation):  # type: ignore[no-untyped-def]
    """Parts a block's dilations into steps and fractions; says whether all steps are equal."""
    count = len(dilation)
    for k in range(9):
        place = MODULATION + k * LANES
        copy_row(ws[place : place + count], modulation[k])
        ws[place + count : place + LANES] = 0
    copy_row(ws[FRACTION : FRACTION + count], dilation)
    ws[FRACTION + count : FRACTION + LANES] = 0
    small = 0
    for x in range(LANES):
        small += ws[FRACTION + x] < 1
    steps[:] = 1
    return small == LANES or _part(ws, steps)


@compiled
def _part(ws, steps):  # type: ignore[no-untyped-def]
    far = ws.dtype.type(1 << 20)  # outside of every picture
    for x in range(LANES):
        d = ws[FRACTION + x]
        whole = ws.dtype.type(0)
        if d > far:
            d = whole = far
        elif d >= 1:
            whole = np.floor(d)
        ws[FRACTION + x] = d - whole  # NaN stays NaN
        steps[x] = 1 + int(whole)
    return steps.min() == steps.max()


@compiled
def read(ws, steps, same, plane, y, x, slopes):  # type: ignore[no-untyped-def]
    """Reads left, middle and right of five rows, for a block that starts at (y, x) of a plane with margins."""
    n, pixels = steps[0], plane.reshape(-1)
    if same and inside(plane, y, x, n):
        for row in range(5):
            start, place = (y + row_step(row, n)) * plane.shape[1] + x, row * LANES
            _between(ws, LEFT + place, pixels, start - n, start - n - 1)
            _between(ws, RIGHT + place, pixels, start + n, start + n + 1)
            _copy(ws, MIDDLE + place, pixels, start)
            if slopes:
                _difference(ws, SLOPES + place, pixels, start - n - 1, start - n)
                _difference(ws, SLOPES + RIGHT - LEFT + place, pixels, start + n + 1, start + n)
        return
    for lane in range(LANES):
        n, f = steps[lane], ws[FRACTION + lane]
        for row in range(5):
            yy, xx, place = y + row_step(row, n), x + lane, row * LANES + lane
            near, slope = _pixel(plane, yy, xx - n), _pixel(plane, yy, xx - n - 1) - _pixel(plane, yy, xx - n)
            ws[LEFT + place] = near + f * slope
            if slopes:
                ws[SLOPES + place] = slope
            near, slope = _pixel(plane, yy, xx + n), _pixel(plane, yy, xx + n + 1) - _pixel(plane, yy, xx + n)
            ws[RIGHT + place] = near + f * slope
            if slopes:
                ws[SLOPES + RIGHT - LEFT + place] = slope
            ws[MIDDLE + place] = _pixel(plane, yy, xx)


@compiled
def inside(plane, y, x, n):  # type: ignore[no-untyped-def]
    """Whether a whole block with n whole steps reads inside of the plane."""
    height, width = plane.shape
    return y - n - 1 >= 0 and y + n + 1 < height and x - n - 1 >= 0 and x + n + 1 + LANES <= width


@compiled
def row_step(row, n):  # type: ignore[no-untyped-def]
    """The five rows: -n-1, -n, 0, n, n+1."""
    if row == 2:
        return 0
    return row - 1 - n if row < 2 else row - 3 + n


@compiled
def _pixel(plane, y, x):  # type: ignore[no-untyped-def]
    height, width = plane.shape
    return plane[y, x] if 0 <= y < height and 0 <= x < width else plane.dtype.type(0)


@compiled
def _between(ws, place, pixels, near, far):  # type: ignore[no-untyped-def]
    # Unsigned indices are not looked at for counting from the end, so this becomes vector code without slices.
    near, far = np.uint64(near), np.uint64(far)
    for x in range(np.uint64(LANES)):
        value = pixels[near + x]
        ws[np.uint64(place) + x] = value + ws[np.uint64(FRACTION) + x] * (pixels[far + x] - value)


@compiled
def _difference(ws, place, pixels, far, near):  # type: ignore[no-untyped-def]
    near, far = np.uint64(near), np.uint64(far)
    for x in range(np.uint64(LANES)):
        ws[np.uint64(place) + x] = pixels[far + x] - pixels[near + x]


@compiled
def _copy(ws, place, pixels, start):  # type: ignore[no-untyped-def]
    start = np.uint64(start)
    for x in range(np.uint64(LANES)):
        ws[np.uint64(place) + x] = pixels[start + x]


@compiled
def weigh_taps(ws):  # type: ignore[no-untyped-def]
    """The nine taps of a block, each times its modulation."""
    for column in range(3):
        rows, tap, mod = LEFT + column * 5 * LANES, TAPS + column * LANES, MODULATION + column * LANES
        for x in range(LANES):
            f, up, down = ws[FRACTION + x], ws[rows + LANES + x], ws[rows + 3 * LANES + x]
            ws[tap + x] = ws[mod + x] * (up + f * (ws[rows + x] - up))
            ws[tap + 3 * LANES + x] = ws[mod + 3 * LANES + x] * ws[rows + 2 * LANES + x]
            ws[tap + 6 * LANES + x] = ws[mod + 6 * LANES + x] * (down + f * (ws[rows + 4 * LANES + x] - down))


@compiled
def _add_taps(sums, ws, weights):  # type: ignore[no-untyped-def]
    a, b, c, d, e = weights[0], weights[1], weights[2], weights[3], weights[4]
    f, g, h, i = weights[5], weights[6], weights[7], weights[8]
    for x in range(LANES):
        t = TAPS + x
        sums[x] += (
            a * ws[t] + b * ws[t + LANES] + c * ws[t + 2 * LANES]
            + d * ws[t + 3 * LANES] + e * ws[t + 4 * LANES] + f * ws[t + 5 * LANES]
            + g * ws[t + 6 * LANES] + h * ws[t + 7 * LANES] + i * ws[t + 8 * LANES]
        )  # fmt: skip
