"""Frequency selection by our own Fourier transforms, which work on `LENGTH` columns at a time.

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
from dwsfusion.kernels.fourier import ROW, radices, roots, transform, transform_low
from dwsfusion.kernels.threads import in_parallel
from dwsfusion.kernels.vectors import LENGTH, fetch, load, splat, store, transpose


class Axis(NamedTuple):
    """The filters along one axis; everything of the frequencies that some filter keeps."""

    order: NDArray[Any]
    """``(K,)``: 0, 1, -1, 2, -2 and so on, where negative ones count from the end; for a lone plane 0, 1, 2."""
    kept: NDArray[Any]
    """``(3,)``: how many of them each filter keeps."""
    windows: NDArray[Any]
    """``(3, K)`` and zeros up to whole vectors: 1 where a filter keeps a frequency."""
    mirrored: NDArray[Any]
    """The same for the opposite frequencies."""
    radices: NDArray[Any]
    roots: NDArray[Any]


def transformable(*sides: int) -> bool:
    """Whether the sides of a map hold a vector and have small factors."""
    return all(side >= LENGTH and radices(side) is not None for side in sides)


def select(planes: NDArray[Any], gates: NDArray[Any], inner: NDArray[Any], sums: NDArray[Any]) -> None:
    """Weights the bands of `transformable` maps by gates.

    Args:
        planes: the maps, ``(B, C, H, W)``.
        gates: before they are doubled, ``(B, 3, H, W)``.
        inner: to be filled, ``(B, C, H, W)``.
        sums: to be filled with the sums of the columns of inner, ``(B, C, W)``.
    """
    channels, height, width = planes.shape[1:]
    columns = _axis(width, planes.dtype)
    for b, c in product(range(len(planes)), range(0, channels, 2)):
        pair, lone = slice(c, c + 2), c + 1 == channels
        rows, blocks = _axis(height, planes.dtype, lone), -(-width // (LENGTH * (1 + lone)))
        whole = len(rows.order) + -len(rows.order) % LENGTH
        spectrum = scratch("spectrum", (2, whole, width), planes.dtype)
        spectrum[:, len(rows.order) :] = 0
        narrow = scratch("narrow", (3, 2, whole, width), planes.dtype)
        in_parallel(_transform_columns, blocks, planes[b, pair], spectrum, rows)
        in_parallel(_filter_rows, whole // LENGTH, spectrum, narrow, rows, columns)
        out = (inner[b, pair], sums[b, pair])
        in_parallel(_weigh_columns, blocks, narrow, planes[b, pair], gates[b], *out, rows)


@lru_cache(maxsize=64)
def _axis(size: int, dtype: Any, lone: bool = False) -> Axis:
    window: NDArray[Any] = kept_frequencies(size).numpy()
    mirrored = np.roll(window[:, ::-1], 1, 1)
    # The highest frequency that a filter keeps, of either sign.
    highest = [int(np.flatnonzero(kept[: size // 2 + 1]).max()) for kept in window + mirrored]
    signs = (1,) if lone else (1, -1)
    order = np.array([0, *(sign * k for k in range(1, max(highest) + 1) for sign in signs)]) % size
    margin = ((0, 0), (0, -len(order) % LENGTH))
    kept, opposite = (np.pad(part[:, order], margin).astype(dtype, order="C") for part in (window, mirrored))
    return Axis(order, len(signs) * np.array(highest) + 1, kept, opposite, np.array(radices(size)), roots(size, dtype))


@compiled
def _transform_columns(planes, spectrum, rows, start, stop):  # type: ignore[no-untyped-def]
    """Blocks of columns of planes ``(1 or 2, H, W)`` to their frequencies that are kept, ``(2, K, W)``."""
    height, width = planes.shape[1:]
    lone = len(planes) == 1
    a, b = np.empty(ROW * height, planes.dtype), np.empty(ROW * height, planes.dtype)
    half = splat(planes.dtype.type(0.5))
    for block in range(start, stop):
        x, z = _columns(block, lone, width)
        for y in range(height):
            store(a, ROW * y, load(planes[0], y * width + x))
            store(a, ROW * y + LENGTH, load(planes[len(planes) - 1], y * width + z))
        _fetch_columns(planes, _columns(block + 1, lone, width))
        a, b = transform(a, b, rows.radices, rows.roots)
        for i in range(len(rows.order)):
            k = ROW * rows.order[i]
            re, im = load(a, k), load(a, k + LENGTH)
            if lone:
                k = ROW * (-rows.order[i] % height)
                back_re, back_im = load(a, k), load(a, k + LENGTH)
                store(spectrum[0], i * width + z, half * (im + back_im))
                store(spectrum[1], i * width + z, half * (back_re - re))
                re, im = half * (re + back_re), half * (im - back_im)
            store(spectrum[0], i * width + x, re)
            store(spectrum[1], i * width + x, im)


@compiled_part
def _columns(block, lone, width):  # type: ignore[no-untyped-def]
    """Where a block's real and imaginary parts start, two numbers of ``(W,)``; the last columns are done twice."""
    last = width - LENGTH
    if lone:
        return min(2 * LENGTH * block, last), min(2 * LENGTH * block + LENGTH, last)
    return min(LENGTH * block, last), min(LENGTH * block, last)


