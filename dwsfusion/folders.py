"""Pairs of pictures from disk to fused pictures on disk, any number of them in flat memory."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Generator as Stream
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from dwsfusion import images
from dwsfusion.devices import wait_for
from dwsfusion.errors import ImageError, InputError
from dwsfusion.fusing import Fuser
from dwsfusion.pairs import Pair, Skipped, check_apart
from dwsfusion.runs import hash_file, hash_text

SOURCE_KEY = "dwsfusion-source"
_THREADS = 2
"""For reading, and as many for writing, while the network computes."""
_AHEAD = 4
"""Pairs that wait for the network beside its next batch, and pictures that wait for the disk."""


@dataclass(frozen=True)
class Fused:
    """What became of one pair."""

    name: str
    status: Literal["made", "kept", "skipped"]
    """Kept is a file that was there already, made by the same method from the same pair."""
    path: Path | None = None
    """The fused picture, where there is one."""
    source: str = ""
    """A hash of method and pair: what the picture's mark says."""
    reason: str = ""
    """Why the pair was skipped."""
    network_seconds: float = 0.0
    """How long the network alone would have taken on as many cores, or how long it kept the GPU."""


@dataclass(frozen=True)
class FolderResult:
    """What became of a folder of pairs."""

    files: dict[str, Path]
    """Name to fused file, in the order of the pairs."""
    skipped: list[Skipped] = field(default_factory=list)
    made: int = 0
    """How many were fused now; the others were there already."""
    seconds: float = 0.0
    """From the first pair read to the last picture written."""
    network_seconds: float = 0.0
    """How long the network alone would have taken on as many cores, or how long it kept the GPU."""

    def speed(self) -> str:
        """How long it took, and for what share of the time the network was at work."""
        return in_words(self.made, self.seconds, self.network_seconds)


def in_words(made: int, seconds: float, network_seconds: float) -> str:
    """How long some pairs took, and for what share of the time the network was at work."""
    share = network_seconds / seconds if seconds else 0.0
    return f"{made} pairs in {seconds:.1f} s, network {network_seconds:.1f} s ({100 * share:.0f} %)"


def fuse_folder(
    fuser: Fuser,
    pairs: Iterable[Pair],
    out: Path,
    *,
    batch_size: int = 1,
    ir_range: tuple[float, float] | None = None,
) -> FolderResult:
    """Fuses pairs into ``out/NAME.png``, RGB of the source's size, and remembers every name; see `fuse_pairs`."""
    start = time.perf_counter()
    files: dict[str, Path] = {}
    skipped: list[Skipped] = []
    made, network_seconds = 0, 0.0
    for fused in fuse_pairs(fuser, pairs, out, batch_size=batch_size, ir_range=ir_range):
        if fused.path is None:
            skipped.append(Skipped(fused.name, fused.reason))
        else:
            files[fused.name] = fused.path
        made += fused.status == "made"
        network_seconds += fused.network_seconds
    return FolderResult(files, skipped, made, time.perf_counter() - start, network_seconds)


def fuse_pairs(
    fuser: Fuser,
    pairs: Iterable[Pair],
    out: Path,
    *,
    batch_size: int = 1,
    ir_range: tuple[float, float] | None = None,
) -> Iterator[Fused]:
    """Fuses pairs into ``out/NAME.png``, RGB of the source's size, and tells in their order what became of each.

    A file that the same method made from the same two files is kept, which a mark in it tells; a file without a mark is
    never replaced. A pair that cannot be read is skipped and named. Pairs are read ahead and pictures written while the
    network computes, on a CPU up to four batches side by side; only a few are in memory at a time.

    Args:
        fuser: the method.
        pairs, out: the pairs, which may be wrapped to show progress, and the folder.
        batch_size: pairs of one size that are computed together.
        ir_range: see `Fuser.fuse`; whether one is needed, `look_at_infrared` tells.

    Raises:
        InputError: the range is none, or the folder is a source folder, holds one, or a file of a pair's name not ours.
    """
    out, waiting = Path(out), deque[_Waiting]()
    images.check_range(ir_range or (0, 1))
    with ThreadPoolExecutor(_THREADS) as readers, ThreadPoolExecutor(_THREADS) as writers:
        reads = _read_ahead(readers, pairs, lambda pair: _read(pair, out, fuser, ir_range), batch_size + _AHEAD)
        with closing(_fused(fuser, _batches(reads, batch_size, waiting), writers)) as batches:
            for _ in batches:
                yield from _settled(waiting, _AHEAD)
        yield from _settled(waiting, 0)


def check_replaceable(path: Path) -> str | None:
    """Gives the mark in a picture file of this program that tells what it was made from; None where there is no file.

    Raises:
        InputError: there is one without a mark.
    """
    mark = images.png_text(path).get(SOURCE_KEY)
    if mark is None and path.exists():
        raise InputError(f"{path} is there and was not fused by this program: choose another folder, or remove it")
    return mark


@dataclass(frozen=True)
class _Job:
    path: Path
    source: str
    ir: Tensor
    vis: Tensor
    vis_y: Tensor


