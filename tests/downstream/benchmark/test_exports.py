"""What other tools read."""

import importlib.util
import json

import pytest
import wandb_files
from small_benchmark import run_small

from downstream.benchmark.exports import figures_of, write_events, write_wandb
from downstream.command import missing_extra
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


def test_weights_and_biases_is_told_every_figure(finished, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="its own runs are tested: pip install 'dwsfusion[wandb]'")
    monkeypatch.setenv("WANDB_MODE", "offline")
    results = json.loads((finished / "results.json").read_text())
    two = {**results, "inputs": ["visible", "max"]}
    write_wandb(two, "fusion", tmp_path)
    runs = wandb_files.runs(tmp_path)
    assert set(runs) == {"visible", "max"}
    for name, run in runs.items():
        assert run["project"] == "fusion"
        assert run["group"] == results["data"]["fingerprint"][:12]
        assert run["config"]["input"] == name
        told = {tag: figure for tag, figure in run["summary"].items() if not tag.startswith("_")}
        assert told == pytest.approx(figures_of(results, name))
        assert told["detection/map50"] == results["tasks"]["detection"]["result"]["inputs"][name]["map50"]


def test_an_export_that_cannot_be_written_is_said_before_anything_is_computed(scenes, tmp_path, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "wandb" else real(name, *more))
    with pytest.raises(ModuleNotFoundError) as raised:
        run_small(scenes, tmp_path / "out", "--wandb", "fusion")
    assert missing_extra(raised.value.name) == "needs wandb: pip install 'dwsfusion[wandb]'"
    assert not (tmp_path / "out").exists()
