import csv
import itertools
import json

import numpy as np
import pytest
import torch

from downstream.comparison import differences
from downstream.comparison.inputs import Comparison, Input
from downstream.comparison.reopened import Reopened
from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet
from downstream.quality import comparison as module
from downstream.quality.comparison import compare_quality
from downstream.quality.config import QualityConfig
from downstream.quality.correlation import chance_of, correlate
from downstream.quality.ranks import resampled_ranks, shared_ranks, spearman
from downstream.quality.table import group_rows, notes, table_rows, task_rows
from downstream.segmentation.confusion import miou
from dwsfusion import InputError

NAMES = ("00001D", "00002D", "00003N", "00004N")
CONFIG = QualityConfig(resamples=40)


@pytest.fixture
def pair(tmp_path, random, save):
    """Four pictures in six inputs; `copy` is `max` once more, and `noise` has nothing of the sources."""
    files = {name: {} for name in ("infrared", "visible", "mean", "max", "copy", "noise")}
    for name in NAMES:
        ir, vis = (random.integers(0, 256, (8, 10), np.uint8).repeat(6, 0).repeat(6, 1) for _ in range(2))
        larger = np.maximum(ir, vis)
        made = {"infrared": ir, "visible": vis, "mean": (ir // 2 + vis // 2), "max": larger, "copy": larger}
        made["noise"] = random.integers(0, 256, ir.shape, np.uint8)
        for which, picture in made.items():
            files[which][name] = save(tmp_path / which / f"{name}.png", picture)
    return Comparison(DataSet(msrs(), tmp_path), tuple(Input(which, found) for which, found in files.items()))


def compare(comparison, out, config=CONFIG):
    return compare_quality(comparison, out, config, about={"data": "set"}, device=torch.device("cpu"))


def test_what_quality_json_says(pair, tmp_path):
    compare(pair, tmp_path / "out")
    result = json.loads((tmp_path / "out/quality.json").read_text())
    assert (result["preset"], result["images"]) == ("default", 4)
    assert result["metrics"]["MI"]["unit"] == "bit"
    assert result["metrics"]["Nabf"]["higher_is_better"] is False
    assert "MS-SSIM" not in result["metrics"]  # 60 x 48 pixels are too few
    entry = result["inputs"]["max"]["MI"]
    with (tmp_path / "out/per_image/max.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    values = [float(row["MI [bit]"]) for row in rows]
    assert [row["image"] for row in rows] == list(NAMES)
    assert {row["preset"] for row in rows} == {"default"}
    assert entry["mean"] == pytest.approx(np.mean(values))
    assert entry["std"] == pytest.approx(np.std(values))
    assert entry["day"]["mean"] == pytest.approx(np.mean(values[:2]))
    assert entry["night"]["images"] == 2
    low, high = entry["interval"]
    assert low < entry["mean"] < high


def test_ranks_share_ties_and_leave_out_the_sources(pair, tmp_path):
    ranks = compare(pair, tmp_path)["ranks"]
    assert set(ranks) == {"mean", "max", "copy", "noise"}
    assert ranks["max"] == ranks["copy"]
    assert ranks["max"]["MI"] in (1.5, 2.5)
    assert ranks["noise"]["MI"] == ranks["noise"]["MSE"] == 4
    assert sum(r["Nabf"] for r in ranks.values()) == 10
    assert ranks["noise"]["mean"] == pytest.approx(np.mean([v for k, v in ranks["noise"].items() if k != "mean"]))


def test_differences_to_max_and_to_the_sources(pair, tmp_path, monkeypatch):
    assert {r["verdict"] for r in compare(pair, tmp_path)["differences"]} == {"too few pictures"}
    monkeypatch.setattr(differences, "MIN_PICTURES", 4)
    result = compare(pair, tmp_path)
    rows = {(r["input"], r["against"], r["metric"]): r for r in result["differences"]}
    same = rows["copy", "max", "VIF"]
    assert (same["difference"], same["interval"], same["verdict"]) == (0, [0, 0], "no evidence")
    assert rows["noise", "max", "MI"]["verdict"] == "worse"
    assert {against for _, against, metric in rows if metric == "MI"} == {"max"}  # a source would meet itself
    assert {against for _, against, metric in rows if metric == "EN"} == {"max", "infrared", "visible", "best camera"}
    assert not any(r["input"] in ("infrared", "visible") for r in result["differences"])
    assert "MI" in result["won_by_a_source"]  # a copy of a source keeps all of it
    assert any(line.startswith("MI [bit]: noise against max -") and line.endswith("worse") for line in notes(result))


def test_any_pair_asked_for_is_compared(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(differences, "MIN_PICTURES", 4)
    asked = ("copy:max", "infrared:visible", "mean:noise")
    result = compare(pair, tmp_path, QualityConfig(resamples=40, against=asked))
    rows = {(r["input"], r["against"], r["metric"]): r for r in result["differences"]}
    assert len(rows) == len(result["differences"])
    assert rows["mean", "noise", "MI"]["verdict"] == "better"
    assert ("infrared", "visible", "EN") in rows
    assert ("infrared", "visible", "MI") not in rows  # a source would meet itself
    assert "MI [bit]: copy against max +0 [+0, +0]: no evidence" in notes(result)
    with pytest.raises(InputError, match="found 'copy:nobody'"):
        compare(pair, tmp_path, QualityConfig(against=("copy:nobody",)))


def test_a_second_run_measures_nothing_and_says_the_same(pair, tmp_path, monkeypatch):
    first = compare(pair, tmp_path / "out")

    def refuse(*_):
        raise AssertionError("measured again")

    with monkeypatch.context() as patch:
        patch.setattr(module, "measure", refuse)
        assert compare(pair, tmp_path / "out") == first
    other = compare(pair, tmp_path / "out", QualityConfig(preset="cddfuse", resamples=40))
    assert other["inputs"]["max"]["MI"]["mean"] == pytest.approx(first["inputs"]["max"]["MI"]["mean"] * np.log(2))


def test_a_bad_picture_is_skipped_in_all_inputs(pair, tmp_path, save):
    save(pair.input("noise").files[NAMES[1]], np.zeros((48, 61), np.uint8))
    result = compare(pair, tmp_path / "out")
    assert result["images"] == 3
    (skipped,) = result["protocol"]["skipped"]
    assert skipped["name"] == NAMES[1]
    assert "input noise" in skipped["reason"]
    assert "61" in skipped["reason"]
    for name in NAMES:
        pair.input("max").files[name].write_bytes(b"no picture")
    with pytest.raises(InputError, match="not one picture"):
        compare(pair, tmp_path / "other")


def test_tables_carry_units_directions_and_ranks(pair, tmp_path):
    result = compare(pair, tmp_path)
    rows = {row["metric"]: row for row in table_rows(result)}
    assert "PSNR [dB] ↑*" in rows
    assert "EN [bit] ↑" in rows
    assert rows["Nabf ↓*"]["max"].endswith(")")
    assert "(" not in rows["Nabf ↓*"]["infrared"]
    assert rows["mean rank"]["visible"] == "–"
    assert len(group_rows(result)) == 2 * len(result["metrics"])
    assert task_rows(result) == []
    with (tmp_path / "quality.csv").open(newline="") as file:
        assert {(r["preset"], r["unit"]) for r in csv.DictReader(file) if r["metric"] == "SD"} == {("default", "level")}


def test_ranks_and_spearman_by_hand():
    assert shared_ranks([3, 1, 3, 2]).tolist() == [1.5, 4, 1.5, 3]
    assert spearman([1, 2, 3, 4], [10, 20, 30, 400]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [2, 1, 4, 3]) == pytest.approx(1 - 6 * 4 / (4 * 15))
    assert np.isnan(spearman([1, 2, 3], [5, 5, 5]))
    assert np.isnan(spearman([1, 2, np.nan], [1, 2, 3]))


def test_spearman_as_scipy_has_it(random):
    stats = pytest.importorskip("scipy.stats")
    a, b = random.integers(0, 6, (2, 30)).astype(float)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    counts = random.multinomial(30, np.full(30, 1 / 30), size=5)
    for count, ranks in zip(counts, resampled_ranks(a, counts), strict=True):
        drawn = np.repeat(np.arange(30), count)
        assert ranks[drawn].tolist() == pytest.approx((31 - stats.rankdata(a[drawn])).tolist())


class Means:
    """Scores whose figure is the mean of a number a picture."""

    def __init__(self, values):
        self.values = values

    def figures(self, counts):
        return {"map50": counts @ self.values / counts.sum(1)}


def test_correlation_with_a_task_that_follows_the_metric(random):
    names = [f"{k:02d}" for k in range(12)]
    values = {f"i{k}": {"good": random.random(12) / 10 + k, "bad": random.random(12)} for k in range(6)}
    scores = {name: [Means(v["good"] * 2)] for name, v in values.items()}
    found = correlate(Reopened("detection", "map50", tuple(names), scores), values, names, 50, 0)
    assert (found["inputs"], found["images"]) == ([f"i{k}" for k in range(6)], 12)
    for question in ("over_inputs", "over_pictures", "within_pictures"):
        assert found["metrics"]["good"][question]["spearman"] == pytest.approx(1)
        assert found["metrics"]["good"][question]["evidence"]
    assert abs(found["metrics"]["bad"]["over_pictures"]["spearman"]) < 0.7
    with pytest.raises(InputError, match="at least 3"):
        correlate(Reopened("detection", "map50", ("x",), scores), values, names, 50, 0)


def test_tasks_enter_the_result(pair, tmp_path):
    (tmp_path / "seg/confusion").mkdir(parents=True)
    entries = {}
    for k, name in enumerate(("mean", "max", "copy", "noise")):
        matrices = np.zeros((4, 9, 9), np.int64)
        for picture, wrong in itertools.product(range(4), (0, 1)):
            matrices[picture, 1, wrong] = 10 * (k + picture) if wrong == 0 else 50
        np.savez(tmp_path / f"seg/confusion/{name}.npz", matrices=matrices, names=np.array(NAMES))
        entries[name] = {"miou": float(miou(matrices.sum(0)))}
    (tmp_path / "seg/segmentation.json").write_text(
        json.dumps({"inputs": entries, "classes": list(msrs().masks.names)})
    )
    result = compare(pair, tmp_path / "out", QualityConfig(resamples=40, segmentation=tmp_path / "seg"))
    assert result["tasks"]["segmentation"]["images"] == 4
    found = result["tasks"]["segmentation"]["metrics"]["MSE"]["over_inputs"]
    assert found["interval"][0] <= found["spearman"] <= found["interval"][1]
    assert len(task_rows(result)) == len(result["metrics"])
    assert any("4 fused inputs, 4 pictures" in line for line in notes(result))


def test_over_few_inputs_an_order_agrees_by_chance():
    """Of the six orders of three inputs two agree or disagree with one in full; of seven, 2 in 5,040."""
    assert chance_of(1.0, 3) == pytest.approx(2 / 6)
    assert chance_of(-1.0, 7) == pytest.approx(2 / 5040)
    assert chance_of(0.0, 7) == 1
    # Spearman's own table: with seven inputs 0.7857 is reached by 4.8 % of the orders, on either side.
    assert chance_of(0.7857, 7) == pytest.approx(0.048, abs=0.001)
    assert chance_of(0.5, 12) == pytest.approx(0.1, abs=0.02)


def test_metrics_share_the_chance_that_one_of_them_agrees(random):
    """Two inputs agree in order with the task by all metrics at hand: three inputs cannot tell."""
    scores = {name: [Level(level)] for name, level in (("a", 0.2), ("b", 0.5), ("c", 0.8))}
    names = [str(k) for k in range(12)]
    values = {name: {"good": random.normal(own[0].level, 0.01, 12)} for name, own in scores.items()}
    found = correlate(Reopened("counting", "level", tuple(names), scores), values, names, 50, 0)["metrics"]["good"]
    assert found["over_inputs"]["spearman"] == pytest.approx(1)
    assert (found["over_inputs"]["chance"], found["over_inputs"]["evidence"]) == (pytest.approx(1 / 3), False)


class Level:
    """Scores that are the same whatever counts."""

    def __init__(self, level):
        self.level = level

    def figures(self, counts):
        return {"level": np.full(len(counts), self.level)}

    def of(self, chosen):
        return self
