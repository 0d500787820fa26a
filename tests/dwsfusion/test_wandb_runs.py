"""Runs of Weights & Biases, without a connection: what would be sent lies in the run's folder."""

from pathlib import Path

import pytest
import wandb_files

from dwsfusion import InputError
from dwsfusion.training.log import Log
from dwsfusion.wandb_runs import wandb_run

pytest.importorskip("wandb", reason="its own runs are tested: pip install 'dwsfusion[wandb]'")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")


def test_a_training_tells_the_same_as_its_log(tmp_path: Path) -> None:
    with wandb_run("fusion", "full", tmp_path, {"lr": 0.01, "patch": [240, 320]}) as run:
        log = Log(tmp_path, 0, run)
        log.write(1, "train", {"loss": 2.0, "structure": 0.5})
        log.write(2, "train", {"loss": 1.5, "structure": 0.4})
        log.write(2, "validation", {"MI": 3.25})
        log.close()
    (told,) = wandb_files.runs(tmp_path).values()
    assert told["project"] == "fusion"
    assert told["config"]["patch"] == [240, 320]
    steps = [{k: v for k, v in row.items() if not k.startswith("_") or k == "_step"} for row in told["history"]]
    assert steps == [
        {"_step": 1, "train/loss": 2.0, "train/structure": 0.5},
        {"_step": 2, "train/loss": 1.5, "train/structure": 0.4, "validation/MI": 3.25},
    ]


def test_what_it_refuses_is_said_with_a_cure(tmp_path: Path) -> None:
    refused = pytest.raises(InputError, match="WANDB_MODE=offline")
    with refused, wandb_run("a/b:c", "full", tmp_path, {}):
        pass
