"""One small benchmark of a few sample scenes, run once for all tests of what comes of it, and a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from small_benchmark import run_small

from downstream.sample import SampleConfig, make_sample


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("benchmark") / "sample", SampleConfig(2, 4, 144, 192, 5))


@contextmanager
def alone() -> Iterator[None]:
    """One thread for torch: the number changes the last digit of what is trained, and runs are compared here."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with alone():
        yield


@pytest.fixture(scope="session")
def finished(scenes: Path) -> Path:
    """The folder of the finished benchmark."""
    out = scenes.parent / "out"
    with alone():  # it is made before the fixture above
        run_small(scenes, out)
    return out
