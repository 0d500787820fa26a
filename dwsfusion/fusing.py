"""The door for users: a fusion method that takes pictures and gives pictures.

fuser = Fuser.from_pretrained()
fused = fuser.fuse(ir, vis)
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Generator as Stream
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from dwsfusion import images
from dwsfusion.baselines import BASELINES
from dwsfusion.checkpoints import DEFAULT_WEIGHTS, load_generator
from dwsfusion.devices import pick_device, wait_for
from dwsfusion.engines import engine_for
from dwsfusion.errors import ImageError, InputError
from dwsfusion.generator import Generator
from dwsfusion.hub import find_weights, save_pretrained
from dwsfusion.images import Array
from dwsfusion.pairs import Pair, Skipped, check_apart
from dwsfusion.runs import hash_file, hash_text

SOURCE_KEY = "dwsfusion-source"
_THREADS = 2
"""For reading, and as many for writing, while the network computes."""
_AHEAD = 4
"""Pairs that wait for the network beside its next batch, and pictures that wait for the disk."""


class Fuser:
    """Fuses infrared and visible pictures by a network or by a plain rule.

    Args:
        network: takes ``ir`` and ``vis_y``, float ``(B, 1, H, W)`` in [0, 1], and gives the fused luma, the same. How
            to run it (`engine`) is chosen now, and may be a snapshot of its weights.
        name: what the method is called in tables and files.
        identity: changes whenever the method's output could change; fused files are kept by it.
        device: where to compute.
    """

    def __init__(self, network: nn.Module, name: str, identity: str, device: str | torch.device = "auto") -> None:
        self.device = device if isinstance(device, torch.device) else pick_device(device)
        self.network = network.to(self.device).eval()
        self.engine = engine_for(self.network, self.device)
        self.name = name
        self.identity = identity

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | Path = "dwsfusion", device: str | torch.device = "auto", revision: str | None = None
    ) -> "Fuser":
        """Loads a method.

        Args:
            name_or_path: ``dwsfusion`` (the weights of this package); a rule of `dwsfusion.baselines` such as ``mean``,
                ``max`` or ``max+clahe``; a weights file: ours (``.safetensors``) or the authors' ``best_network.pth``;
                a folder of `save_pretrained`; or a name ``OWNER/NAME`` of the Hugging Face hub.
            device: ``auto``, or a device's name.
            revision: branch, tag or commit on the hub.

        Raises:
            InputError: there is no such name or file, or the file's tensors do not fit.
        """
        name = str(name_or_path)
        if name in BASELINES:
            return cls(BASELINES[name](), name, name, device)
        path = DEFAULT_WEIGHTS if name == "dwsfusion" else Path(name_or_path)
        path = path if path.is_file() else find_weights(name_or_path, revision) or path
        if not path.is_file():
            known = ", ".join(("dwsfusion", *BASELINES))
            raise InputError(f"expected {known}, OWNER/NAME of the hub, or a weights file, found no file {name!r}")
        return cls(load_generator(path), "dwsfusion", hash_file(path), device)

    def save_pretrained(self, folder: str | Path, card: str = "", note: Mapping[str, str] | None = None) -> None:
        """Writes the network's weights, configuration and card as `dwsfusion.hub.save_pretrained` does.

        Raises:
            InputError: a plain rule has no weights.
        """
        if not isinstance(self.network, Generator):
            raise InputError(f"expected a network with weights to save, found the rule {self.name}")
        save_pretrained(self.network, Path(folder), card, note)

    def fuse(self, ir: Array, vis: Array, ir_range: tuple[float, float] | None = None) -> Array:
        """Fuses one pair.

        Args:
            ir: infrared, uint8 or uint16, ``(H, W)`` or ``(H, W, 3)``; sides of 16 pixels or more.
            vis: visible, uint8 or uint16, grey or RGB, of the same size.
            ir_range: the infrared counts to show as black and white; without it the type's full range.

        Returns:
            uint8 RGB ``(H, W, 3)``: the fused luma with the visible picture's chroma.

        Raises:
            InputError: type, shape or size do not fit.
        """
        images.check_picture(ir, "infrared")
        images.check_picture(vis, "visible")
        images.check_same_size(ir, vis)
        colours = images.vis_tensor(vis, self.device)
        fused_y = self.fuse_tensors(images.ir_tensor(ir, ir_range, self.device), images.luma(colours))
        return images.coloured(fused_y, colours)

    @torch.inference_mode()
    def fuse_tensors(self, ir: Tensor, vis_y: Tensor) -> Tensor:
        """Fuses luma: float ``(B, 1, H, W)`` in [0, 1] each, and the same out, on the fuser's device."""
        return self.engine(ir.to(self.device), vis_y.to(self.device))


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
        share = self.network_seconds / self.seconds if self.seconds else 0.0
        return f"{self.made} pairs in {self.seconds:.1f} s, network {self.network_seconds:.1f} s ({100 * share:.0f} %)"


