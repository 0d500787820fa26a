"""results.json, the tables and what is said on a terminal: one truth, and views of it."""

import csv
import json
import re
import shutil

import jsonschema
import numpy as np
import pytest
from small_benchmark import run_small

from downstream.benchmark.packed import pack, unpack
from downstream.benchmark.results import SCHEMA
from downstream.comparison.uncertainty import FRACTION, Estimate, resample_counts
from downstream.detection.average_precision import Matches, precision_figures
from downstream.report.tables import percent, percent_interval
from downstream.segmentation.confusion import METRICS
from downstream.tasks import TASKS


@pytest.fixture(scope="module")
def results(finished):
    return json.loads((finished / "results.json").read_text())


@pytest.fixture(scope="module")
def schema():
    return json.loads(SCHEMA.read_text())


def test_results_keep_to_their_schema_and_a_broken_one_does_not(results, schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(results)
    for change in ({"format": 2}, {"inputs": []}, {"surprise": 1}, {"steps": [{"step": "fuse", "status": "perhaps"}]}):
        assert not validator.is_valid({**results, **change})
    assert not validator.is_valid({key: value for key, value in results.items() if key != "pictures"})


def test_every_task_and_step_is_there(results, finished):
    assert [step["step"] for step in results["steps"]] == [
        "fuse", *(task.name for task in TASKS), "quality", "cost", "grids", "pictures",
    ]  # fmt: skip
    assert {step["status"] for step in results["steps"]} == {"done"}
    for task in TASKS:
        assert results["tasks"][task.name]["result"] == json.loads(
            (finished / task.name / f"{task.name}.json").read_text()
        )
    assert results["inputs"] == ["infrared", "visible", "late", "mean", "max", "dwsfusion"]
    assert results["quality"]["tasks"].keys() == results["tasks"].keys()
    assert results["data"]["sample"]
    assert (finished / "report.html").stat().st_size < 15_000_000


def test_from_the_counts_every_figure_follows(results):
    """What the page is told is enough to say again what was said, over the whole set and over every draw."""
    detection, segmentation = (results["tasks"][name] for name in ("detection", "segmentation"))
    objects = unpack(detection["counts"]["objects"]).astype(np.int64)
    draws = unpack(detection["counts"]["draws"]).astype(np.int64)
    assert np.array_equal(draws, resample_counts(4, 40, 0))
    for name, ((*classes,),) in detection["counts"]["inputs"].items():
        matches = [
            Matches(
                unpack(own["pictures"]).astype(np.int64),
                -np.arange(len(unpack(own["hits"]))),
                (unpack(own["hits"]) >> np.arange(10)[:, None]) % 2 == 1,
                objects[k],
                detection["counts"]["classes"][k]["name"],
            )
            for k, own in enumerate(classes)
        ]
        figures = precision_figures(matches, np.vstack([np.ones((1, 4), np.int64), draws]))
        entry = detection["result"]["inputs"][name]
        for metric in ("map", "map50"):
            assert figures[metric][0] == pytest.approx(entry[metric], abs=1e-12)
            estimate = Estimate(entry[metric], figures[metric][1:], units=4, bounds=FRACTION)
            assert estimate.interval == pytest.approx(entry["interval"][metric], abs=1e-12)
    for name, of_seeds in segmentation["counts"]["inputs"].items():
        assert len(of_seeds) == 2
        for metric, figure in METRICS.items():
            mean = np.mean([figure(unpack(own).astype(np.int64).sum(0)) for own in of_seeds])
            assert mean == pytest.approx(segmentation["result"]["inputs"][name][metric], abs=1e-12)


def test_boxes_hit_what_the_recall_says(results):
    """Boxes of full confidence and more are few; all boxes hit each object once, and hit no more than there are."""
    task = results["tasks"]["detection"]
    assert len(task["truth"]) == sum(
        of_class["objects"] for of_class in task["result"]["inputs"]["max"]["per_class"].values()
    )
    for boxes in task["boxes"].values():
        hit = [box[7] for box in boxes if box[7] >= 0]
        assert len(hit) == len(set(hit)) <= len(task["truth"])
        assert all(task["truth"][box[7]][:2] == box[:2] for box in boxes if box[7] >= 0)
        assert all(box[6] >= 0.05 for box in boxes)


def test_the_tables_say_what_the_json_says(results, finished):
    rows = {row["input"]: row for row in csv.DictReader((finished / "tables.csv").open())}
    markdown, latex = ((finished / f"tables.{kind}").read_text() for kind in ("md", "tex"))
    lines = {line.split(" | ")[0].strip("| "): line for line in markdown.splitlines() if line.startswith("| ")}
    body = {line.split("&")[0].strip(): line for line in latex.splitlines() if "&" in line}
    for name in results["inputs"]:
        for task, own in results["tasks"].items():
            for metric in own["titles"]:
                entry = own["result"]["inputs"][name]
                value, interval = entry[metric], entry["interval"][metric]
                assert float(rows[name][f"{task}_{metric}"]) == value
                assert [float(rows[name][f"{task}_{metric}_{end}"]) for end in ("low", "high")] == interval
                assert percent_interval(value, interval) in lines[name]
                assert re.search(rf"\b{re.escape(percent(value))}\b", body[name])
    assert all(said["headline"] in markdown for said in results["summary"])


def test_done_again_nothing_is_done_and_the_file_is_the_same(finished, scenes, caplog):
    before = json.loads((finished / "results.json").read_text())
    caplog.set_level("INFO")
    run_small(scenes, finished)
    after = json.loads((finished / "results.json").read_text())
    kept = {m.partition(":")[0] for m in caplog.messages if m.endswith("done before")}
    assert kept == {step["step"] for step in before["steps"]} - {"fuse"}
    before.pop("measured"), after.pop("measured")
    assert after == before


def test_a_step_that_cannot_start_is_said_and_the_others_go_on(finished, scenes, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(finished / "fused", out / "fused")
    skip = ("--skip", "cost", "grids", "segmentation")
    ended = run_small(scenes, out, *skip, "--compare", str(finished), "--detection.detector", "nowhere.pt")
    assert ended.failed
    results = json.loads((out / "results.json").read_text())
    status = {step["step"]: step["status"] for step in results["steps"]}
    assert status == {
        "fuse": "done", "detection": "failed", "segmentation": "left out", "quality": "done", "cost": "left out",
        "grids": "left out", "pictures": "done",
    }  # fmt: skip
    assert "nowhere.pt" in next(s["reason"] for s in results["steps"] if s["step"] == "detection")
    assert results["tasks"] == {}
    assert results["changes"]["same_pictures"]
    changed = {row["setting"]: (row["before"], row["now"]) for row in results["changes"]["settings"]}
    assert changed["detection.detector"] == (["auto"], ["nowhere.pt"])
    assert "segmentation.resamples" not in changed
    jsonschema.validate(results, json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("largest", [0, 255, 256, 65535, 65536])
def test_packed_numbers_come_back(largest, random):
    array = random.integers(0, largest + 1, (3, 5))
    array[0, 0] = largest
    packed = pack(array)
    assert np.array_equal(unpack(packed), array)
    assert packed["type"] == ("uint8" if largest < 256 else "uint16" if largest < 65536 else "uint32")


def test_what_does_not_fit_is_not_packed():
    for bad in ([-1], [2**32]):
        with pytest.raises(ValueError, match="expected whole numbers"):
            pack(np.array(bad))
