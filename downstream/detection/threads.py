"""Torch's threads beside ultralytics, which takes one away wherever it chooses a CPU."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_MOST_THREADS = 8


def cores() -> int:
    """The cores that this process may use, at most as many as ultralytics would."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, _MOST_THREADS)


@contextmanager
def threads_kept() -> Iterator[None]:
    """Gives torch back as many threads as it had."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
