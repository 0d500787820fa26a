import numpy as np
import pytest

from downstream.datasets.labels import Labels
from downstream.detection.average_precision import found_objects
from downstream.detection.complementarity import (
    describe_objects,
    group_objects,
    group_recalls,
    kept_lost_won,
    seen_objects,
)
from downstream.detection.label_sets import union_of


def labels(*objects):
    boxes = np.array([box for _, box in objects], dtype=float).reshape(-1, 4)
    return Labels(boxes, np.array([c for c, _ in objects], dtype=np.int64))


CLASSES = ("person", "bicycle", "car")
PERSON_BOTH = (0, (10, 10, 30, 50))
PERSON_IR = (0, (60, 10, 80, 50))
BICYCLE_VIS = (1, (60, 10, 80, 50))
CAR_VIS = (2, (30, 60, 70, 90))


@pytest.fixture
def pictures(tmp_path, save):
    blank = np.zeros((100, 100), np.uint8)
    return {name: save(tmp_path / f"{name}.png", blank) for name in ("a", "b")}


@pytest.fixture
def seen(pictures):
    """Picture a: a person that both see, one that only infrared sees, a car only visible. Picture b: nothing."""
    shifted = (0, (12, 10, 32, 50))
    return seen_objects(
        {"a": labels(PERSON_BOTH, PERSON_IR), "b": labels()},
        {"a": labels(CAR_VIS, shifted), "b": labels()},
        pictures,
        CLASSES,
    )


def detection(box, category=0, image_id=1, score=0.9):
    left, top, right, bottom = box
    return {"image_id": image_id, "category_id": category, "bbox": [left, top, right - left, bottom - top],
            "score": score}  # fmt: skip


def test_a_pair_is_one_object_with_the_mean_box(seen):
    assert seen.groups == ("both", "infrared_only", "visible_only")
    assert [a["bbox"] for a in seen.truth["annotations"]] == [[11, 10, 20, 40], [60, 10, 20, 40], [30, 60, 40, 30]]
    assert [a["category_id"] for a in seen.truth["annotations"]] == [0, 0, 2]
    assert [a["id"] for a in seen.truth["annotations"]] == [1, 2, 3]


def test_the_same_place_in_another_class_is_another_object():
    _, groups = group_objects(labels(PERSON_IR), labels(BICYCLE_VIS))
    assert groups == ["infrared_only", "visible_only"]


def test_half_overlap_is_a_match_and_less_is_not():
    half = (0, (0, 0, 10, 10)), (0, (0, 0, 10, 5))
    less = (0, (0, 0, 10, 10)), (0, (0, 0, 10, 4.9))
    assert group_objects(labels(half[0]), labels(half[1]))[1] == ["both"]
    assert group_objects(labels(less[0]), labels(less[1]))[1] == ["infrared_only", "visible_only"]


def test_the_best_overlap_is_matched_first_and_once():
    one = labels((0, (0, 0, 10, 10)))
    two = labels((0, (2, 0, 12, 10)), (0, (1, 0, 11, 10)))
    objects, groups = group_objects(one, two)
    assert groups == ["both", "visible_only"]
    assert objects.boxes_xyxy.tolist() == [[0.5, 0, 10.5, 10], [2, 0, 12, 10]]


def test_a_picture_without_one_of_the_labels_has_no_objects_but_keeps_its_number(pictures):
    seen = seen_objects({"b": labels(PERSON_IR)}, {"a": labels(CAR_VIS), "b": labels()}, pictures, CLASSES)
    assert [i["file_name"] for i in seen.truth["images"]] == ["a.png", "b.png"]
    assert [a["image_id"] for a in seen.truth["annotations"]] == [2]
    assert seen.unlabelled == ("a",)


def test_recall_of_each_group(seen):
    found = found_objects(seen.truth, [detection((11, 10, 31, 50)), detection((60, 12, 80, 50))])
    assert found == {1, 2}
    recalls = group_recalls(seen, found, np.array([[2, 0], [0, 2]]))
    assert {group: (r["objects"], r["recall"]) for group, r in recalls.items()} == {
        "both": (1, 1), "infrared_only": (1, 1), "visible_only": (1, 0),
    }  # fmt: skip
    assert recalls["both"]["interval"] is None  # all such objects are in one picture


def test_recall_of_an_empty_group_is_not_defined(pictures):
    seen = seen_objects({"a": labels(PERSON_IR)}, {"a": labels()}, pictures, CLASSES)
    recall = group_recalls(seen, {1}, np.ones((3, 2), int))["visible_only"]
    assert recall == {"objects": 0, "recall": None, "interval": None}


def test_kept_lost_and_won(seen):
    found = {"infrared": {1, 2}, "visible": {1}, "fused": {1, 3}, "blind": set()}
    changes = kept_lost_won(seen, found)
    assert changes == {
        "fused": {"kept": {"a.png": [1]}, "lost": {"a.png": [2]}, "won": {"a.png": [3]}},
        "blind": {"kept": {}, "lost": {"a.png": [1, 2]}, "won": {}},
    }


def test_objects_tell_who_finds_them(seen):
    first, *_ = describe_objects(seen, {"infrared": {1}, "visible": set(), "fused": {1}})
    assert first["found_in"] == ["infrared", "fused"]
    assert (first["image"], first["class"], first["group"]) == ("a.png", "person", "both")


def test_crowds_are_no_objects_but_stay_regions_of_the_union():
    box = np.array([[10.0, 10, 30, 50], [50, 50, 90, 90]])
    own = Labels(box, np.array([0, 0]), np.array([False, True]))
    objects, groups = group_objects(own, own)
    assert (groups, objects.boxes_xyxy.tolist()) == (["both"], [[10, 10, 30, 50]])
    union = union_of(({"a": own}, {"a": labels(CAR_VIS)}), ["a"])["a"]
    assert union.classes.tolist() == [0, 2, 0]
    assert union.crowd.tolist() == [False, False, True]
