"""One small benchmark of a few sample scenes, run once for all tests of what comes of it, and a browser."""

from pathlib import Path

import pytest
from small_benchmark import run_small

from downstream.sample import SampleConfig, make_sample


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("benchmark") / "sample", SampleConfig(2, 4, 144, 192, 5))


@pytest.fixture(scope="session")
def finished(scenes: Path) -> Path:
    """The folder of the finished benchmark."""
    out = scenes.parent / "out"
    run_small(scenes, out)
    return out
