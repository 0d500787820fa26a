"""Sampling with nine taps a pixel that share one dilation.

The taps of a pixel lie on the rows and columns -r, 0 and r from it. With r = n + f, bilinear reading needs the
five rows and five columns -n-1, -n, 0, n and n+1: 25 reads for nine taps.

A row is worked on in blocks of `LANES` pixels. What belongs to a block lies in one flat work space, row behind row
of `LANES`: with these distances known and loops of constant length the compiler writes vector instructions.
"""

import numpy as np

from dwsfusion.kernels.compile import compiled_part
from dwsfusion.kernels.rows import copy_row
from dwsfusion.kernels.vectors import LENGTH, dot, load, nine, store

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


@compiled_part
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
    ws, steps, _ = blocks
    for x in range(0, out.shape[2], LANES):
        end = min(x + LANES, out.shape[2])
        same = fill(ws, steps, dilation[x:end], modulation[:, x:end])
        sample_block(planes, y, x, same, kernel, bias, out, y, blocks)


@compiled_part
def sample_block(planes, y, x, same, kernel, bias, out, place, blocks):  # type: ignore[no-untyped-def]
    """The block of row y of ``(C, H + 4, …)`` that starts at x, to the row `place` of ``(O, H, W)``.

    Its dilations, parted into whole steps, which may be the same, and fractions, lie in the work space; so do its
    modulations.
    """
    ws, steps, sums = blocks
    filters, _, width = out.shape
    yy, xx = y + 1 + MARGIN, x + 1 + MARGIN
    for o in range(filters):
        sums[o] = bias[o]
    for c in range(len(planes)):
        if inside(planes[c], yy, xx, 1) and not (same and steps[0] > 1):
            _weigh_near_taps(ws, planes[c], yy * planes.shape[2] + xx, planes.shape[2])
            for lane in range(0 if same else LANES):
                if steps[lane] > 1:
                    _read_pixel(ws, steps[lane], planes[c], yy, xx, lane, False)
                    for column in range(3):
                        _weigh_column(ws, column, lane)
        else:
            read(ws, steps, same, planes[c], yy, xx, False)
            weigh_taps(ws)
        _add_taps(sums, ws, kernel, c)
    for o in range(filters):
        copy_row(out[o, place, x : min(x + LANES, width)], sums[o])


@compiled_part
def work_space(filters, zero):  # type: ignore[no-untyped-def]
    """What a thread needs for blocks of numbers of zero's type: work space ``(SLOPES,)``, steps ``(LANES,)``, and sums
    ``(O, LANES)``."""
    ws, steps, sums = np.empty(SLOPES, type(zero)), np.empty(LANES, np.int64), np.empty((filters, LANES), type(zero))
    ws[:], steps[:], sums[:] = zero, 1, zero
    return ws, steps, sums


@compiled_part
def fill(ws, steps, dilation, modulation):  # type: ignore[no-untyped-def]
    """Puts a block's dilations ``(N,)`` and modulations ``(9, N)`` into the work space; says whether all steps are
    equal.
    """
    count = len(dilation)
    for k in range(9):
        place = MODULATION + k * LANES
        copy_row(ws[place : place + count], modulation[k])
        ws[place + count : place + LANES] = 0
    copy_row(ws[FRACTION : FRACTION + count], dilation)
    ws[FRACTION + count : FRACTION + LANES] = 0
    return part(ws, steps)


@compiled_part
def part(ws, steps):  # type: ignore[no-untyped-def]
    """Parts a block's dilations into steps ``(LANES,)`` and fractions; says whether all steps are equal."""
    zero, one = ws.dtype.type(0), ws.dtype.type(1)
    small = zero
    for x in range(LANES):
        small += one if ws[FRACTION + x] < one else zero
    steps[:] = 1
    if small == LANES:
        return True
    far = ws.dtype.type(1 << 20)  # outside of every picture
    for x in range(LANES):
        d, whole = ws[FRACTION + x], zero
        if d > far:
            d = whole = far
        elif d >= 1:
            whole = np.floor(d)
        ws[FRACTION + x] = d - whole  # NaN stays NaN
        steps[x] = 1 + int(whole)
    apart = 0
    for x in range(LANES):
        apart += 1 if steps[x] != steps[0] else 0
    return apart == 0


@compiled_part
def read(ws, steps, same, plane, y, x, slopes):  # type: ignore[no-untyped-def]
    """Reads left, middle and right of five rows, for a block that starts at (y, x) of a plane ``(H + 4, …)``."""
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
        _read_pixel(ws, steps[lane], plane, y, x, lane, slopes)


@compiled_part
def _read_pixel(ws, n, plane, y, x, lane, slopes):  # type: ignore[no-untyped-def]
    """The same for one pixel of a block, with n whole steps, of a plane ``(H + 4, …)``."""
    f = ws[FRACTION + lane]
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


@compiled_part
def inside(plane, y, x, n):  # type: ignore[no-untyped-def]
    """Whether a whole block with n whole steps reads inside of the plane ``(H + 4, …)``."""
    height, width = plane.shape
    return y - n - 1 >= 0 and y + n + 1 < height and x - n - 1 >= 0 and x + n + 1 + LANES <= width


@compiled_part
def row_step(row, n):  # type: ignore[no-untyped-def]
    """The five rows, by number: -n-1, -n, 0, n, n+1."""
    if row == 2:
        return 0
    return row - 1 - n if row < 2 else row - 3 + n


