"""Fourier transforms of `COLUMNS` columns at a time: Stockham's algorithm with radices 4, 2 and odd primes.

Where a size allows, the first radix is 4, for columns of low frequencies, and the last is 8 or 4: what comes last needs
no roots.

The buffers are those of `passes`.
"""

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dwsfusion.kernels.compile import compiled_part
from dwsfusion.kernels.passes import ROW, last_4, last_8, radix_2, radix_3, radix_4, radix_4_low, radix_5, radix_odd
from dwsfusion.kernels.vectors import COLUMNS, store
from dwsfusion.kernels.vectors import load_columns as load

_LARGEST = 13
"""Larger prime factors cost more than torch's transforms."""


@lru_cache(maxsize=64)
def radices(size: int) -> tuple[int, ...] | None:
    """The radices of a transform of some size, or None where a prime factor is too large."""
    found = []
    for radix in (4, 2, 3, 5, 7, 11, _LARGEST):
        while size % radix == 0:
            found.append(radix)
            size //= radix
    if size > 1:
        return None
    if 4 in found[1:]:  # the fours stand in front
        last = [4, 2] if 2 in found else [4]
        for radix in last:
            found.remove(radix)
        found.append(prod(last))
    return tuple(found)


@lru_cache(maxsize=64)
def roots(size: int, dtype: Any) -> NDArray[Any]:
    """exp(-2πik / size) for every k: real and imaginary part after each other."""
    turns = np.exp(-2j * np.pi * np.arange(size) / size)
    return np.stack([turns.real, turns.imag], 1).reshape(-1).astype(dtype)


@compiled_part
def transform(a, b, sizes, turns):  # type: ignore[no-untyped-def]
    """Transforms the columns in a.

    Args:
        a: a buffer, ``(ROW * N,)``.
        b: as large, of any content.
        sizes: the radices.
        turns: the roots.

    Returns:
        The buffer with the result, and the other one.
    """
    return _go_on(a, b, len(turns) // 2, 1, sizes, turns)


@compiled_part
def transform_low(kept, re, im, step, a, b, sizes, turns):  # type: ignore[no-untyped-def]
    """Transforms columns that are zero but for some low frequencies, at most a quarter of them, and their opposites.

    Args:
        kept: how many, an odd number; behind them comes a row of zeros.
        re: an array, and where in it the real parts start, in the order 0, 1, -1, 2, -2 and so on.
        im: the same for the imaginary parts.
        step: how far one is from the next.
        a: a buffer of any content, ``(ROW * N,)``.
        b: another one.
        sizes: the radices.
        turns: the roots.

    Returns:
        The buffer with the result, and the other one.
    """
    length = len(turns) // 2
    if sizes[0] == 4:
        radix_4_low(kept, re, im, step, a, length // 4, turns)
        return _go_on(a, b, length // 4, 4, sizes[1:], turns)
    a[:] = 0
    for i in range(kept):
        k = ROW * (-(i // 2) % length if i % 2 == 0 else i // 2 + 1)
        store(a, k, load(re[0], re[1] + i * step))
        store(a, k + COLUMNS, load(im[0], im[1] + i * step))
    return _go_on(a, b, length, 1, sizes, turns)


@compiled_part
def _go_on(a, b, length, stride, sizes, turns):  # type: ignore[no-untyped-def]
    """All radices from buffers ``(ROW * N,)``, of which stride transforms of a length are to be done."""
    for radix in sizes:
        if radix == 8:
            last_8(a, b, stride)
        elif radix == 4 and length == 4:
            last_4(a, b, stride)
        elif radix == 4:
            radix_4(a, b, length, stride, turns)
        elif radix == 2:
            radix_2(a, b, length, stride, turns)
        elif radix == 3:
            radix_3(a, b, length, stride, turns)
        elif radix == 5:
            radix_5(a, b, length, stride, turns)
        else:
            radix_odd(a, b, radix, length, stride, turns)
        a, b = b, a
        length //= radix
        stride *= radix
    return a, b
