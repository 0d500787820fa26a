"""The jobs of a retrained comparison: each is trained once and kept, one after the other or on several devices."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Protocol

import torch

from dwsfusion.devices import pick_device
from dwsfusion.errors import InputError
from dwsfusion.progress import Item, Track, silent

_log = logging.getLogger(__name__)


class Job(Protocol):
    """One training, whose result is a file that appears when it is done."""

    @property
    def name(self) -> str:
        """What the job is called in messages."""

    def is_done(self) -> bool:
        """Whether the result is there, made from the very same pictures, labels and settings."""

    def train(self, device: torch.device, track: Track) -> None:
        """Makes the result."""


def run_jobs(jobs: Sequence[Job], devices: Sequence[torch.device], track: Track = silent) -> None:
    """Trains the jobs that are not done yet, and says how far the whole matrix is.

    With several devices each has a process of its own, which takes one job after the other. What a job becomes
    does not depend on where and beside what it is trained. Where a process dies or fails, the others go on; where
    this one is killed, they end with it.

    Args:
        jobs: what is to be trained; with several devices they travel to other processes.
        devices: where; one may be named twice.
        track: shows progress within a job; several devices at once show none.

    Raises:
        InputError: a process died; what the others trained is kept.
    """
    waiting = deque(job for job in jobs if not job.is_done())
    if len(waiting) < len(jobs):
        _log.info("%d of %d networks are there already", len(jobs) - len(waiting), len(jobs))
    progress = _Progress(len(jobs), len(waiting))
    if len(devices) == 1:
        for job in waiting:
            job.train(devices[0], progress.watch(track))
            progress.add(job)
        return
    with ThreadPoolExecutor(len(devices)) as servers:
        served = [servers.submit(_serve, device, waiting, progress) for device in devices]
        for server in served:
            server.add_done_callback(_tell)
    for server in served:
        server.result()


def pick_devices(names: Sequence[str], default: torch.device) -> list[torch.device]:
    """Turns the names of devices into devices; without a name, the default alone.

    Raises:
        InputError: a device is not there, or they are of several kinds, which round differently.
    """
    devices = [pick_device(name) for name in names] or [default]
    if len({device.type for device in devices}) > 1:
        raise InputError(f"expected devices of one kind, so that all networks are trained alike, found {list(names)}")
    return devices


class _Progress:
    """Counts trained jobs and estimates the time that the rest will take."""

    def __init__(self, jobs: int, waiting: int) -> None:
        self._jobs, self._waiting, self._trained = jobs, waiting, 0
        self._start = time.monotonic()

    def watch(self, track: Track) -> Track:
        """Lets the first job say, a twentieth of its way in, how long all will take: nothing else tells it yet."""

        def watched(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
            steps = total or (len(items) if isinstance(items, Sized) else 0)
            start, told = time.monotonic(), -(-steps // 20)
            for step, item in enumerate(track(items, what, total), start=1):
                yield item
                if step == told and steps > 1:
                    seconds = (time.monotonic() - start) / step * steps * self._waiting
                    _log.info("%d networks to train, about %s in all", self._waiting, _in_words(seconds))

        return track if self._trained else watched

    def add(self, job: Job) -> None:
        """Says that a job is done."""
        self._trained += 1
        left = self._waiting - self._trained
        seconds = (time.monotonic() - self._start) / self._trained * left
        rest = f", about {_in_words(seconds)} left" if left else ""
        _log.info("trained %s: %d of %d networks%s", job.name, self._jobs - left, self._jobs, rest)


def _in_words(seconds: float) -> str:
    """Such as ``40 s``, ``25 min`` or ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _serve(device: torch.device, waiting: deque[Job], progress: _Progress) -> None:
    """Lets a process of its own train on a device until no job is waiting."""
    # A process's count of threads decides how sums are split, and so the last digit of what is trained.
    threads = torch.get_num_threads()
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_settle, initargs=(threads,)) as worker:
        while waiting:
            try:
                job = waiting.popleft()
            except IndexError:  # another device was quicker
                return
            try:
                worker.submit(_train, job, device).result()
            except BrokenProcessPool as error:
                raise InputError(
                    f"the process that trained {job.name} on {device} died, perhaps for want of memory: start the "
                    "same command again to go on, with fewer --devices or a smaller --batch-size"
                ) from error
            progress.add(job)


def _tell(server: "Future[None]") -> None:
    """Says at once why a device trains no more; the error is raised only after the others are done."""
    if error := server.exception():
        _log.error("a device stops, the others go on: %s", error)


def _settle(threads: int) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # as in the commands


def _end_with_parent() -> None:
    """Where the parent is killed, its second start would else train beside this process into the same folder."""
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _train(job: Job, device: torch.device) -> None:
    job.train(device, silent)
