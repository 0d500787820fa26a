"""One small benchmark of a few sample scenes, run once for all tests of what comes of it, and a browser."""

from pathlib import Path

import pytest
import torch
from small_benchmark import run_small

from downstream.sample import SampleConfig, make_sample


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("benchmark") / "sample", SampleConfig(2, 4, 144, 192, 5))


@pytest.fixture(scope="session")
def finished(scenes: Path) -> Path:
    """The folder of the finished benchmark."""
    out, threads = scenes.parent / "out", torch.get_num_threads()
    torch.set_num_threads(1)  # as in the runs that are killed: it changes the last digit of what is trained
    try:
        run_small(scenes, out)
    finally:
        torch.set_num_threads(threads)
    return out
