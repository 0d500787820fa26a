"""Logs of trainings become curves under the names of their networks."""

from pathlib import Path

import pytest

from downstream.benchmark.curves import training_curves
from dwsfusion.runs import write_lines


def test_each_training_is_a_curve_under_its_name(tmp_path: Path) -> None:
    rows = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.5}]
    write_lines(tmp_path / "models/infrared-seed0.jsonl", rows)
    write_lines(tmp_path / "rail/models/joint-seed0/losses.jsonl", rows)
    write_lines(tmp_path / "predictions/.max.jsonl", [{"image_id": 3}])
    curves = training_curves(tmp_path, "models")
    assert list(curves) == ["infrared-seed0", "rail/joint-seed0"]
    assert curves["infrared-seed0"] == {"along": "epoch", "at": [1, 2], "values": {"loss": [2.0, 1.5]}}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_left_the_range_of_numbers_is_left_out(tmp_path: Path, bad: float) -> None:
    write_lines(
        tmp_path / "models/a.jsonl", [{"epoch": 1, "loss": 1.0, "box": 1.0}, {"epoch": 2, "loss": bad, "box": 2}]
    )
    assert training_curves(tmp_path, "models")["a"]["values"] == {"box": [1.0, 2]}
