import json

import numpy as np
from pycocotools.coco import COCO

from downstream.datasets.labels import Labels
from downstream.detection.coco import Detections, ground_truth, results_of

CLASSES = ("person", "bicycle", "car")


def test_ground_truth_is_numbered_by_name_and_read_by_pycocotools(tmp_path, save):
    pictures = {n: save(tmp_path / f"{n}.png", np.zeros((100, 200), np.uint8)) for n in ("b", "a")}
    car = Labels(np.array([[75.0, 25, 125, 75]]), np.array([2]))
    labels = {"b": car, "a": car.of(())}
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(ground_truth(labels, pictures, CLASSES)))
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
