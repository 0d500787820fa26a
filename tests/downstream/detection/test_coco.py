import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from downstream.detection.coco import Detections, ground_truth, read_labels, results_of
from dwsfusion import InputError


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "00001D.txt"
        path.write_text(text)
        return path

    return write


def test_fractions_become_pixels(write):
    found = read_labels(write("2 0.5 0.5 0.25 0.5\n\n0 0.1 0.2 0.2 0.4\n"), (100, 200))
    assert found.classes.tolist() == [2, 0]
    np.testing.assert_allclose(found.boxes_xyxy, [[75, 25, 125, 75], [0, 0, 40, 40]], atol=1e-12)


def test_an_empty_file_is_a_picture_without_objects(write):
    found = read_labels(write(""), (100, 200))
    assert found.boxes_xyxy.shape == (0, 4)
    assert found.classes.shape == (0,)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0 0.5 0.5 0.1", "4 fields"),
        ("0 0.5 0.5 0.1 0.1 0.9", "6 fields"),
        ("person 0.5 0.5 0.1 0.1", "'person"),
        ("1.5 0.5 0.5 0.1 0.1", "'1.5"),
        ("3 0.5 0.5 0.1 0.1", "found 3"),
        ("-1 0.5 0.5 0.1 0.1", "found -1"),
        ("0 320 240 10 10", "fractions"),
        ("0 0.5 0.5 0 0.1", "extent"),
        ("0 0.5 nan 0.1 0.1", "nan"),
    ],
)
def test_a_bad_line_is_named(write, line, says):
    with pytest.raises(InputError, match=r"00001D\.txt, line 2: ") as error:
        read_labels(write(f"0 0.5 0.5 0.1 0.1\n{line}\n"), (100, 200))
    assert says in str(error.value)


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.txt"):
        read_labels(tmp_path / "nothing.txt", (10, 10))


def test_ground_truth_is_numbered_by_name_and_read_by_pycocotools(tmp_path, save, write):
    pictures = {n: save(tmp_path / f"{n}.png", np.zeros((100, 200), np.uint8)) for n in ("b", "a")}
    labels = {"b": read_labels(write("2 0.5 0.5 0.25 0.5"), (100, 200)), "a": read_labels(write(""), (100, 200))}
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(ground_truth(labels, pictures)))
    coco = COCO(str(path))
    assert [(i["id"], i["file_name"], i["height"], i["width"]) for i in coco.loadImgs(coco.getImgIds())] == [
        (1, "a.png", 100, 200),
        (2, "b.png", 100, 200),
    ]
    assert {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())} == {0: "person", 1: "bicycle", 2: "car"}
    (car,) = coco.loadAnns(coco.getAnnIds())
    assert (car["id"], car["image_id"], car["category_id"], car["iscrowd"]) == (1, 2, 2, 0)
    assert car["bbox"] == [75, 25, 50, 50]
    assert car["area"] == 2500


def test_results_are_plain_numbers_in_the_order_of_the_pictures():
    nothing = Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    one = Detections(np.array([[1, 2, 4, 8.00049]]), np.array([1]), np.array([0.1234567]))
    (found,) = results_of([nothing, one])
    assert found == {"image_id": 2, "category_id": 1, "bbox": [1, 2, 3, 6.0], "score": 0.123457}
    assert json.loads(json.dumps(found)) == found
