"""What all compiled loops are made of: work on rows of pixels, in memory that is used again.

The loops take rows as separate one-dimensional arrays, for then the compiler writes vector instructions.
"""

# Numba has types for a part of itself only.
# mypy: allow-untyped-decorators

import threading
from functools import cache
from math import prod
from pathlib import Path
from sys import getrefcount
from typing import Any
from weakref import WeakSet

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray
from torch import Tensor

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    # NaN and infinity keep their meaning; only the order of sums and multiply-adds are the compiler's.
    "fastmath": {"contract", "reassoc", "nsz"},
}


instruction: Any = intrinsic  # not of numba's type, whose call is that of the compile time


class _Memory:
    """What a thread keeps."""

    def __init__(self) -> None:
        self.scratch: dict[str, NDArray[Any]] = {}
        self.recycled: list[NDArray[Any]] = []
        with _lock:
            _memories.add(self)


class _Mine(threading.local):
    def __init__(self) -> None:
        self.memory = _Memory()


_memories: WeakSet[_Memory] = WeakSet()
_lock = threading.Lock()
_mine = _Mine()
_PAGE = 2**21
_RECYCLED = 32
"""Arrays that a thread keeps in sight."""


def compiled(function: Any) -> Any:
    """Compiles at the first call and keeps the machine code on disk, where there is a place for it."""
    return _compiled(function, _OPTIONS)


def compiled_exactly(function: Any) -> Any:
    """The same, but every sum and product is rounded as it stands there."""
    return _compiled(function, _OPTIONS | {"fastmath": False})


def is_compiled(dispatcher: Any) -> bool:
    """Whether machine code of a function lies on disk, and is of this version."""
    file = getattr(dispatcher._cache, "_cache_file", None)
    return file is not None and bool(file._load_index())


def _compiled(function: Any, options: dict[str, Any]) -> Any:
    try:
        dispatcher = njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written to
        return njit(**options)(function)
    # Numba would notice a change of the function's own file only, but the kernels call one another across files.
    dispatcher._cache._cache_file._source_stamp = _source_stamp()
    return dispatcher


def arrays(*tensors: Tensor) -> list[NDArray[Any]]:
    """Tensors as arrays on the same memory, row after row."""
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """An array of any content in memory that this thread keeps under a name: fresh memory costs a fault a page."""
    kept = _mine.memory.scratch
    if name not in kept or kept[name].nbytes < _room(shape, dtype):
        kept[name] = np.empty(_room(shape, dtype), np.uint8)
    return _laid(kept[name], shape, dtype)


def recycled(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """An array of any content, in the memory of an earlier one that nobody holds any more, if there is some."""
    kept = _mine.memory.recycled
    room = _room(shape, dtype)
    for place in range(len(kept)):
        if kept[place].nbytes == room and _holders(kept, place) == _UNUSED:
            return _laid(kept[place], shape, dtype)
    if len(kept) == _RECYCLED:
        del kept[0]
    kept.append(np.empty(room, np.uint8))
    return _laid(kept[-1], shape, dtype)


def release_memory() -> None:
    """Gives back what all threads keep and do not use."""
    with _lock:
        memories = list(_memories)
    for memory in memories:
        memory.scratch, memory.recycled = {}, []  # new ones: their thread may just be looking through the old


def leave_scratch() -> None:
    """Gives this thread new scratch memory, for somebody may still write to the old."""
    _mine.memory.scratch = {}


def _room(shape: tuple[int, ...], dtype: Any) -> int:
    """Bytes for an array: whole large pages, and one more to start at the start of one.

    With small pages, a step down a column costs a look-up each. Numpy asks for large ones from 4 MB on.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    return size if size < _PAGE // 16 else size + -size % _PAGE + _PAGE


def _laid(room: NDArray[Any], shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    start = -room.ctypes.data % _PAGE if room.nbytes >= 2 * _PAGE else 0
    return np.ndarray(shape, dtype, room, start)


def _holders(kept: list[NDArray[Any]], place: int) -> int:
    return getrefcount(kept[place])


_UNUSED = _holders([np.empty(0)], 0)


@cache
def _source_stamp() -> tuple[tuple[str, int, int], ...]:
    states = [(path.name, path.stat()) for path in sorted(Path(__file__).parent.glob("*.py"))]
    return tuple((name, state.st_mtime_ns, state.st_size) for name, state in states)


@compiled
def copy_row(out, row):  # type: ignore[no-untyped-def]
    """Faster than a slice's assignment, which has to think of overlap."""
    for x in range(len(out)):
        out[x] = row[x]


@compiled
def zero_padded_rows(rows, plane, y):  # type: ignore[no-untyped-def]
    """Copies the rows y - 1, y and y + 1 of a plane between zeros."""
    height, width = plane.shape
    for k in range(3):
        if 0 <= y + k - 1 < height:
            copy_row(rows[k, 1 : width + 1], plane[y + k - 1])
        else:
            rows[k] = 0


@compiled
def add_row(out, factor, row):  # type: ignore[no-untyped-def]
    """Adds a row times a factor."""
    for x in range(len(out)):
        out[x] += factor * row[x]


@compiled
def larger(a, b):  # type: ignore[no-untyped-def]
    """The larger number; a NaN wins."""
    return b if b > a or b != b else a


@compiled
def relu_row(row):  # type: ignore[no-untyped-def]
    """In place."""
    zero = row.dtype.type(0)
    for x in range(len(row)):
        row[x] = zero if row[x] < zero else row[x]  # NaN stays


@instruction
def _two_to(_context: Any, number: Any) -> Any:
    """2 to the power of a whole number within ±126."""
    mantissa, bias, bits = (23, 127, 32) if number == types.float32 else (52, 1023, 64)

    def generate(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        whole = ir.IntType(bits)
        exponent = builder.add(builder.fptosi(args[0], whole), ir.Constant(whole, bias))
        return builder.bitcast(builder.shl(exponent, ir.Constant(whole, mantissa)), args[0].type)

    return number(number), generate


@compiled
def sigmoid_row(row):  # type: ignore[no-untyped-def]
    """By our own exponential, for the library's would not become vector code.

    The error is relative, under 5e-6 near 0 too: an attention that shuts a pixel does so whatever the pixel's size.
    """
    real = row.dtype.type
    half, one, end, log2e = real(0.5), real(1), real(126), real(1.4426950408889634)
    # 2**f for f within ±1/2, fitted to a relative error of 2e-9
    c1, c2, c3 = real(0.6931472028665112), real(0.2402264791282529), real(0.05550332453580631)
    c4, c5, c6 = real(0.009618437382222247), real(0.001339887988362281), real(0.00015353366996653716)
    for i in range(len(row)):
        t = -log2e * row[i]
        t = end if t > end else t
        t = -end if t < -end else t  # NaN stays
        n = np.floor(t + half)
        f = t - n
        power = (((((c6 * f + c5) * f + c4) * f + c3) * f + c2) * f + c1) * f + one
        row[i] = one / (one + power * _two_to(n))