@compiled
def _filter_rows(spectrum, narrow, rows, columns, start, stop):  # type: ignore[no-untyped-def]
    """Blocks of rows of the spectrum ``(2, K, W)`` to pixels along the rows, ``(3, 2, K, W)``, parts swapped.

    Once for each filter. A transform with real and imaginary part swapped before and after is the inverse one.
    """
    width = spectrum.shape[2]
    a, b = np.empty(ROW * width, spectrum.dtype), np.empty(ROW * width, spectrum.dtype)
    c, low = np.empty(ROW * width, spectrum.dtype), np.empty(ROW * (len(columns.order) + 1), spectrum.dtype)
    # The symmetric half of a filter, and the scale of the transforms.
    half = splat(spectrum.dtype.type(0.5 / (len(rows.roots) // 2 * width)))
    for block in range(start, stop):
        i = block * LENGTH
        _turn_block(spectrum[0], i * width, width, a, 0, ROW, width)
        _turn_block(spectrum[1], i * width, width, a, LENGTH, ROW, width)
        a, b = transform(a, b, columns.radices, columns.roots)
        for band in range(3):
            if i >= rows.kept[band]:
                continue
            window, mirrored = half * load(rows.windows[band], i), half * load(rows.mirrored[band], i)
            for j in range(columns.kept[band]):
                k = ROW * columns.order[j]
                mask = window * splat(columns.windows[band, j]) + mirrored * splat(columns.mirrored[band, j])
                store(low, ROW * j, mask * load(a, k + LENGTH))
                store(low, ROW * j + LENGTH, mask * load(a, k))
            low[ROW * columns.kept[band] : ROW * (columns.kept[band] + 1)] = 0
            parts = (low, 0), (low, LENGTH)
            c, b = transform_low(columns.kept[band], *parts, ROW, c, b, columns.radices, columns.roots)
            for x in range(0, width, LENGTH):
                x = min(x, width - LENGTH)
                transpose(c, ROW * x, ROW, narrow[band, 0], i * width + x, width)
                transpose(c, ROW * x + LENGTH, ROW, narrow[band, 1], i * width + x, width)


@compiled_part
def _turn_block(plane, start, step, out, place, stride, width):  # type: ignore[no-untyped-def]
    """`LENGTH` rows of a plane, W numbers each, to a column of vectors ``(W * stride,)``."""
    for x in range(0, width, LENGTH):
        x = min(x, width - LENGTH)
        transpose(plane, start + x, step, out, place + stride * x, stride)


@compiled
def _weigh_columns(narrow, planes, gates, inner, sums, rows, start, stop):  # type: ignore[no-untyped-def]
    """Blocks of columns ``(3, 2, K, W)`` back to pixels, and the bands between these times the gates ``(3, H, W)``."""
    height, width = planes.shape[1:]
    lone = len(planes) == 1
    low2, low4 = np.empty(ROW * height, narrow.dtype), np.empty(ROW * height, narrow.dtype)
    low8, spare = np.empty(ROW * height, narrow.dtype), np.empty(ROW * height, narrow.dtype)
    paired = np.empty(2 * ROW * (len(rows.order) + 1), narrow.dtype)
    two = splat(narrow.dtype.type(2))
    for block in range(start, stop):
        starts, ahead = _columns(block, lone, width), _columns(block + 1, lone, width)
        _fetch_columns(gates[:1], starts)
        _fetch_columns(gates[1:2], starts)
        low2, spare = _restored(narrow, 0, starts, lone, low2, spare, paired, rows)
        _fetch_columns(gates[2:], starts)
        _fetch_columns(planes, starts)
        low4, spare = _restored(narrow, 1, starts, lone, low4, spare, paired, rows)
        low8, spare = _restored(narrow, 2, starts, lone, low8, spare, paired, rows)
        for band in range(3):
            for part in range(2):
                for k in range(rows.kept[band]):
                    fetch(narrow[band, part], k * width + ahead[0])
        for part in range(2):
            plane, x, total = min(part, len(planes) - 1), starts[part], splat(narrow.dtype.type(0))
            for y in range(height):
                i, j = y * width + x, ROW * y + LENGTH * (1 - part)  # the parts are swapped
                l2, l4, l8 = load(low2, j), load(low4, j), load(low8, j)
                high, middle = load(gates[0], i) * (load(planes[plane], i) - l2), load(gates[1], i) * (l2 - l4)
                value = l8 + two * (high + middle + load(gates[2], i) * (l4 - l8))
                store(inner[plane, y], x, value)
                total = total + value
            store(sums[plane], x, total)


@compiled_part
def _fetch_columns(planes, starts):  # type: ignore[no-untyped-def]
    """Asks for a block's columns of planes ``(1 or 2, H, W)``."""
    height, width = planes.shape[1:]
    for y in range(height):
        fetch(planes[0], y * width + starts[0])
        fetch(planes[len(planes) - 1], y * width + starts[1])


@compiled_part
def _restored(narrow, band, starts, lone, a, b, paired, rows):  # type: ignore[no-untyped-def]
    """One filter's block of columns from ``(3, 2, K, W)``, parts swapped, ``(ROW * H,)``, and the other buffer."""
    width, kept = narrow.shape[3], rows.kept[band]
    if not lone:
        parts = (narrow[band, 0], starts[0]), (narrow[band, 1], starts[0])
        return transform_low(kept, *parts, width, a, b, rows.radices, rows.roots)
    for k in range(kept):  # one block plus i times the other; at the opposite frequency both are conjugate
        x, z, place = k * width + starts[0], k * width + starts[1], ROW * 2 * k
        re, im, more_re, more_im = (
            load(narrow[band, 1], x), load(narrow[band, 0], x), load(narrow[band, 1], z), load(narrow[band, 0], z)
        )  # fmt: skip
        store(paired, place, more_re - im)
        store(paired, place + LENGTH, re + more_im)
        if k:  # what frequency 0 has as imaginary parts are rounding errors
            store(paired, place - ROW, im + more_re)
            store(paired, place - ROW + LENGTH, re - more_im)
    kept = 2 * kept - 1
    paired[ROW * kept : ROW * (kept + 1)] = 0
    return transform_low(kept, (paired, 0), (paired, LENGTH), ROW, a, b, rows.radices, rows.roots)
