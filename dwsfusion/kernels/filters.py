"""3×3 filters over a few channels, whose sums stay in registers until the last channel is done.

Maps are read from rows between zeros or copies, so no border is looked at. Where these are made as the work goes down a
picture they lie in a ring: row y at y modulo 3.
"""

from dwsfusion.kernels.compile import compiled_part, compiled_part_inside
from dwsfusion.kernels.rows import copy_row
from dwsfusion.kernels.vectors import LENGTH, kept_sums, load, maximum, splat, store

begin_1, add_1 = kept_sums(1)
_begin_3, _add_3 = kept_sums(3)
begin_4, add_4 = kept_sums(4)
_begin_5, _add_5 = kept_sums(5)


@compiled_part
def ring_rows(ring, x, y, first):  # type: ignore[no-untyped-def]
    """Makes the rows y - 1, y and y + 1 of ``(C, H, W)`` ready in a ring ``(C, 3, W + 2 or more)``, zeros around them.

    The first time all of them; after that, row after row, only y + 1 is new.
    """
    for c in range(len(x)):
        if first:
            _ring_row(ring[c], x[c], y - 1)
            _ring_row(ring[c], x[c], y)
        _ring_row(ring[c], x[c], y + 1)


@compiled_part
def _ring_row(ring, plane, y):  # type: ignore[no-untyped-def]
    """One row of a plane ``(H, W)`` into its ring ``(3, W + 2 or more)``, whose ends are zero."""
    height, width = plane.shape
    if 0 <= y < height:
        copy_row(ring[y % 3, 1 : width + 1], plane[y])
    else:
        ring[y % 3] = 0


@compiled_part
def ring_starts(ring, y):  # type: ignore[no-untyped-def]
    """Where the rows y - 1, y and y + 1 start in a ring ``(C, 3, …)``, and how far the next channel's are."""
    step = ring.shape[2]
    return (y - 1) % 3 * step, y % 3 * step, (y + 1) % 3 * step, 3 * step


@compiled_part
def _nine(rows, above, here, below):  # type: ignore[no-untyped-def]
    """The nine vectors of `LENGTH` numbers of a 3×3 neighbourhood; above, here and below are where its rows start."""
    return (
        load(rows, above), load(rows, above + 1), load(rows, above + 2),
        load(rows, here), load(rows, here + 1), load(rows, here + 2),
        load(rows, below), load(rows, below + 1), load(rows, below + 2),
    )  # fmt: skip


@compiled_part
def three_filters(rows, starts, x, weight, bias):  # type: ignore[no-untyped-def]
    """Three filters at `LENGTH` pixels from x on: rows and where they start, weights ``(C, 3, 9)``, what is added."""
    above, here, below, plane = starts
    sums = _begin_3(bias, 0)
    for c in range(len(weight)):
        i = c * plane + x
        sums = _add_3(sums, weight, c * 27, 9, _nine(rows, above + i, here + i, below + i))
    return sums


@compiled_part_inside
def five_filters(rows, starts, x, weight, bias, first):  # type: ignore[no-untyped-def]
    """The same for five filters, from the first on, of weights ``(C, O, 9)``."""
    above, here, below, plane = starts
    sums = _begin_5(bias, first)
    for c in range(len(weight)):
        i, j = c * plane + x, (c * weight.shape[1] + first) * 9
        sums = _add_5(sums, weight, j, 9, _nine(rows, above + i, here + i, below + i))
    return sums


@compiled_part
def relu_filters(out, place, step, rows, starts, width, weight, bias):  # type: ignore[no-untyped-def]
    """A row of any number of filters, and ReLU.

    Args:
        out: an array that holds the results.
        place: where in it the first filter's row starts.
        step: how far the next filter's is.
        rows: the rows.
        starts: where they start, and the distance between channels.
        width: whole vectors of pixels.
        weight: ``(C, O, 9)``.
        bias: ``(O,)``.
    """
    above, here, below, plane = starts
    filters, zero = len(bias), splat(bias.dtype.type(0))
    fours = filters - filters % 4
    for x in range(0, width, LENGTH):
        for o in range(0, fours, 4):
            sums = begin_4(bias, o)
            for c in range(len(weight)):
                i, j = c * plane + x, (c * filters + o) * 9
                sums = add_4(sums, weight, j, 9, _nine(rows, above + i, here + i, below + i))
            i = place + o * step + x
            store(out, i, maximum(zero, sums[0]))
            store(out, i + step, maximum(zero, sums[1]))
            store(out, i + 2 * step, maximum(zero, sums[2]))
            store(out, i + 3 * step, maximum(zero, sums[3]))
        for o in range(fours, filters):
            lone = begin_1(bias, o)
            for c in range(len(weight)):
                i, j = c * plane + x, (c * filters + o) * 9
                lone = add_1(lone, weight, j, 9, _nine(rows, above + i, here + i, below + i))
            store(out, place + o * step + x, maximum(zero, lone[0]))
