"""FMI is the same number to the last bit in a process that compiles its loops and in one that finds them compiled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import torch
from dwsfusion.quality.fmi_windows import mean_shared_information
torch.manual_seed(0)
print(mean_shared_information(*torch.rand(2, 1, 1, 60, 80)).item().hex())
"""


@pytest.mark.slow
def test_the_cache_changes_no_bit(tmp_path: Path) -> None:
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", PROGRAM]
    cold, warm = (subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert list(tmp_path.rglob("*.nbc"))  # the loops were kept
    assert cold == warm
