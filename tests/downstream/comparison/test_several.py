"""Several detectors on the same inputs: a comparison each, and the mean over them."""

import json

import numpy as np
import pytest
from drawn_detector import INPUTS, NAMES, DrawnDetector, compare

from downstream.comparison import several
from downstream.comparison.estimates import over_networks
from downstream.comparison.named_files import short_names
from downstream.comparison.several import compare_networks, table
from downstream.detection.config import DetectionConfig
from downstream.detection.task import DetectionTask
from dwsfusion import InputError


@pytest.fixture
def folders(drawn, tmp_path):
    labels = drawn.root / "labels"
    places = {"sharp": tmp_path / "sharp", "blunt": tmp_path / "blunt"}
    for shift, out in zip((1.0, 6.0), places.values(), strict=True):
        shown = {name: [DrawnDetector(labels, shift=shift if name != "max" else 7 - shift)] for name in INPUTS}
        compare(drawn, shown, out)
    return places


def test_means_over_networks_and_what_each_says(folders, tmp_path):
    result = compare_networks(DetectionTask, folders, tmp_path)
    assert json.loads((tmp_path / "networks.json").read_text()) == json.loads(json.dumps(result))
    each = {n: json.loads((at / "detection.json").read_text())["inputs"] for n, at in folders.items()}
    for name in INPUTS:
        entry = result["inputs"][name]
        alone = [each[n][name]["map"] for n in folders]
        assert entry["map"] == pytest.approx(np.mean(alone))
        assert [entry["networks"][n]["map"] for n in folders] == alone
        assert entry["interval"]["map"][0] <= min(alone)  # two networks that far apart say little
    assert result["images"] == len(NAMES)
    assert {row["verdict"] for row in result["differences"]} == {"too few pictures"}


def test_scenes_are_drawn_whole(folders, tmp_path, monkeypatch):
    result = json.loads((folders["sharp"] / "detection.json").read_text())
    result["scenes"] = dict(zip(NAMES, "aabbc", strict=True))
    (folders["sharp"] / "detection.json").write_text(json.dumps(result))
    drawn = []
    monkeypatch.setattr(
        several, "over_networks", lambda scores, draws: drawn.append(draws) or over_networks(scores, draws)
    )
    compare_networks(DetectionTask, folders, tmp_path)
    (counts,) = drawn
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 2] == counts[:, 3]).all()
    assert (counts[:, 0] != counts[:, 2]).any()


def test_an_order_that_the_networks_do_not_share_is_said(folders, tmp_path):
    result = compare_networks(DetectionTask, folders, tmp_path)
    title, rows, notes = table(DetectionTask, result)
    assert title == "Detection by several networks, per cent"
    assert [row["input"] for row in rows] == list(INPUTS)
    assert {"mean mAP50", "sharp", "blunt"} <= set(rows[0])
    assert result["orders"]["orders"]["blunt"][0] == "max"
    assert result["orders"]["changes"]
    assert any("differs from network to network" in note and "max by blunt" in note for note in notes)


def test_other_pictures_are_refused(folders, tmp_path):
    truth = json.loads((folders["blunt"] / "ground_truth.json").read_text())
    truth["images"][0]["file_name"] = "zebra.png"
    (folders["blunt"] / "ground_truth.json").write_text(json.dumps(truth))
    with pytest.raises(InputError, match="comparisons of the same pictures"):
        compare_networks(DetectionTask, folders, tmp_path)


def test_names_of_networks_are_short_and_differ():
    assert short_names(["a/yolov8n.pt", "b/rail.pt"]) == ["yolov8n", "rail"]
    assert short_names(["a/best.pt", "b/best.pt", "c.onnx"]) == ["a_best.pt", "b_best.pt", "c"]
    with pytest.raises(InputError, match="each network once"):
        short_names(["a.pt", "a.pt"])


def test_several_detectors_are_one_configuration_each():
    assert list(DetectionConfig(detector=("a.pt", "x/b.pt")).each()) == ["a", "b"]
    assert DetectionConfig(detector=("a.pt", "b.pt")).each()["b"].detector == ("b.pt",)
    assert list(DetectionConfig().each()) == [""]
