"""How a folder is fused: reading, computing and writing side by side, in flat memory."""

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_network import disturbed
from torch import nn

from dwsfusion import Fuser, Pair, find_pairs, fuse_folder, images
from dwsfusion.generator import RELEASED, Generator
from dwsfusion.images import read_image


@pytest.fixture
def fuser() -> Fuser:
    return Fuser(disturbed(Generator(RELEASED), 0.1), "test", "test-1", "cpu")


class _Watched(nn.Module):
    """Max fusion that counts the pictures that are in memory when it is called."""

    def __init__(self, log: "_Log", pause_s: float = 0.0) -> None:
        super().__init__()
        self.log, self.pause_s = log, pause_s

    def forward(self, ir: torch.Tensor, vis_y: torch.Tensor) -> torch.Tensor:
        self.log.most = max(self.log.most, self.log.read - self.log.written)
        time.sleep(self.pause_s)
        return torch.maximum(ir, vis_y)


@dataclass
class _Log:
    read: int = 0
    written: int = 0
    most: int = 0


def _many(pair: Pair, count: int) -> list[Pair]:
    return [replace(pair, name=f"{index:05}") for index in range(count)]


@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (3, 1), (1, 2), (3, 2), (2, 64)])
def test_few_pictures_are_in_memory_however_many_pairs_and_however_slow_the_disk(
    pair_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int, threads: int
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    log, lock = _Log(), threading.Lock()
    read, write = Pair.read, images.write_png

    def counted_read(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
        with lock:
            log.read += 1
        return read(pair)

    def slow_write(*args: object) -> None:
        time.sleep(0.01)
        write(*args)
        with lock:
            log.written += 1

    monkeypatch.setattr(Pair, "read", counted_read)
    monkeypatch.setattr(images, "write_png", slow_write)
    pairs = _many(find_pairs(pair_root).pairs[0], 60)
    fuser = Fuser(_Watched(log), "watched", "watched", "cpu")
    monkeypatch.setattr(fuser.engine, "lanes", lambda: min(threads, 4))
    assert fuse_folder(fuser, pairs, tmp_path / "out", batch_size=batch_size).made == log.written == 60
    assert 1 < log.most <= (1 + 2 * min(threads, 4)) * batch_size + 12


def test_reading_fusing_and_writing_overlap(pair_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes 20 ms a picture, so one after another would take 1.8 s, and two side by side 0.9 s."""
    read, write = Pair.read, images.write_png
    monkeypatch.setattr(time, "thread_time", time.perf_counter)  # the network only sleeps
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(Pair, "read", lambda pair: (time.sleep(0.02), read(pair))[1])
    monkeypatch.setattr(images, "write_png", lambda *args: (time.sleep(0.02), write(*args))[1])
    fuser = Fuser(_Watched(_Log(), 0.02), "watched", "watched", "cpu")
    monkeypatch.setattr(fuser.engine, "lanes", lambda: 2)
    result = fuse_folder(fuser, _many(find_pairs(pair_root).pairs[0], 30), tmp_path / "out")
    assert 0.3 < result.network_seconds < result.seconds < 0.8
    assert result.speed() == (
        f"30 pairs in {result.seconds:.1f} s, network {result.network_seconds:.1f} s "
        f"({100 * result.network_seconds / result.seconds:.0f} %)"
    )


def test_the_pictures_do_not_depend_on_which_thread_is_first(
    pair_root: Path, fuser: Fuser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random: np.random.Generator
) -> None:
    pairs = [replace(pair, name=f"{pair.name}-{turn}") for turn in range(4) for pair in find_pairs(pair_root).pairs]
    expected = {pair.name: fuser.fuse(*pair.read()) for pair in pairs}
    read, write = Pair.read, images.write_png
    pauses = iter(random.uniform(0, 0.02, 1000))
    monkeypatch.setattr(Pair, "read", lambda pair: (time.sleep(next(pauses)), read(pair))[1])
    monkeypatch.setattr(images, "write_png", lambda *args: (time.sleep(next(pauses)), write(*args))[1])
    for run in range(2):
        result = fuse_folder(fuser, pairs, tmp_path / str(run))
        assert list(result.files) == [pair.name for pair in pairs]
        assert all((read_image(result.files[name]) == picture).all() for name, picture in expected.items())


def test_a_write_that_fails_is_not_passed_over(
    pair_root: Path, fuser: Fuser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(images, "write_png", full)
    with pytest.raises(OSError, match="No space"):
        fuse_folder(fuser, find_pairs(pair_root).pairs, tmp_path / "out")