@compiled_part
def _pixel(plane, y, x):  # type: ignore[no-untyped-def]
    """One number of a plane ``(H + 4, …)``, zero outside."""
    height, width = plane.shape
    return plane[y, x] if 0 <= y < height and 0 <= x < width else plane.dtype.type(0)


@compiled_part
def _between(ws, place, pixels, near, far):  # type: ignore[no-untyped-def]
    # Unsigned indices are not looked at for counting from the end, so this becomes vector code without slices.
    """`LANES` numbers of flat pixels ``(N,)`` between near and far, to a place of the work space."""
    near, far = np.uint64(near), np.uint64(far)
    for x in range(np.uint64(LANES)):
        value = pixels[near + x]
        ws[np.uint64(place) + x] = value + ws[np.uint64(FRACTION) + x] * (pixels[far + x] - value)


@compiled_part
def _difference(ws, place, pixels, far, near):  # type: ignore[no-untyped-def]
    """`LANES` differences of flat pixels ``(N,)``, far less near, to a place of the work space."""
    near, far = np.uint64(near), np.uint64(far)
    for x in range(np.uint64(LANES)):
        ws[np.uint64(place) + x] = pixels[far + x] - pixels[near + x]


@compiled_part
def _copy(ws, place, pixels, start):  # type: ignore[no-untyped-def]
    """`LANES` numbers of flat pixels ``(N,)`` to a place of the work space."""
    start = np.uint64(start)
    for x in range(np.uint64(LANES)):
        ws[np.uint64(place) + x] = pixels[start + x]


@compiled_part
def weigh_taps(ws):  # type: ignore[no-untyped-def]
    """The nine taps of a block, `LANES` numbers each, times their modulation."""
    for column in range(3):
        for x in range(LANES):
            _weigh_column(ws, column, x)


@compiled_part
def _weigh_column(ws, column, x):  # type: ignore[no-untyped-def]
    """Three of the nine taps of one pixel of a block, by number."""
    rows, tap, mod = LEFT + column * 5 * LANES + x, TAPS + column * LANES + x, MODULATION + column * LANES + x
    f, up, down = ws[FRACTION + x], ws[rows + LANES], ws[rows + 3 * LANES]
    ws[tap] = ws[mod] * (up + f * (ws[rows] - up))
    ws[tap + 3 * LANES] = ws[mod + 3 * LANES] * ws[rows + 2 * LANES]
    ws[tap + 6 * LANES] = ws[mod + 6 * LANES] * (down + f * (ws[rows + 4 * LANES] - down))


@compiled_part
def _weigh_near_taps(ws, plane, start, width):  # type: ignore[no-untyped-def]
    """What `read` and `weigh_taps` do, in one go, for dilations under 1 and a block of a plane ``(H + 4, …)``."""
    for x in range(0, LANES, LENGTH):
        f, i = load(ws, FRACTION + x), start + x
        top, up = _near_columns(plane, i - 2 * width, f), _near_columns(plane, i - width, f)
        middle, down = _near_columns(plane, i, f), _near_columns(plane, i + width, f)
        bottom = _near_columns(plane, i + 2 * width, f)
        for k in range(3):
            _store_tap(ws, k * LANES + x, up[k] + f * (top[k] - up[k]))
            _store_tap(ws, (3 + k) * LANES + x, middle[k])
            _store_tap(ws, (6 + k) * LANES + x, down[k] + f * (bottom[k] - down[k]))


@compiled_part
def _near_columns(plane, i, f):  # type: ignore[no-untyped-def]
    """Left, middle and right, `LENGTH` numbers each, around index i of a plane ``(H + 4, …)``."""
    left, right = load(plane, i - 1), load(plane, i + 1)
    return left + f * (load(plane, i - 2) - left), load(plane, i), right + f * (load(plane, i + 2) - right)


@compiled_part
def _store_tap(ws, place, value):  # type: ignore[no-untyped-def]
    """`LENGTH` numbers of a tap, times their modulation."""
    store(ws, TAPS + place, load(ws, MODULATION + place) * value)


@compiled_part
def _add_taps(sums, ws, kernel, c):  # type: ignore[no-untyped-def]
    """Adds nine taps times kernel ``(O, C, 9)`` of channel c to sums ``(O, LANES)``."""
    for x in range(0, LANES, LENGTH):
        t = TAPS + x
        taps = (
            load(ws, t), load(ws, t + LANES), load(ws, t + 2 * LANES),
            load(ws, t + 3 * LANES), load(ws, t + 4 * LANES), load(ws, t + 5 * LANES),
            load(ws, t + 6 * LANES), load(ws, t + 7 * LANES), load(ws, t + 8 * LANES),
        )  # fmt: skip
        for o in range(len(sums)):
            store(sums[o], x, load(sums[o], x) + dot(kernel[o, c], taps))


@compiled_part
def convolve_block(ws, place, weights, rows, start, step):  # type: ignore[no-untyped-def]
    """Adds a 3×3 convolution of three rows to rows of `LANES` of the work space.

    Args:
        ws: the work space.
        place: where the first filter's row is; the others come behind.
        weights: ``(O, 9)``.
        rows: an array that holds the three rows.
        start: where the first of them starts.
        step: how far they are apart.
    """
    for x in range(0, LANES, LENGTH):
        pixels = nine(rows, start + x, step)
        for o in range(len(weights)):
            i = place + o * LANES + x
            store(ws, i, load(ws, i) + dot(weights[o], pixels))
