"""A benchmark that is killed in the middle of each of its steps ends with the same results.json as one that is not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_benchmark import steady

ROOT = Path(__file__).parents[3]
IN_THE_MIDDLE = {
    "detection": "detection/predictions/visible.json",
    "segmentation, predicting": "segmentation/predictions/mean/*.png",
    "quality": "quality/.measured/*.json",
    "pictures": "pictures/small/mean/*.webp",
}
"""What appears in the middle of a step, before its own file."""


def start(scenes: Path, out: Path) -> subprocess.Popen[bytes]:
    env = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "small_benchmark", str(scenes), str(out)], env=env)


def kill_when(run: subprocess.Popen[bytes], out: Path, pattern: str) -> None:
    deadline = time.monotonic() + 300
    while not any(out.glob(pattern)) and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert any(out.glob(pattern))
    run.send_signal(signal.SIGKILL)
    run.wait()


@pytest.mark.slow
def test_killed_in_every_step_and_started_again_it_ends_the_same(scenes: Path, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for step, pattern in IN_THE_MIDDLE.items():
        if any(out.glob(pattern)):
            continue  # the run before came so far before it was dead
        kill_when(start(scenes, out), out, pattern)
        assert not (out / "results.json").exists(), step
    assert start(scenes, out).wait() == 0
    assert steady(out) == steady(finished)
