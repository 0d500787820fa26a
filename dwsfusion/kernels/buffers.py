"""Memory that the loops use again, for fresh memory costs a fault a page."""

import threading
from math import prod
from sys import getrefcount
from typing import Any, NamedTuple
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray


class _Place(NamedTuple):
    """Bytes, and the first that is used: numbers start at the start of a large page."""

    room: NDArray[Any]
    start: int


class _Memory:
    """What a thread keeps."""

    def __init__(self) -> None:
        self.scratch: dict[str, _Place] = {}
        self.recycled: list[_Place] = []
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


def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """An array of any content in memory that this thread keeps under a name."""
    kept = _mine.memory.scratch
    if name not in kept or kept[name].room.nbytes < _room(shape, dtype):
        kept[name] = _placed(_room(shape, dtype))
    return np.ndarray(shape, dtype, *kept[name])


def recycled(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """An array of any content, in the memory of an earlier one that nobody holds any more, if there is some."""
    kept = _mine.memory.recycled
    room = _room(shape, dtype)
    for place in range(len(kept)):
        if kept[place].room.nbytes == room and _holders(kept, place) == _UNUSED:
            return np.ndarray(shape, dtype, *kept[place])
    if len(kept) == _RECYCLED:
        del kept[0]
    kept.append(_placed(room))
    return np.ndarray(shape, dtype, *kept[-1])


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


def _placed(size: int) -> _Place:
    room = np.empty(size, np.uint8)
    return _Place(room, -room.ctypes.data % _PAGE if size >= 2 * _PAGE else 0)


def _holders(kept: list[_Place], place: int) -> int:
    return getrefcount(kept[place].room)


_UNUSED = _holders([_placed(0)], 0)
