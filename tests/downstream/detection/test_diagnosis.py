import json

import numpy as np
import pytest
from drawn_detector import compare

from downstream.detection.average_precision import Matches
from downstream.detection.diagnosis import (
    box_contrast,
    calibration_error,
    contrasts,
    error_types,
    recall_by_thirds,
)
from downstream.detection.scores import DetectionScores

BOX = [10.0, 10.0, 20.0, 20.0]


def scores_of(*results, pictures=2):
    """The same object, a person, in each picture."""
    images = [{"id": k + 1, "file_name": f"{k}.png", "width": 80, "height": 60} for k in range(pictures)]
    annotations = [
        {"id": k + 1, "image_id": k + 1, "category_id": 0, "bbox": BOX, "area": 400.0, "iscrowd": 0}
        for k in range(pictures)
    ]
    categories = [{"id": 0, "name": "person"}, {"id": 1, "name": "car"}]
    found = [{"image_id": i, "category_id": c, "bbox": b, "score": s} for i, c, b, s in results]
    return DetectionScores(
        {"images": images, "annotations": annotations, "categories": categories}, found, ["person", "car"]
    )


@pytest.mark.parametrize(
    ("category", "box", "error"),
    [
        (0, [11.0, 10.0, 20.0, 20.0], "duplicate"),
        (1, BOX, "wrong_class"),
        (0, [20.0, 20.0, 20.0, 20.0], "wrong_place"),
        (0, [50.0, 30.0, 20.0, 20.0], "background"),
        (1, [20.0, 20.0, 20.0, 20.0], "background"),
    ],
)
def test_each_wrong_detection_is_wrong_in_one_way(category, box, error):
    found = error_types(scores_of((1, 0, BOX, 0.9), (2, 0, BOX, 0.9), (1, category, box, 0.9)))
    assert {name for name, count in found.items() if count} == {error}


def test_what_is_not_found_is_missed():
    assert error_types(scores_of((1, 0, BOX, 0.9), (3, 0, BOX, 0.9), pictures=3))["missed"] == 1
    assert error_types(scores_of(pictures=3)) == {
        "duplicate": 0, "wrong_class": 0, "wrong_place": 0, "background": 0, "missed": 3,
    }  # fmt: skip


def test_a_detector_is_calibrated_where_it_is_as_often_right_as_it_is_sure():
    hits = np.array([[True, True, True, False]])
    right = Matches(np.zeros(4, int), np.full(4, 0.75), hits, np.array([4]))
    too_sure = Matches(np.zeros(4, int), np.full(4, 0.95), hits, np.array([4]))
    assert calibration_error([right]) == 0
    assert calibration_error([too_sure]) == pytest.approx(0.2)
    assert calibration_error([Matches(np.zeros(0, int), np.zeros(0), hits[:, :0], np.array([4]))]) is None


def test_contrast_is_the_box_against_its_ring():
    grey = np.full((60, 80), 50.0)
    grey[10:30, 10:30] = 200
    assert box_contrast(grey, BOX) == 150
    assert box_contrast(grey, [15.0, 15.0, 10.0, 10.0]) == 0  # the ring is inside the object as well
    assert box_contrast(grey, [0.0, 0.0, 80.0, 60.0]) is None  # nothing is around it
    assert box_contrast(grey, [90.0, 70.0, 5.0, 5.0]) is None


def test_objects_are_parted_into_thirds_by_how_they_stand_out():
    found = recall_by_thirds({1: -90.0, 2: 5.0, 3: 40.0, 4: None, 5: 1.0, 6: -41.0, 7: 100.0}, hit={1, 3, 7})
    assert {third: (own["objects"], own["recall"]) for third, own in found.items()} == {
        "low": (2, 0), "middle": (2, 0.5), "high": (2, 1),
    }  # fmt: skip
    assert found["middle"]["up_to"] == 41
    assert recall_by_thirds({}, set())["low"] == {"objects": 0, "up_to": None, "recall": None}


def test_it_enters_the_files_of_a_comparison(comparison, detectors, tmp_path):
    result = compare(comparison, detectors, tmp_path)
    assert result["inputs"]["ours"]["errors"]["missed"] == 0
    assert result["inputs"]["infrared"]["errors"]["missed"] == 4  # blind to cars
    assert result["inputs"]["infrared"]["by_contrast"]["visible"]["high"]["objects"] == 2
    objects = json.loads((tmp_path / "objects.json").read_text())["objects"]
    truth = json.loads((tmp_path / "ground_truth.json").read_text())
    files = {camera: comparison.input(camera).files for camera in ("infrared", "visible")}
    told = contrasts(truth, files)
    assert [o["contrast"]["visible"] for o in objects] == list(told["visible"].values())
    assert objects[0]["found_in"] == ["infrared", "max", "ours"]  # a person; visible is blind to persons
