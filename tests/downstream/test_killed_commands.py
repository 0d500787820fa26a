"""Every long command, killed at random moments and started again: the same files as undisturbed, nothing done twice.

A few kills a command, or as many as $DWSFUSION_KILLS says.
"""

import os
import signal
from pathlib import Path

import pytest
from killing import kill_again_and_again

from downstream.sample import SampleConfig, make_sample

KILLS = int(os.environ.get("DWSFUSION_KILLS", "3"))
SMALL = ["--resamples", "20", "--fused", "OUT/fused", "--out", "OUT/found"]
CALLS = {
    "fuse": ["--out", "OUT/fused"],
    "train": ["--out", "OUT/training", "--epochs", "2", "--batch-size", "2", "--patch", "176", "176",
              "--save-every", "1"],
    "detection": SMALL,
    "segmentation": [*SMALL, "--protocol", "joint", "--encoder-weights", "none", "--epochs", "1", "--seeds", "1",
                     "--crop-px", "48", "64"],
}  # fmt: skip


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("data") / "sample", SampleConfig(3, 6, 192, 256, 5))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.parametrize("command", CALLS)
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_command_goes_on_and_ends_the_same(command: str, by: int, scenes: Path, tmp_path: Path) -> None:
    kills = KILLS if by == signal.SIGKILL else max(1, KILLS // 3)
    ended = kill_again_and_again(tmp_path, [command, "--data", str(scenes), *CALLS[command]], kills, by)
    assert ended["kills"] == kills
    assert set(ended["codes"]) == {0}
    assert ended["differing"] == []
    assert ended["changed"] == []
