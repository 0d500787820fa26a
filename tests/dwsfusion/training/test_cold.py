"""The process that compiles the training's loops computes what one that finds them compiled computes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from downstream.sample import SampleConfig, make_sample

pytest.importorskip("numba")


@pytest.mark.slow
def test_a_training_is_the_same_whether_its_loops_were_compiled_before(tmp_path: Path) -> None:
    scenes = make_sample(tmp_path / "sample", SampleConfig(6, 1, 240, 320, 5))
    command = [sys.executable, "-m", "downstream.commands", "train", "--data", str(scenes), "--epochs", "2",
               "--batch-size", "2", "--patch", "176", "176", "--early-stop", "0", "--device", "cpu"]  # fmt: skip
    nets = []
    for run in ("cold", "warm"):
        env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
        subprocess.run([*command, "--out", str(tmp_path / run)], env=env, check=True, capture_output=True)
        nets.append(torch.load(tmp_path / run / "checkpoints/last.pt")["nets"])
    torch.testing.assert_close(*nets, rtol=0, atol=0)
