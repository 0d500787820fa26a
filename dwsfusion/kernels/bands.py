"""Frequency selection by our own Fourier transforms, which work on `COLUMNS` columns at a time.

What is kept between two of these lies in blocks of so many columns, one behind the other: who goes down a block then
reads what lies side by side. The last block ends where the map does, so it may hold columns of the one before.

Two planes at a time are the real and the imaginary part of one: the filters are real, so they stay apart. A lone plane
has two blocks of its columns in these places, and goes on with half of the rows: its spectrum mirrors itself.
Of the transformed rows only those that some filter keeps go on, low frequencies first: each filter's are the first so
many.
"""

from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dwsfusion.frequencies import kept_frequencies
from dwsfusion.kernels.buffers import scratch
from dwsfusion.kernels.compile import compiled, compiled_part
from dwsfusion.kernels.fourier import radices, roots, transform, transform_low
from dwsfusion.kernels.passes import ROW
from dwsfusion.kernels.rows import copy_row
from dwsfusion.kernels.threads import in_parallel
from dwsfusion.kernels.vectors import COLUMNS, LENGTH, fetch, store, transpose
from dwsfusion.kernels.vectors import load_columns as load
from dwsfusion.kernels.vectors import splat_columns as splat


class Axis(NamedTuple):
    """The filters along one axis; everything of the frequencies that some filter keeps."""

    order: NDArray[Any]
    """``(K,)``: 0, 1, -1, 2, -2 and so on, where negative ones count from the end; for a lone plane 0, 1, 2."""
    kept: NDArray[Any]
    """``(3,)``: how many of them each filter keeps."""
    windows: NDArray[Any]
    """``(3, K)`` and zeros up to whole blocks: 1 where a filter keeps a frequency."""
    mirrored: NDArray[Any]
    """The same for the opposite frequencies."""
    radices: NDArray[Any]
    roots: NDArray[Any]


def transformable(*sides: int) -> bool:
    """Whether the sides of a map hold `LENGTH` pixels and have small factors."""
    return all(side >= LENGTH and radices(side) is not None for side in sides)


