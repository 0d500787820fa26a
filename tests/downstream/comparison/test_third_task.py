"""A third task costs one folder and one line: it goes the whole road, and quality is correlated with it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from counting.task import CountingTask

from downstream import tasks
from downstream.comparison.config import TaskConfig
from downstream.comparison.inputs import Comparison, Input
from downstream.comparison.networks import make_networks
from downstream.comparison.reopened import reopen
from downstream.comparison.run import compare
from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet
from downstream.quality import config as quality_config
from downstream.quality.comparison import compare_quality
from downstream.quality.config import QualityConfig
from dwsfusion import InputError

NAMES = ("00001D", "00002D", "00003N", "00004N")
CPU = torch.device("cpu")


@pytest.fixture
def comparison(tmp_path, random, save):
    """One to three persons a picture: infrared shows all of them, visible none, mean all but one, max one too many."""
    shown = {"infrared": 0, "visible": None, "mean": -1, "max": 1, "dwsfusion": 0}
    files = {name: {} for name in shown}
    for number, picture in enumerate(NAMES):
        people = number % 3 + 1
        label = tmp_path / "test/labels" / f"{picture}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("0 0.5 0.5 0.1 0.1\n" * people + "2 0.5 0.5 0.3 0.3\n")
        for name, more in shown.items():
            image = random.integers(0, 90, (48, 64), np.uint8)
            for k in range(0 if more is None else people + more):
                image[10:20, 4 + 14 * k : 12 + 14 * k] = 230
            files[name][picture] = save(tmp_path / name / f"{picture}.png", image)
    return Comparison(DataSet(msrs(), tmp_path / "test"), tuple(Input(name, own) for name, own in files.items()))


def run(comparison: Comparison, out: Path) -> dict:
    task = CountingTask(TaskConfig(resamples=40, against=("max:mean",)))
    networks = make_networks(task, comparison, lambda: pytest.fail("trains"), out / "models", seed=0, device=CPU)
    return compare(task, comparison, networks, out, about={"data": "made"})


def test_it_goes_the_whole_road(comparison, tmp_path):
    result = run(comparison, tmp_path / "out")
    assert json.loads((tmp_path / "out/counting.json").read_text()) == result
    inputs = result["inputs"]
    assert {name: (entry["exact"], entry["within_one"]) for name, entry in inputs.items()} == {
        "infrared": (1, 1), "visible": (0, 0.5), "mean": (0, 1), "max": (0, 1), "dwsfusion": (1, 1),
    }  # fmt: skip
    assert inputs["visible"]["night"] == {
        "exact": 0, "within_one": 0.5, "images": 2, "interval": {"exact": [0, 0], "within_one": [0, 1]},
    }  # fmt: skip
    rows = {(r["input"], r["against"], r["metric"]): r["difference"] for r in result["differences"]}
    assert rows["dwsfusion", "max", "exact"] == 1
    assert rows["max", "mean", "within_one"] == 0
    assert result["largest_changes"]["against"] == "infrared"
    assert len(result["largest_changes"]["inputs"]["mean"]["losses"]) == 4
    with (tmp_path / "out/counting.csv").open(newline="") as file:
        assert [float(row["exact"]) for row in csv.DictReader(file)] == [1, 0, 0, 0, 1]
    title, table, _ = CountingTask(TaskConfig()).table(result)
    assert table[0] == {"input": "infrared", "exact": "100.0 [100.0, 100.0]", "within one": "100.0 [100.0, 100.0]"}
    assert title.startswith("People counted right")


def test_quality_is_correlated_with_it_by_one_line(comparison, tmp_path, monkeypatch):
    result = run(comparison, tmp_path / "out")
    monkeypatch.setattr(quality_config, "TASKS", (*tasks.TASKS, CountingTask))
    config = QualityConfig(resamples=10, tasks=(f"counting={tmp_path / 'out'}",))
    found = compare_quality(comparison, tmp_path / "quality", config, about={}, device=CPU)["tasks"]["counting"]
    assert (found["figure"], found["inputs"], found["images"]) == ("exact", ["mean", "max", "dwsfusion"], 4)
    with pytest.raises(
        InputError, match="TASK=DIR with a task of detection, segmentation, counting, found 'weighing=x'"
    ):
        QualityConfig(tasks=("weighing=x",)).runs()
    result["inputs"]["mean"]["exact"] = 0.25  # by other hands
    (tmp_path / "out/counting.json").write_text(json.dumps(result))
    with pytest.raises(InputError, match=r"mean has exact 0\.25 in counting\.json, 0\.000000 by the predictions"):
        reopen(CountingTask, tmp_path / "out", ["mean", "max"])


def test_what_it_does_not_do_is_said(comparison, tmp_path):
    with pytest.raises(InputError, match="counting has no training: use --protocol frozen"):
        make_networks(
            CountingTask(TaskConfig(protocol="joint", folds=2)), comparison, lambda: comparison, tmp_path,
            seed=0, device=CPU,
        )  # fmt: skip
    with pytest.raises(InputError, match="no grids of counting"):
        CountingTask.drawable(tmp_path)


def test_a_task_is_a_folder_of_under_150_lines():
    folder = Path(__file__).parents[2] / "counting"
    assert sum(len(path.read_text().splitlines()) for path in folder.glob("*.py")) < 150