def fuse_folder(
    fuser: Fuser,
    pairs: Iterable[Pair],
    out: Path,
    *,
    batch_size: int = 1,
    ir_range: tuple[float, float] | None = None,
) -> FolderResult:
    """Fuses pairs into ``out/NAME.png``, RGB of the source's size.

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
    result, out = FolderResult({}), Path(out)
    images.check_range(ir_range or (0, 1))
    writes: deque[Future[None]] = deque()
    start, network_seconds, made = time.perf_counter(), 0.0, 0
    with ThreadPoolExecutor(_THREADS) as readers, ThreadPoolExecutor(_THREADS) as writers:
        reads = _read_ahead(readers, pairs, lambda pair: _read(pair, out, fuser, ir_range), batch_size + _AHEAD)
        with closing(_fused(fuser, _batches(reads, batch_size, result), writers)) as batches:
            for begun, seconds in batches:
                network_seconds += seconds
                made += len(begun)
                writes.extend(begun)
                while len(writes) > _AHEAD:
                    writes.popleft().result()
        for write in writes:
            write.result()
    files = {name: path for name, path in result.files.items() if path.is_file()}
    return FolderResult(files, result.skipped, made, time.perf_counter() - start, network_seconds)


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


def _read_ahead(
    readers: Executor, pairs: Iterable[Pair], read: Callable[[Pair], _Job | Path], ahead: int
) -> Iterator[tuple[Pair, Future[_Job | Path]]]:
    """Starts reading a few pairs before they are needed; gives them in order."""
    waiting: deque[tuple[Pair, Future[_Job | Path]]] = deque()
    for pair in pairs:
        waiting.append((pair, readers.submit(read, pair)))
        if len(waiting) > ahead:
            yield waiting.popleft()
    yield from waiting


def _read(pair: Pair, out: Path, fuser: Fuser, ir_range: tuple[float, float] | None) -> _Job | Path:
    """What is to be fused, on the fuser's device, or the file where that is done already."""
    check_apart(out, (pair.ir, pair.vis))
    path = out / f"{pair.name}.png"
    mark = check_replaceable(path)
    source = hash_text(fuser.identity, str(ir_range), hash_file(pair.ir), hash_file(pair.vis))
    if mark == source:
        return path
    ir, vis = pair.read()
    colours = images.vis_tensor(vis, fuser.device)
    luma = images.ir_tensor(ir, ir_range, fuser.device, heed_counts=False)
    return _Job(path, source, luma, colours, images.luma(colours))


def _fused(
    fuser: Fuser, batches: Iterable[list[_Job]], writers: Executor
) -> Stream[tuple[list[Future[None]], float], None, None]:
    """Fuses batches, some side by side; gives for each, in order, what `_fuse` does."""
    lanes, flush = fuser.engine.lanes(), sys.float_info.min / 2 == 0
    fusing: deque[Future[tuple[list[Future[None]], float]]] = deque()
    with ThreadPoolExecutor(lanes) as networks:
        for batch in batches:
            fusing.append(networks.submit(copy_context().run, _fuse, fuser, batch, writers, flush, lanes))
            if len(fusing) > lanes + 1:
                yield fusing.popleft().result()
        while fusing:
            yield fusing.popleft().result()


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


def _batches(
    reads: Iterable[tuple[Pair, Future[_Job | Path]]], batch_size: int, result: FolderResult
) -> Iterator[list[_Job]]:
    """Gathers what is still to be fused in batches of one size, and notes files and skipped pairs."""
    batch: list[_Job] = []
    for pair, read in reads:
        try:
            job = read.result()
        except (ImageError, OSError) as error:
            result.skipped.append(Skipped(pair.name, str(error)))
            continue
        if isinstance(job, Path):
            result.files[pair.name] = job
            continue
        result.files[pair.name] = job.path
        if batch and (len(batch) == batch_size or batch[0].ir.shape != job.ir.shape):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch
