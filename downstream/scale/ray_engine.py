"""Fuses on Ray: names travel to workers, which read, fuse and write; rows come back.

Nothing but this module knows Ray. Paths mean the same on every machine, so pictures and output lie on shared storage,
and what is finished there is what a second start goes on from.
"""

import itertools
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from downstream.scale.attempts import FOLDER, Attempts, reason
from downstream.scale.fusing import Told, fuse_here
from downstream.scale.rows import SKIPPED, Row
from dwsfusion.errors import InputError
from dwsfusion.fusing import Fuser
from dwsfusion.pairs import Pair

BLOCK = 32
"""Pairs that a worker takes at once, and that another takes over where it dies."""
_WINDOW = 200_000
"""Names that are in memory at once; workers are made anew for each window."""
_STORE_BYTES = 200 * 2**20
_STARTS = 3
_CLIENT = "ray://"
_REFUSED = "refused"
"""Of a row that ends the run: an exception would lose its kind on the way."""


@dataclass(frozen=True)
class Work:
    """What a worker has to know besides the names."""

    method: str
    """What `Fuser.from_pretrained` takes; a file lies on shared storage."""
    identity: str
    """Of the method, as the start knows it."""
    device: str
    """``auto`` is the CPU; a GPU is asked for by name, and each worker gets one of its own."""
    out: Path
    batch_size: int
    ir_range: tuple[float, float] | None
    folder: Path
    """The working folder, so that relative paths mean what they mean at the start."""

    @property
    def gpus(self) -> int:
        """GPUs of a worker."""
        return int(self.device.startswith("cuda"))


def fuse_on_ray(
    work: Work, numbered: Iterable[tuple[int, Pair]], address: str | None, workers: int | None
) -> Iterator[Told]:
    """Fuses numbered pairs and tells in their order what became of each, as `fuse_here` does.

    Args:
        work: what is to be done with each.
        numbered: the pairs.
        address: of a running cluster, ``ray://HOST:10001`` or ``auto`` on one of its machines; None starts Ray here.
        workers: how many; as many as there are cores, of a cluster less one a machine, or as there are GPUs.

    Raises:
        InputError: there is no such cluster, or a worker finds what `fuse_pairs` or `Fuser.from_pretrained` refuses.
    """
    pairs = iter(numbered)
    with _ray(address, workers or os.cpu_count() or 1, work.gpus) as ray:
        while window := list(itertools.islice(pairs, _WINDOW)):
            for told in _window(ray, address, work, window, workers or _room(ray, work.gpus)):
                if told.row.status == _REFUSED:
                    raise InputError(told.row.reason)
                yield told
    with suppress(OSError):  # something in it is remembered, or there is none
        (work.out / FOLDER).rmdir()


@contextmanager
def _ray(address: str | None, workers: int, gpus: int) -> Iterator[Any]:
    """Ray, started here or joined: without statistics that go out, pages, and messages beside ours."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_LOG_LEVEL": "ERROR", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    import ray  # here, for it is an extra, and reads its environment on import

    # One core more than workers, as Ray counts: its own small tasks would wait for ever otherwise.
    local = {"num_cpus": workers + 1, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
    local |= {} if gpus else {"num_gpus": 0}
    given = {"address": "local", **local} if address is None else {"address": address}
    before = signal.getsignal(signal.SIGTERM)
    _start(ray, given)
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray puts its own handler there
        yield ray
    finally:
        ray.shutdown()


def _start(ray: Any, given: dict[str, Any]) -> None:
    """Starts or joins Ray; on a machine with much to do its parts may miss each other within Ray's 30 seconds."""
    local = given["address"] == "local"
    for left in reversed(range(_STARTS if local else 1)):
        try:
            ray.init(**given, log_to_driver=False, logging_level="ERROR")
        except Exception as error:  # bare ones among them
            ray.shutdown()
            if not left:
                what = "Ray to start here" if local else f"a Ray cluster at {given['address']}"
                raise InputError(f"expected {what}, found: {error}") from error
        else:
            return


def _room(ray: Any, gpus: int) -> int:
    """Workers that a cluster has room for."""
    found = ray.cluster_resources()
    if gpus:
        return max(1, int(found.get("GPU", 0)))
    return max(1, int(found.get("CPU", 1)) - sum(node["Alive"] for node in ray.nodes()))


