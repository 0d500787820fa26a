"""The cells of a retrained comparison: each is trained once and kept, one after the other or on several devices."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Protocol, TypeVar

import torch

from dwsfusion.devices import pick_device
from dwsfusion.errors import InputError

_log = logging.getLogger(__name__)
Item = TypeVar("Item")


class Track(Protocol):
    """Shows progress over items."""

    def __call__(self, items: Iterable[Item], what: str) -> Iterable[Item]:
        """Gives the items on, one by one."""


def silent(items: Iterable[Item], what: str) -> Iterable[Item]:
    """Shows no progress."""
    return items


class Cell(Protocol):
    """One training, whose result is a file that appears when it is done."""

    @property
    def name(self) -> str:
        """What the cell is called in messages."""

    def is_done(self) -> bool:
        """Whether the result is there, made from the very same pictures, labels and settings."""

    def train(self, device: torch.device, track: Track) -> None:
        """Makes the result."""


def run_cells(cells: Sequence[Cell], devices: Sequence[torch.device], track: Track = silent) -> None:
    """Trains the cells that are not done yet, and says how far the whole matrix is.

    With several devices each has a process of its own, which takes one cell after the other. What a cell becomes
    does not depend on where and beside what it is trained. Where a process dies or fails, the others go on; where
    this one is killed, they end with it.

    Args:
        cells: what is to be trained; with several devices they travel to other processes.
        devices: where; one may be named twice.
        track: shows progress within a cell; several devices at once show none.

    Raises:
        InputError: a process died; what the others trained is kept.
    """
    waiting = deque(cell for cell in cells if not cell.is_done())
    if len(waiting) < len(cells):
        _log.info("%d of %d networks are there already", len(cells) - len(waiting), len(cells))
    progress = _Progress(len(cells), len(waiting))
    if len(devices) == 1:
        for cell in waiting:
            cell.train(devices[0], track)
            progress.add(cell)
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
    """Counts trained cells and estimates the time that the rest will take."""

    def __init__(self, cells: int, waiting: int) -> None:
        self._cells, self._waiting, self._trained = cells, waiting, 0
        self._start = time.monotonic()

    def add(self, cell: Cell) -> None:
        """Says that a cell is done."""
        self._trained += 1
        left = self._waiting - self._trained
        seconds = (time.monotonic() - self._start) / self._trained * left
        about = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
        rest = f", about {about} left" if left else ""
        _log.info("trained %s: %d of %d networks%s", cell.name, self._cells - left, self._cells, rest)


def _serve(device: torch.device, waiting: deque[Cell], progress: _Progress) -> None:
    """Lets a process of its own train on a device until no cell is waiting."""
    # A process's count of threads decides how sums are split, and so the last digit of what is trained.
    threads = torch.get_num_threads()
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_settle, initargs=(threads,)) as worker:
        while waiting:
            try:
                cell = waiting.popleft()
            except IndexError:  # another device was quicker
                return
            try:
                worker.submit(_train, cell, device).result()
            except BrokenProcessPool as error:
                raise InputError(
                    f"the process that trained {cell.name} on {device} died, perhaps for want of memory: start the "
                    "same command again to go on, with fewer --devices or a smaller --batch-size"
                ) from error
            progress.add(cell)


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


def _train(cell: Cell, device: torch.device) -> None:
    cell.train(device, silent)
