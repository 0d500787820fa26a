"""Every long command, killed at random moments and started again: the same files as undisturbed, nothing done twice.

Two kills a command; with $DWSFUSION_KILLS=N, N by each of three signals.
"""

import os
import signal
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from killing import kill_again_and_again

from downstream.sample import SampleConfig, make_sample

KILLS = int(os.environ.get("DWSFUSION_KILLS", "0"))
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
def ended(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], dict[str, dict[str, Any]]]:
    """What became of all commands under a signal, in one process, which imports once."""
    scenes = make_sample(tmp_path_factory.mktemp("data") / "sample", SampleConfig(3, 5, 192, 256, 5))
    calls = {command: ["--data", str(scenes), *words] for command, words in CALLS.items()}
    return cache(lambda by: kill_again_and_again(tmp_path_factory.mktemp("killed"), calls, KILLS or 2, by))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT] if KILLS else [signal.SIGKILL])
@pytest.mark.parametrize("command", CALLS)
def test_a_killed_command_goes_on_and_ends_the_same(
    command: str, by: int, ended: Callable[[int], dict[str, dict[str, Any]]]
) -> None:
    found = ended(by)[command]
    assert found["kills"] == (KILLS or 2)
    assert set(found["codes"]) == {0}
    assert found["differing"] == []
    assert found["changed"] == []
