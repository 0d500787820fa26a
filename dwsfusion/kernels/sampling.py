"""Sampling with nine taps a pixel that share one dilation.

The taps of a pixel lie on the rows and columns -r, 0 and r from it. With r = n + f, bilinear reading needs the
five rows and five columns -n-1, -n, 0, n and n+1: 25 reads for nine taps.

A row is worked on in blocks of `LANES` pixels. What belongs to a block lies in one flat work space, row behind row
of `LANES`: with these distances known and loops of constant length the compiler writes vector instructions.
"""

import numpy as np

from dwsfusion.kernels.compile import compiled_part
from dwsfusion.kernels.filters import add_1, add_4, begin_1, begin_4
from dwsfusion.kernels.rows import copy_row
from dwsfusion.kernels.vectors import LENGTH, load, store

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
    if same and steps[0] == 1:  # the margin is as wide
        _sample_near(ws, planes, yy * planes.shape[2] + xx, kernel, bias, sums)
    else:
        for o in range(filters):
            sums[o] = bias[o]
        for c in range(len(planes)):
            if same and inside(planes[c], yy, xx, steps[0]):
                read_block(ws, steps[0], planes[c], yy, xx)
                weigh_taps(ws)
            else:
                _weigh_pixels(ws, steps, planes[c], yy, xx)
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
def read_block(ws, n, plane, y, x):  # type: ignore[no-untyped-def]
    """Reads left, middle and right of five rows, for a block from (y, x) of a plane ``(H + 4, …)`` on that is `inside`
    with n whole steps everywhere."""
    pixels = plane.reshape(-1)
    for row in range(5):
        start, place = (y + row_step(row, n)) * plane.shape[1] + x, row * LANES
        _between(ws, LEFT + place, pixels, start - n, start - n - 1)
        _between(ws, RIGHT + place, pixels, start + n, start + n + 1)
        _copy(ws, MIDDLE + place, pixels, start)


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
def _between(ws, place, pixels, near, far):  # type: ignore[no-untyped-def]
    # Unsigned indices are not looked at for counting from the end, so this becomes vector code without slices.
    """`LANES` numbers of flat pixels ``(N,)`` between near and far, to a place of the work space."""
    near, far = np.uint64(near), np.uint64(far)
    for x in range(np.uint64(LANES)):
        value = pixels[near + x]
        ws[np.uint64(place) + x] = value + ws[np.uint64(FRACTION) + x] * (pixels[far + x] - value)


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
def _sample_near(ws, planes, start, kernel, bias, sums):  # type: ignore[no-untyped-def]
    """A block of `sample_block` whose dilations are under 1, from an index of planes ``(C, H + 4, …)`` on."""
    filters, channels, plane = len(kernel), len(planes), planes.shape[1] * planes.shape[2]
    fours, apart = filters - filters % 4, channels * 9
    for x in range(0, LANES, LENGTH):
        for o in range(0, fours, 4):
            four = begin_4(bias, o)
            for c in range(channels):
                taps = _near_taps(ws, x, planes, start + c * plane, planes.shape[2])
                four = add_4(four, kernel, o * apart + c * 9, apart, taps)
            i = o * LANES + x
            store(sums, i, four[0])
            store(sums, i + LANES, four[1])
            store(sums, i + 2 * LANES, four[2])
            store(sums, i + 3 * LANES, four[3])
        for o in range(fours, filters):
            one = begin_1(bias, o)
            for c in range(channels):
                taps = _near_taps(ws, x, planes, start + c * plane, planes.shape[2])
                one = add_1(one, kernel, o * apart + c * 9, apart, taps)
            store(sums, o * LANES + x, one[0])


