"""Rows from other programs' detections, and what other labels say of all of them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from drawn_detector import CONFIG, INPUTS, NAMES, compare

from downstream.detection import table
from downstream.detection.grids import DetectionGrids
from downstream.detection.task import DetectionTask
from dwsfusion import InputError


def given(*rows):
    return replace(CONFIG, predictions=rows)


def test_our_own_predictions_read_back_are_equal_to_the_last_digit(comparison, detectors, tmp_path):
    first = compare(comparison, detectors, tmp_path / "first")
    path = tmp_path / "first/predictions/max.json"
    again = compare(comparison, detectors, tmp_path / "again", given(f"theirs={path}"))
    assert list(again["inputs"])[-1] == "theirs"
    assert again["inputs"]["theirs"] == again["inputs"]["max"] == first["inputs"]["max"]
    assert json.loads((tmp_path / "again/predictions/theirs.json").read_text()) == json.loads(path.read_text())
    assert set(again["protocol"]["given"]) == {"theirs"}
    assert any((r["input"], r["against"]) == ("theirs", "max") for r in again["differences"])
    names, scores = DetectionTask.reopen(tmp_path / "again", ["theirs"])
    assert names == NAMES
    assert scores["theirs"][0].figures(np.ones((1, 5), int))["map"] == again["inputs"]["theirs"]["map"]
    figure = DetectionGrids(comparison, tmp_path / "again").draw(NAMES[0])
    assert len(figure.axes) == len(INPUTS) + 2  # the row, on the visible picture, and the truth


def test_pictures_may_be_named_by_file(comparison, detectors, tmp_path):
    compare(comparison, detectors, tmp_path / "first")
    results = json.loads((tmp_path / "first/predictions/max.json").read_text())
    named = [{**r, "image_id": None, "file_name": f"somewhere/{NAMES[r['image_id'] - 1]}.jpg"} for r in results]
    (tmp_path / "named.json").write_text(json.dumps(named))
    again = compare(comparison, detectors, tmp_path / "again", given(f"theirs={tmp_path / 'named.json'}"))
    assert again["inputs"]["theirs"] == again["inputs"]["max"]


ONE = {"image_id": 1, "category_id": 0, "bbox": [10, 10, 20, 20], "score": 0.5}


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({**ONE, "image_id": 9}, "expected an image_id from 1 to 5"),
        ({**ONE, "image_id": None, "file_name": "zebra.png"}, "expected a picture of the data set, found file_name"),
        ({**ONE, "category_id": 3}, "expected a category_id of 0 person, 1 bicycle, 2 car, found 3"),
        ({**ONE, "score": 1.5}, "expected a score from 0 to 1, found 1.5"),
        ({**ONE, "score": "high"}, "expected a score"),
        ({**ONE, "bbox": [10, 10, 20]}, "expected a bbox"),
        ({**ONE, "bbox": [10, 10, float("nan"), 20]}, "expected a bbox"),
        ({**ONE, "bbox": [10, 10, 600, 20]}, "in the picture of 100x80 pixels.*another size"),
        (7, "expected an object with bbox and score"),
    ],
)
def test_what_does_not_fit_is_named(comparison, detectors, tmp_path, entry, says):
    (tmp_path / "theirs.json").write_text(json.dumps([ONE, entry]))
    with pytest.raises(InputError, match=rf"theirs\.json, result 2: .*{says}"):
        compare(comparison, detectors, tmp_path / "out", given(f"theirs={tmp_path / 'theirs.json'}"))


@pytest.mark.parametrize("text", [None, "{", "{}"])
def test_a_file_that_is_none_is_refused(comparison, detectors, tmp_path, text):
    if text is not None:
        (tmp_path / "theirs.json").write_text(text)
    with pytest.raises(InputError, match=r"expected .*COCO results"):
        compare(comparison, detectors, tmp_path / "out", given(f"theirs={tmp_path / 'theirs.json'}"))


def test_a_name_that_is_taken_is_refused_before_anything_is_detected(comparison, detectors, tmp_path):
    for name in ("max", "late"):
        with pytest.raises(InputError, match=f"the name '{name}' is taken"):
            compare(comparison, detectors, tmp_path, given(f"{name}=file.json"))
    assert not any(own.calls for seeds in detectors.values() for own in seeds)


def test_any_pair_with_a_given_row_or_late_fusion_can_be_asked_for(comparison, detectors, tmp_path):
    (tmp_path / "theirs.json").write_text("[]")
    shared = dict.fromkeys(INPUTS, detectors["visible"])
    config = replace(given(f"theirs={tmp_path / 'theirs.json'}"), against=("theirs:ours", "late:ours"))
    rows = compare(comparison, shared, tmp_path / "out", config)["differences"]
    assert {("theirs", "ours"), ("late", "ours")} <= {(r["input"], r["against"]) for r in rows}
    with pytest.raises(InputError, match="found 'late:ours'"):
        compare(comparison, detectors, tmp_path / "out", replace(CONFIG, against=("late:ours",)))


def test_union_labels_hold_what_either_camera_shows(comparison, detectors, tmp_path):
    """Persons stand in the labels of infrared alone, cars in those of visible alone."""
    (comparison.root / "labels/00001D.txt").write_text("")
    plain = compare(comparison, detectors, tmp_path / "plain")
    union = compare(comparison, detectors, tmp_path / "union", replace(CONFIG, labels="union"))
    objects = [[c["objects"] for c in r["inputs"]["max"]["per_class"].values()] for r in (plain, union)]
    assert objects == [[3, 0, 3], [4, 0, 4]]
    assert union["protocol"]["labels"] == "union"


def test_union_needs_labels_of_each_camera(comparison, detectors, tmp_path):
    (comparison.root / "labels_visible").rename(comparison.root / "away")
    with pytest.raises(InputError, match="--labels union needs labels of each camera alone"):
        compare(comparison, detectors, tmp_path, replace(CONFIG, labels="union"))


def test_whose_labels_decide_the_order_is_said(comparison, detectors, tmp_path):
    """Infrared's detector sees no cars, visible's no persons; each camera's own labels hold what its detector sees."""
    result = compare(comparison, detectors, tmp_path)
    by_source = {name: entry["label_sources"] for name, entry in result["inputs"].items()}
    assert list(by_source["ours"]) == ["labels", "labels_infrared", "labels_visible", "union"]
    assert by_source["infrared"]["labels"]["map50"] == result["inputs"]["infrared"]["map50"] == 0.5
    assert by_source["infrared"]["labels_infrared"]["map50"] == pytest.approx(1)
    assert by_source["visible"]["labels_infrared"]["map50"] == 0
    assert by_source["visible"]["labels_visible"]["map50"] == pytest.approx(1)
    assert by_source["ours"]["union"]["map50"] == pytest.approx(1)
    assert any("the order of the inputs hangs on the labels" in note for note in table.notes(result))
