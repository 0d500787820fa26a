"""What other tools read."""

import json

import pytest

from downstream.benchmark.exports import write_events
from dwsfusion.images import image_size


def test_a_fiftyone_folder_shows_every_picture_with_its_boxes(finished):
    samples = json.loads((finished / "fiftyone/samples.json").read_text())["samples"]
    results = json.loads((finished / "results.json").read_text())
    assert len(samples) == 4 * 5
    assert all((finished / "fiftyone" / sample["filepath"]).is_file() for sample in samples)
    truth = sum(len(s["ground_truth"]["detections"]) for s in samples if s["input"] == "max")
    assert truth == len(results["tasks"]["detection"]["truth"])
    sample = next(s for s in samples if s["ground_truth"]["detections"])
    assert sample["tags"] == [sample["input"], "day" if sample["picture"].endswith("D") else "night"]
    first = sample["ground_truth"]["detections"][0]
    task = results["tasks"]["detection"]
    height, width = next(p["size"] for p in results["pictures"] if p["name"] == sample["picture"])
    box = next(b for b in task["truth"] if task["names"][b[0]] == sample["picture"])
    assert first["bounding_box"] == pytest.approx([box[2] / width, box[3] / height, box[4] / width, box[5] / height])
    assert first["label"] in task["result"]["classes"]
    assert image_size(finished / "fiftyone" / sample["filepath"]) == (height, width)


def test_tensorboard_holds_every_figure_once(finished, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    results = json.loads((finished / "results.json").read_text())
    for _ in range(2):
        write_events(results, tmp_path)
    for name in results["inputs"]:
        accumulator = events.EventAccumulator(str(tmp_path / name))
        accumulator.Reload()
        assert len(list((tmp_path / name).iterdir())) == 1
        (scalar,) = accumulator.Scalars("detection/map50")
        assert scalar.value == pytest.approx(results["tasks"]["detection"]["result"]["inputs"][name]["map50"], abs=1e-6)