@compiled_part
def _near_taps(ws, x, planes, start, width):  # type: ignore[no-untyped-def]
    """The nine weighed taps of `LENGTH` pixels from x of a block on, for dilations under 1."""
    f, i, mod = load(ws, FRACTION + x), start + x, MODULATION + x
    top, up = _near_columns(planes, i - 2 * width, f), _near_columns(planes, i - width, f)
    here, down = _near_columns(planes, i, f), _near_columns(planes, i + width, f)
    bottom = _near_columns(planes, i + 2 * width, f)
    return (
        load(ws, mod) * (up[0] + f * (top[0] - up[0])),
        load(ws, mod + LANES) * (up[1] + f * (top[1] - up[1])),
        load(ws, mod + 2 * LANES) * (up[2] + f * (top[2] - up[2])),
        load(ws, mod + 3 * LANES) * here[0],
        load(ws, mod + 4 * LANES) * here[1],
        load(ws, mod + 5 * LANES) * here[2],
        load(ws, mod + 6 * LANES) * (down[0] + f * (bottom[0] - down[0])),
        load(ws, mod + 7 * LANES) * (down[1] + f * (bottom[1] - down[1])),
        load(ws, mod + 8 * LANES) * (down[2] + f * (bottom[2] - down[2])),
    )


@compiled_part
def _near_columns(planes, i, f):  # type: ignore[no-untyped-def]
    """Left, middle and right, `LENGTH` numbers each, around index i of planes ``(C, H + 4, …)``."""
    left, right = load(planes, i - 1), load(planes, i + 1)
    return left + f * (load(planes, i - 2) - left), load(planes, i), right + f * (load(planes, i + 2) - right)


@compiled_part
def _weigh_pixels(ws, steps, plane, y, x):  # type: ignore[no-untyped-def]
    """The nine weighed taps of a block of a plane ``(H + 4, …)`` whose steps differ or reach outside."""
    for i in range(0, LANES, LENGTH):
        taps = _near_taps(ws, i, plane, y * plane.shape[1] + x, plane.shape[1])
        for k in range(9):
            store(ws, TAPS + k * LANES + i, taps[k])
    for lane in range(LANES):
        if steps[lane] > 1:
            _weigh_pixel(ws, steps[lane], plane, y, x + lane, lane)


@compiled_part
def _weigh_pixel(ws, n, plane, y, x, lane):  # type: ignore[no-untyped-def]
    """The nine taps of one pixel of a plane ``(H + 4, …)`` with n whole steps: many lie outside, and are not read."""
    f, tap, mod = ws[FRACTION + lane], TAPS + lane, MODULATION + lane
    here = _far_columns(plane, y, x, n, f)
    up, top = _far_columns(plane, y - n, x, n, f), _far_columns(plane, y - n - 1, x, n, f)
    down, bottom = _far_columns(plane, y + n, x, n, f), _far_columns(plane, y + n + 1, x, n, f)
    for k in range(3):
        ws[tap + k * LANES] = ws[mod + k * LANES] * (up[k] + f * (top[k] - up[k]))
        ws[tap + (3 + k) * LANES] = ws[mod + (3 + k) * LANES] * here[k]
        ws[tap + (6 + k) * LANES] = ws[mod + (6 + k) * LANES] * (down[k] + f * (bottom[k] - down[k]))


@compiled_part
def _far_columns(plane, y, x, n, f):  # type: ignore[no-untyped-def]
    """Left, middle and right of column x of row y of a plane ``(H + 4, …)``, zero outside."""
    zero = plane.dtype.type(0)
    if y < 0 or y >= plane.shape[0]:
        return zero, zero, zero
    line, width = plane[y], plane.shape[1]
    left = line[x - n] if x >= n else zero
    further = line[x - n - 1] if x > n else zero
    right = line[x + n] if x + n < width else zero
    beyond = line[x + n + 1] if x + n + 1 < width else zero
    return left + f * (further - left), line[x], right + f * (beyond - right)


@compiled_part
def _add_taps(sums, ws, kernel, c):  # type: ignore[no-untyped-def]
    """Adds nine taps times kernel ``(O, C, 9)`` of channel c to sums ``(O, LANES)``."""
    apart = kernel.shape[1] * 9
    for x in range(0, LANES, LENGTH):
        t = TAPS + x
        taps = (
            load(ws, t), load(ws, t + LANES), load(ws, t + 2 * LANES),
            load(ws, t + 3 * LANES), load(ws, t + 4 * LANES), load(ws, t + 5 * LANES),
            load(ws, t + 6 * LANES), load(ws, t + 7 * LANES), load(ws, t + 8 * LANES),
        )  # fmt: skip
        for o in range(len(sums)):
            i = o * LANES + x
            one = add_1((load(sums, i),), kernel, o * apart + c * 9, apart, taps)
            store(sums, i, one[0])
