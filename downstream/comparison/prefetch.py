"""Reading while a network computes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

Read = TypeVar("Read")
_AHEAD = 2


def read_ahead(files: Iterable[Path], read: Callable[[Path], Read]) -> Iterator[Read]:
    """Gives what `read` makes of each file, in order; the next two are read meanwhile."""
    waiting: deque[Future[Read]] = deque()
    with ThreadPoolExecutor(1) as reader:
        for path in files:
            waiting.append(reader.submit(read, path))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