def _window(ray: Any, address: str | None, work: Work, window: list[tuple[int, Pair]], workers: int) -> Iterable[Told]:
    if not (address or "").startswith(_CLIENT):
        return _fuse_window(work, window, workers)
    # Ray Data cannot be gone through from afar: a task in the cluster does it, and its rows come at once.
    gathered: list[Told] = ray.get(ray.remote(num_cpus=0)(_gather).remote(work, window, workers))
    return gathered


def _gather(work: Work, window: list[tuple[int, Pair]], workers: int) -> list[Told]:
    return list(_fuse_window(work, window, workers))


def _fuse_window(work: Work, window: list[tuple[int, Pair]], workers: int) -> Iterator[Told]:
    import pyarrow
    import ray.data as data

    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.preserve_order = True
    blocks = [pyarrow.table(_columns(window[at : at + BLOCK])) for at in range(0, len(window), BLOCK)]
    fused = data.from_arrow(blocks).map_batches(
        Worker, fn_constructor_args=(work,), batch_size=None, batch_format="pyarrow", zero_copy_batch=True,
        compute=data.ActorPoolStrategy(size=min(workers, len(blocks))), num_cpus=1, num_gpus=work.gpus,
    )  # fmt: skip
    for row in fused.iter_rows():
        yield Told(Row(*(row[name] for name in Row._fields)), row["made"], row["network_seconds"])


def _columns(pairs: list[tuple[int, Pair]]) -> dict[str, list[Any]]:
    """Paths as bytes, for they need not be text."""
    return {
        "number": [number for number, _ in pairs],
        "name": [pair.name for _, pair in pairs],
        "ir": [os.fsencode(pair.ir) for _, pair in pairs],
        "vis": [os.fsencode(pair.vis) for _, pair in pairs],
    }


class Worker:
    """Fuses blocks of pairs; the network is loaded once.

    Args:
        work: see there.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self._fuser: Fuser | None = None

    def __call__(self, block: Any) -> Any:
        """Takes a table of names and paths, gives one of rows."""
        import pyarrow

        told: list[Told] = []
        try:
            told = self._fuse(_pairs(block.to_pydict()))
        except InputError as error:
            told = [Told(Row("", "", _REFUSED, "", str(error)))]
        except OSError as error:  # of the storage, as of a folder that this machine does not have
            told = [Told(Row("", "", _REFUSED, "", f"a worker on {os.uname().nodename}: {error}"))]
        columns: dict[str, list[Any]] = {
            name: [_text(value) for value in values]
            for name, values in zip(Row._fields, zip(*(item.row for item in told), strict=True), strict=True)
        }
        columns["made"] = [item.made for item in told]
        columns["network_seconds"] = [item.network_seconds for item in told]
        return pyarrow.table(columns)

    def _fuse(self, numbered: list[tuple[int, Pair]]) -> list[Told]:
        torch.set_flush_denormal(True)  # as every command does
        fuser, out = self._load(), self.work.out
        attempts = Attempts(out, [pair.name for _, pair in numbered])
        if not attempts.somebody_died:
            attempts.begin()
            told = list(self._told(fuser, numbered))
        else:
            told = []
            for number, pair in numbered:
                if attempts.hopeless(number):
                    told.append(Told(Row(str(number), pair.name, SKIPPED, "", reason(out))))
                    continue
                with attempts.alone(number):
                    told += self._told(fuser, [(number, pair)])
        attempts.forget()
        return told

    def _told(self, fuser: Fuser, numbered: list[tuple[int, Pair]]) -> Iterator[Told]:
        work = self.work
        return fuse_here(fuser, numbered, work.out, batch_size=work.batch_size, ir_range=work.ir_range)

    def _load(self) -> Fuser:
        if self._fuser is None:
            os.chdir(self.work.folder)
            self._fuser = Fuser.from_pretrained(self.work.method, self.work.device)
        if self._fuser.identity != self.work.identity:
            raise InputError(
                f"expected the method {self.work.method} on {os.uname().nodename} to be that of the start, found "
                "other weights: install the same version everywhere, or give weights on shared storage"
            )
        return self._fuser


def _pairs(columns: dict[str, list[Any]]) -> list[tuple[int, Pair]]:
    rows = zip(columns["number"], columns["name"], columns["ir"], columns["vis"], strict=True)
    return [(n, Pair(name, Path(os.fsdecode(ir)), Path(os.fsdecode(vis)))) for n, name, ir, vis in rows]


def _text(value: str) -> str:
    """As a table of rows has it; Arrow takes no half of a character."""
    return value.encode(errors="backslashreplace").decode()
