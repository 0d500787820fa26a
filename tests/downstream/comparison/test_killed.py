"""A comparison that is killed in the middle of its trainings and started again, as a user would."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from dataclasses import replace
from pathlib import Path
from small_segmentation import CONFIG, CPU, PAIR, TRAINING
from downstream.comparison.inputs import Comparison, Input
from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet
from downstream.comparison.networks import make_networks
from downstream.comparison.run import compare
from downstream.segmentation.task import SegmentationTask

data, out = Path(sys.argv[1]), Path(sys.argv[2])
test, train = (
    Comparison(
        DataSet(msrs(), data / s),
        tuple(Input(n, {p.stem: p for p in sorted((data / s / n).iterdir())}) for n in PAIR),
    )
    for s in ("test", "train")
)
# The comparison wants the plain maximum; here infrared stands for it.
test, train = (replace(c, inputs=(*c.inputs, replace(c.inputs[0], name="max"))) for c in (test, train))
task = SegmentationTask(replace(CONFIG, training=replace(TRAINING, epochs=8)))
networks = make_networks(task, test, lambda: train, out / "models", seed=0, device=CPU)
compare(task, test, networks, out, about={"data": "made"})
"""


TWO_DEVICES = """
import sys
from pathlib import Path
import torch
from jobs_on_paper import PaperJob
from downstream.comparison.jobs import run_jobs

run_jobs([PaperJob(Path(sys.argv[1]) / name, "waits") for name in "ab"], [torch.device("cpu")] * 2)
"""


def start(program: str, *folders: Path, stdout: int | None = None) -> subprocess.Popen[bytes]:
    env = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", program, *map(str, folders)], env=env, stdout=stdout)


@pytest.mark.slow
def test_a_killed_matrix_goes_on_and_ends_the_same(split, tmp_path):
    """Three inputs and two seeds, killed after the first network: six networks in the end, the first not again."""
    data = split("train").root.parent
    split("test")
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    run = start(PROGRAM, data, killed)
    deadline = time.monotonic() + 120
    while not (done := sorted(killed.glob("models/*.safetensors"))) and time.monotonic() < deadline:
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    done = sorted(killed.glob("models/*.safetensors"))
    assert 0 < len(done) < 6
    assert not (killed / "segmentation.json").exists()
    before = {path: path.stat().st_mtime_ns for path in done}

    assert start(PROGRAM, data, killed).wait() == start(PROGRAM, data, whole).wait() == 0
    assert {path: path.stat().st_mtime_ns for path in done} == before
    names = sorted(p.name for p in (whole / "models").glob("*.safetensors"))
    assert names == sorted(f"{name}-seed{k}.safetensors" for name in ("infrared", "visible", "max") for k in (0, 1))
    for path in (Path("segmentation.json"), Path("pictures.csv"), *(Path("models") / name for name in names)):
        assert (killed / path).read_bytes() == (whole / path).read_bytes()


@pytest.mark.slow
def test_no_training_outlives_a_killed_run(tmp_path):
    """The trainings would take two minutes. They share the run's output, which closes when the last of them ends."""
    run = start(TWO_DEVICES, tmp_path, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("*.begun"))) < 2 and time.monotonic() < deadline:
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=30)
    assert run.returncode == -signal.SIGKILL