def gate_blocks(width: int) -> int:
    """How many blocks of `LENGTH` columns the gates of a map are cut into."""
    return -(-width // LENGTH)


def _block_start(block, size, width):  # type: ignore[no-untyped-def]
    """The first column of a block of some size of ``(W,)``: the last ends where the map does."""
    return max(min(size * block, width - size), 0)


block_start = compiled_part(_block_start)


def by_rows(gates: NDArray[Any], width: int) -> list[NDArray[Any]]:
    """The gates of each band, ``(B, 1, H, W)``, from those by blocks."""
    out = np.empty((3, len(gates), 1, gates.shape[2], width), gates.dtype)
    for block in range(gates.shape[1]):
        x = _block_start(block, LENGTH, width)  # type: ignore[no-untyped-call]
        end = min(x + LENGTH, width)
        out[:, :, 0, :, x:end] = gates[:, block, :, :, : end - x].transpose(2, 0, 1, 3)
    return list(out)


def select(planes: NDArray[Any], gates: NDArray[Any], inner: NDArray[Any], sums: NDArray[Any]) -> None:
    """Weights the bands of `transformable` maps by gates.

    Args:
        planes: the maps, ``(B, C, H, W)``.
        gates: before they are doubled, by blocks, ``(B, M, H, 3, LENGTH)``.
        inner: to be filled, ``(B, C, H, W)``.
        sums: to be filled with the sums of the columns of inner, ``(B, C, W)``.
    """
    channels, height, width = planes.shape[1:]
    columns = _axis(width, planes.dtype)
    for b, c in product(range(len(planes)), range(0, channels, 2)):
        pair, lone = slice(c, c + 2), c + 1 == channels
        rows, count = _axis(height, planes.dtype, lone), -(-width // COLUMNS)
        whole = len(rows.order) + -len(rows.order) % COLUMNS
        spectrum = scratch("spectrum", (count, 2, whole, COLUMNS), planes.dtype)
        spectrum[:, :, len(rows.order) :] = 0
        narrow = scratch("narrow", (count, 3, 2, whole, COLUMNS), planes.dtype)
        steps = -(-count // (1 + lone))
        in_parallel(_transform_columns, steps, planes[b, pair], spectrum, rows)
        in_parallel(_filter_rows, whole // COLUMNS, spectrum, narrow, width, rows, columns)
        in_parallel(_weigh_columns, steps, narrow, planes[b, pair], gates[b], inner[b, pair], sums[b, pair], rows)


@lru_cache(maxsize=64)
def _axis(size: int, dtype: Any, lone: bool = False) -> Axis:
    window: NDArray[Any] = kept_frequencies(size).numpy()
    mirrored = np.roll(window[:, ::-1], 1, 1)
    # The highest frequency that a filter keeps, of either sign.
    highest = [int(np.flatnonzero(kept[: size // 2 + 1]).max()) for kept in window + mirrored]
    signs = (1,) if lone else (1, -1)
    order = np.array([0, *(sign * k for k in range(1, max(highest) + 1) for sign in signs)]) % size
    margin = ((0, 0), (0, -len(order) % COLUMNS))
    kept, opposite = (np.pad(part[:, order], margin).astype(dtype, order="C") for part in (window, mirrored))
    return Axis(order, len(signs) * np.array(highest) + 1, kept, opposite, np.array(radices(size)), roots(size, dtype))


@compiled
def _transform_columns(planes, spectrum, rows, start, stop):  # type: ignore[no-untyped-def]
    """Blocks of columns of planes ``(1 or 2, H, W)`` to their frequencies that are kept, ``(N, 2, K, COLUMNS)``."""
    height, width = planes.shape[1:]
    lone = len(planes) == 1
    a, b = np.empty(ROW * height, planes.dtype), np.empty(ROW * height, planes.dtype)
    half = splat(planes.dtype.type(0.5))
    for step in range(start, stop):
        one, other = _blocks(step, len(planes), len(spectrum))
        x, z = block_start(one, COLUMNS, width), block_start(other, COLUMNS, width)
        for y in range(height):
            store(a, ROW * y, load(planes[0], y * width + x))
            store(a, ROW * y + COLUMNS, load(planes[len(planes) - 1], y * width + z))
        _fetch_columns(planes, step + 1, len(spectrum))
        a, b = transform(a, b, rows.radices, rows.roots)
        for i in range(len(rows.order)):
            k = ROW * rows.order[i]
            re, im = load(a, k), load(a, k + COLUMNS)
            if lone:
                k = ROW * (-rows.order[i] % height)
                back_re, back_im = load(a, k), load(a, k + COLUMNS)
                store(spectrum[other, 0], i * COLUMNS, half * (im + back_im))
                store(spectrum[other, 1], i * COLUMNS, half * (back_re - re))
                re, im = half * (re + back_re), half * (im - back_im)
            store(spectrum[one, 0], i * COLUMNS, re)
            store(spectrum[one, 1], i * COLUMNS, im)


@compiled_part
def _blocks(step, planes, count):  # type: ignore[no-untyped-def]
    """Which of so many ``(N, …)`` are the real and the imaginary part in a step: the same of two planes, or two of
    one.
    """
    one = min(step * (3 - planes), count - 1)
    return one, min(one + 2 - planes, count - 1)


@compiled_part
def _fetch_columns(planes, step, count):  # type: ignore[no-untyped-def]
    """Asks for what a step needs of planes ``(1 or 2, H, W)``."""
    height, width = planes.shape[1:]
    one, other = _blocks(step, len(planes), count)
    x, z = block_start(one, COLUMNS, width), block_start(other, COLUMNS, width)
    for y in range(height):
        fetch(planes[0], y * width + x)
        fetch(planes[len(planes) - 1], y * width + z)


@compiled
def _filter_rows(spectrum, narrow, width, rows, columns, start, stop):  # type: ignore[no-untyped-def]
    """Blocks of rows of the spectrum ``(N, 2, K, COLUMNS)`` to pixels along the rows, ``(N, 3, 2, K, COLUMNS)``, parts
    swapped.

    Once for each filter. A transform with real and imaginary part swapped before and after is the inverse one.
    """
    count = len(spectrum)
    a, b = np.empty(ROW * width, spectrum.dtype), np.empty(ROW * width, spectrum.dtype)
    c, low = np.empty(ROW * width, spectrum.dtype), np.empty(ROW * (len(columns.order) + 1), spectrum.dtype)
    # The symmetric half of a filter, and the scale of the transforms.
    half = splat(spectrum.dtype.type(0.5 / (len(rows.roots) // 2 * width)))
    for step in range(start, stop):
        i = step * COLUMNS
        for block in range(count):
            place = ROW * block_start(block, COLUMNS, width)
            transpose(spectrum[block, 0], i * COLUMNS, COLUMNS, a, place, ROW)
            transpose(spectrum[block, 1], i * COLUMNS, COLUMNS, a, place + COLUMNS, ROW)
        a, b = transform(a, b, columns.radices, columns.roots)
        for band in range(3):
            if i >= rows.kept[band]:
                continue
            window, mirrored = half * load(rows.windows[band], i), half * load(rows.mirrored[band], i)
            for j in range(columns.kept[band]):
                k = ROW * columns.order[j]
                mask = window * splat(columns.windows[band, j]) + mirrored * splat(columns.mirrored[band, j])
                store(low, ROW * j, mask * load(a, k + COLUMNS))
                store(low, ROW * j + COLUMNS, mask * load(a, k))
            low[ROW * columns.kept[band] : ROW * (columns.kept[band] + 1)] = 0
            parts = (low, 0), (low, COLUMNS)
            c, b = transform_low(columns.kept[band], *parts, ROW, c, b, columns.radices, columns.roots)
            for block in range(count):
                place = ROW * block_start(block, COLUMNS, width)
                transpose(c, place, ROW, narrow[block, band, 0], i * COLUMNS, COLUMNS)
                transpose(c, place + COLUMNS, ROW, narrow[block, band, 1], i * COLUMNS, COLUMNS)


@compiled
def _weigh_columns(narrow, planes, gates, inner, sums, rows, start, stop):  # type: ignore[no-untyped-def]
    """Blocks of columns ``(N, 3, 2, K, COLUMNS)`` back to pixels, and the bands between these times the gates
    ``(M, H, 3, LENGTH)``.
    """
    height, width = planes.shape[1:]
    lone = len(planes) == 1
    low2, low4 = np.empty(ROW * height, narrow.dtype), np.empty(ROW * height, narrow.dtype)
    low8, spare = np.empty(ROW * height, narrow.dtype), np.empty(ROW * height, narrow.dtype)
    paired = np.empty(2 * ROW * (len(rows.order) + 1), narrow.dtype)
    own, own_sums = np.empty((height, COLUMNS), narrow.dtype), np.empty(COLUMNS, narrow.dtype)
    for step in range(start, stop):
        blocks = _blocks(step, len(planes), len(narrow))
        starts = block_start(blocks[0], COLUMNS, width), block_start(blocks[1], COLUMNS, width)
        _fetch_columns(planes, step, len(narrow))
        low2, spare = _restored(narrow, 0, blocks, lone, low2, spare, paired, rows)
        low4, spare = _restored(narrow, 1, blocks, lone, low4, spare, paired, rows)
        low8, spare = _restored(narrow, 2, blocks, lone, low8, spare, paired, rows)
        for part in range(2):
            plane, x, j = min(part, len(planes) - 1), starts[part], COLUMNS * (1 - part)  # the parts are swapped
            block, held = (x + COLUMNS - 1) // LENGTH, COLUMNS * blocks[part] - x
            aside, lows = x - block_start(block, LENGTH, width), (low2, low4, low8)
            if held == 0:
                _weigh_block(inner[plane], sums[plane], x, planes[plane], x, gates[block], aside, lows, j)
                continue
            # The block before holds some of these. Beside others, columns of a lone plane come out by a rounding apart,
            # and threads may end in any order.
            _weigh_block(own, own_sums, 0, planes[plane], x, gates[block], aside, lows, j)
            for y in range(height):
                copy_row(inner[plane, y, x + held : width], own[y, held:])
            copy_row(sums[plane, x + held : width], own_sums[held:])


@compiled_part
def _weigh_block(out, sums, at, planes, x, gates, aside, lows, j):  # type: ignore[no-untyped-def]
    """A block of columns to ``(H, W)`` and their sums to ``(W,)``, at a place.

    What is between the bands is read at x of a plane ``(H, W)``, at j of the lower ones, ``(ROW * H,)`` each, and aside
    of where a block of the gates starts, ``(H, 3, LENGTH)``.
    """
    low2, low4, low8 = lows
    total, two = splat(low2.dtype.type(0)), splat(low2.dtype.type(2))
    for y in range(len(out)):
        i, k = 3 * LENGTH * y + aside, ROW * y + j
        l2, l4, l8 = load(low2, k), load(low4, k), load(low8, k)
        high, middle = load(gates, i) * (load(planes[y], x) - l2), load(gates, i + LENGTH) * (l2 - l4)
        value = l8 + two * (high + middle + load(gates, i + 2 * LENGTH) * (l4 - l8))
        store(out[y], at, value)
        total = total + value
    store(sums, at, total)


@compiled_part
def _restored(narrow, band, blocks, lone, a, b, paired, rows):  # type: ignore[no-untyped-def]
    """One filter's blocks of columns from ``(N, 3, 2, K, COLUMNS)``, parts swapped, ``(ROW * H,)``, and the other
    buffer.
    """
    one, other, kept = narrow[blocks[0], band], narrow[blocks[1], band], rows.kept[band]
    if not lone:
        return transform_low(kept, (one[0], 0), (one[1], 0), COLUMNS, a, b, rows.radices, rows.roots)
    for k in range(kept):  # one block plus i times the other; at the opposite frequency both are conjugate
        x, place = k * COLUMNS, ROW * 2 * k
        re, im, more_re, more_im = load(one[1], x), load(one[0], x), load(other[1], x), load(other[0], x)
        store(paired, place, more_re - im)
        store(paired, place + COLUMNS, re + more_im)
        if k:  # what frequency 0 has as imaginary parts are rounding errors
            store(paired, place - ROW, im + more_re)
            store(paired, place - ROW + COLUMNS, re - more_im)
    kept = 2 * kept - 1
    paired[ROW * kept : ROW * (kept + 1)] = 0
    return transform_low(kept, (paired, 0), (paired, COLUMNS), ROW, a, b, rows.radices, rows.roots)