@dataclass
class _Waiting:
    """A pair on its way; what becomes of it is told once the pairs before it are told."""

    name: str
    told: Fused | None = None
    """Where nothing has to be computed."""
    job: _Job | None = None
    write: Future[None] | None = None
    seconds: float = 0.0

    def finish(self) -> Fused:
        """Waits for the file."""
        if self.told is not None:
            return self.told
        if self.job is None or self.write is None:
            raise RuntimeError(f"{self.name} was told before it was computed")
        self.write.result()
        return Fused(self.name, "made", self.job.path, self.job.source, network_seconds=self.seconds)


def _settled(waiting: deque[_Waiting], ahead: int) -> Iterator[Fused]:
    """Takes from the front what is kept, skipped or being written, and waits until few pictures are being written."""
    writing = sum(item.write is not None for item in waiting)
    while waiting and (waiting[0].told or waiting[0].write):
        if waiting[0].write and writing <= ahead:
            return
        item = waiting.popleft()
        writing -= item.write is not None
        yield item.finish()


def _read_ahead(
    readers: Executor, pairs: Iterable[Pair], read: Callable[[Pair], _Job | Fused], ahead: int
) -> Iterator[tuple[Pair, Future[_Job | Fused]]]:
    """Starts reading a few pairs before they are needed; gives them in order."""
    waiting: deque[tuple[Pair, Future[_Job | Fused]]] = deque()
    for pair in pairs:
        waiting.append((pair, readers.submit(read, pair)))
        if len(waiting) > ahead:
            yield waiting.popleft()
    yield from waiting


def _read(pair: Pair, out: Path, fuser: Fuser, ir_range: tuple[float, float] | None) -> _Job | Fused:
    """What is to be fused, on the fuser's device, or the file where that is done already."""
    check_apart(out, (pair.ir, pair.vis))
    path = out / f"{pair.name}.png"
    mark = check_replaceable(path)
    source = hash_text(fuser.identity, str(ir_range), hash_file(pair.ir), hash_file(pair.vis))
    if mark == source:
        return Fused(pair.name, "kept", path, source)
    ir, vis = pair.read()
    colours = images.vis_tensor(vis, fuser.device)
    luma = images.ir_tensor(ir, ir_range, fuser.device, heed_counts=False)
    return _Job(path, source, luma, colours, images.luma(colours))


def _batches(
    reads: Iterable[tuple[Pair, Future[_Job | Fused]]], batch_size: int, waiting: deque[_Waiting]
) -> Iterator[list[_Waiting]]:
    """Puts every pair into the queue, and gathers what is still to be fused in batches of one size; some are empty."""
    batch: list[_Waiting] = []
    shape: torch.Size | None = None
    for pair, read in reads:
        try:
            job = read.result()
        except (ImageError, OSError) as error:
            job = Fused(pair.name, "skipped", reason=str(error))
        if isinstance(job, Fused):
            waiting.append(_Waiting(pair.name, told=job))
            yield []  # so that it can be told
            continue
        if batch and (len(batch) == batch_size or shape != job.ir.shape):
            yield batch
            batch = []
        batch.append(_Waiting(pair.name, job=job))
        shape = job.ir.shape
        waiting.append(batch[-1])
    if batch:
        yield batch


def _fused(fuser: Fuser, batches: Iterable[list[_Waiting]], writers: Executor) -> Stream[None, None, None]:
    """Fuses batches, some side by side, and begins to write their pictures; gives control back after each, in order."""
    lanes, flush = fuser.engine.lanes(), sys.float_info.min / 2 == 0
    fusing: deque[tuple[list[_Waiting], Future[tuple[list[Future[None]], float]]]] = deque()

    def land() -> None:
        batch, fused = fusing.popleft()
        writes, seconds = fused.result()
        for item, write in zip(batch, writes, strict=True):
            item.write, item.seconds = write, seconds / len(batch)

    with ThreadPoolExecutor(lanes) as networks:
        for batch in batches:
            if not batch:
                yield
                continue
            jobs = [item.job for item in batch if item.job is not None]
            task = networks.submit(copy_context().run, _fuse, fuser, jobs, writers, flush, lanes)
            fusing.append((batch, task))
            if len(fusing) > lanes + 1:
                land()
                yield
        while fusing:
            land()
            yield


def _fuse(
    fuser: Fuser, batch: list[_Job], writers: Executor, flush: bool, lanes: int
) -> tuple[list[Future[None]], float]:
    """Fuses a batch; the pictures that are being written, and the seconds that all cores would have taken."""
    torch.set_flush_denormal(flush)  # each thread's own setting
    threads = torch.get_num_threads() // lanes
    clock, share = time.perf_counter, threads / torch.get_num_threads()
    if lanes > 1 and threads == 1:
        clock = time.thread_time  # without what it waits for threads that read and write
    began = clock()
    with fuser.engine.in_lane(lanes):
        fused = fuser.fuse_tensors(torch.cat([job.ir for job in batch]), torch.cat([job.vis_y for job in batch]))
    wait_for(fuser.device)
    seconds = share * (clock() - began)
    return [writers.submit(_write, job, y) for job, y in zip(batch, fused.split(1), strict=True)], seconds


def _write(job: _Job, fused_y: Tensor) -> None:
    images.write_png(job.path, images.coloured(fused_y, job.vis), {SOURCE_KEY: job.source})
