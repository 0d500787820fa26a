"""Work shared among threads: loops over rows, and whole branches of a network side by side.

Torch's own threads would wait for more work by spinning, on a core that the loops need.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from itertools import pairwise
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np
import torch

from dwsfusion.kernels.buffers import leave_scratch

_LEAST_ROWS = 4
_LEAST_NUMBERS = 2**15
"""Of the largest array, for each thread: waking one takes as long as some ten thousand numbers."""
_PARTS = 3
"""For each thread: who finds its core undisturbed does more of them."""
_mine = threading.local()
T = TypeVar("T")


def in_parallel(kernel: Callable[..., None], count: int, *args: Any) -> None:
    """Calls ``kernel(*args, start, stop)`` on parts of ``range(count)``, in as many threads as are worth it."""
    largest = max((x.size for x in args if isinstance(x, np.ndarray)), default=0)
    worth = min(count // _LEAST_ROWS, largest // _LEAST_NUMBERS)
    threads = min(_allowed(), worth)
    if threads <= 1:
        return kernel(*args, 0, count)
    parts = min(_PARTS * threads, worth)
    steps = pairwise(count * part // parts for part in range(parts + 1))
    _do([partial(kernel, *args, *step) for step in steps], threads)
    return None


def side_by_side(*tasks: Callable[[], T]) -> list[T]:
    """Does tasks at the same time, each with its share of the threads; their results in order."""
    threads = _allowed()
    if threads < len(tasks):
        return [task() for task in tasks]
    inference = torch.is_inference_mode_enabled()

    def begin(task: Callable[[], T]) -> T:
        with allowing(threads // len(tasks)), torch.inference_mode(inference), torch.no_grad():
            return task()

    return _do([partial(copy_context().run, begin, task) for task in tasks], len(tasks))


@contextmanager
def allowing(threads: int) -> Iterator[None]:
    """Inside, this thread may keep so many threads busy, itself among them."""
    before, _mine.threads = getattr(_mine, "threads", None), threads
    try:
        yield
    finally:
        _mine.threads = before


def _allowed() -> int:
    """How many threads this thread may keep busy, itself among them."""
    return getattr(_mine, "threads", None) or torch.get_num_threads()


def _do(tasks: list[Callable[[], T]], threads: int) -> list[T]:
    """Does tasks in so many threads, of which this is one; none waits for a thread that is busy elsewhere."""
    # Whether tiny numbers count as zero is each thread's own setting: the others follow this one.
    job = _Job(tasks, sys.float_info.min / 2 == 0)
    team = _team()
    for _ in range(threads - 1):
        team.put(job)
    job.work()
    try:
        return job.results()
    except BaseException:  # an interrupt, too, while others go on
        leave_scratch()
        raise


class _Job:
    """Tasks that threads take one after the other."""

    def __init__(self, tasks: list[Callable[[], Any]], flush: bool) -> None:
        self.flush = flush
        self._left: Iterator[tuple[int, Callable[[], Any]]] = iter(list(enumerate(tasks)))
        self._done: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()
        self._count = len(tasks)

    def work(self) -> None:
        """Takes tasks until there are none left."""
        for place, task in self._left:  # a list's iterator gives each item once, to whichever thread asks
            try:
                self._done.put((place, task(), None))
            except BaseException as error:  # noqa: BLE001 - the thread that waits for the results raises it
                self._done.put((place, None, error))

    def results(self) -> list[Any]:
        """Waits until all are done."""
        done = sorted((self._done.get() for _ in range(self._count)), key=lambda item: item[0])
        for _, _, error in done:
            if error is not None:
                raise error
        return [result for _, result, _ in done]


def _serve(jobs: "SimpleQueue[_Job]") -> None:
    while True:
        job = jobs.get()
        torch.set_flush_denormal(job.flush)
        job.work()
        del job  # what it holds is not to lie about until the next one comes


class _Team:
    """The threads of this process: they do not survive a fork, and neither does the lock."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._begun = False

    def begin(self) -> None:
        """Starts the threads, once; a caller does its work alone where there can be no more."""
        with self._lock:
            if self._begun:
                return
            self._begun = True
            with suppress(RuntimeError):
                for index in range((os.cpu_count() or 1) - 1):
                    threading.Thread(target=_serve, args=(self.jobs,), name=f"dwsfusion-{index}", daemon=True).start()


_teams = [_Team()]


def _team() -> "SimpleQueue[_Job]":
    if _teams[-1].process != os.getpid():
        _teams.append(_Team())
    team = _teams[-1]
    team.begin()
    return team.jobs
