"""Runs of Weights & Biases, without a connection: what would be sent lies in the run's folder."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import wandb_files

from dwsfusion import InputError
from dwsfusion.training import Processes, TrainingConfig, runs
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


def test_each_training_of_several_is_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is trained: each training is told one step."""

    def told(_trainer: object, _validation: object, _out: Path, _note: object, _resume: bool, run: Any) -> Any:
        run.log({"train/loss": 1.0}, step=1)
        return iter(())

    nothing = SimpleNamespace(pairs=[], patches=SimpleNamespace(left_out=[]), steps=0)
    monkeypatch.setattr(runs, "prepare", lambda *_: (nothing, nothing))
    monkeypatch.setattr(runs, "fit", told)
    monkeypatch.setattr(runs, "best_figures", lambda *_: {})
    config = TrainingConfig(epochs=3)
    runs.train_all([], ablations_of(config), tmp_path, Processes(torch.device("cpu")), {}, wandb="fusion")
    first, second = wandb_files.runs(tmp_path), wandb_files.runs(tmp_path / "without_critics")
    assert list(first) == [tmp_path.name]
    assert list(second) == ["without critics"]
    assert second["without critics"]["config"]["losses"]["adversarial"] == 0
    assert first[tmp_path.name]["config"]["epochs"] == 3
    assert second["without critics"]["history"][0]["train/loss"] == 1.0


def ablations_of(config: TrainingConfig) -> dict[str, TrainingConfig]:
    return {"": config, "without critics": replace(config, losses=replace(config.losses, adversarial=0.0))}
