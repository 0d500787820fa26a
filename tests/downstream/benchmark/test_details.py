"""What the page is told of detections, held against COCO's own numbers on a case worked out by hand."""

from downstream.benchmark import detection_details
from downstream.detection.scores import DetectionScores

CLASSES = ("person", "car")
RESULT = {"classes": CLASSES}


def scores(crowd: bool = False) -> dict[str, list[DetectionScores]]:
    """Two persons, of which the surer detection hits one; a crowd of cars where asked for."""
    boxes = [(1, 0, [10, 10, 20, 20], 0), (2, 0, [40, 40, 20, 20], 0), (2, 1, [0, 0, 30, 10], int(crowd))]
    truth = {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 100, "height": 80} for i in (1, 2)],
        "annotations": [
            {"id": k, "image_id": i, "category_id": c, "bbox": b, "area": b[2] * b[3], "iscrowd": d}
            for k, (i, c, b, d) in enumerate(boxes, start=1)
        ],
        "categories": [{"id": k, "name": name} for k, name in enumerate(CLASSES)],
    }
    found = [(1, 0, [10, 10, 20, 20], 0.95), (2, 0, [70, 10, 20, 20], 0.45), (2, 0, [40, 40, 20, 20], 0.02)]
    results = [{"image_id": i, "category_id": c, "bbox": b, "score": s} for i, c, b, s in found]
    return {"max": [DetectionScores(truth, results, CLASSES)]}


def test_boxes_say_what_they_hit_and_faint_ones_are_left_out() -> None:
    told = detection_details.tell(RESULT, scores())
    assert told["boxes"]["max"] == [[0, 0, 10, 10, 20, 20, 0.95, 0], [1, 0, 70, 10, 20, 20, 0.45, -1]]
    assert told["truth"][2] == [1, 1, 0, 0, 30, 10]
    assert told["pictures_with"] == {"person": [0, 1], "car": [1]}


def test_precision_is_the_best_at_each_recall_or_a_higher_one() -> None:
    precision = detection_details.tell(RESULT, scores())["precision"]["max"]
    assert precision["person"] == [1.0] * 51 + [0.6667] * 50
    assert precision["car"] == [0.0] * 101


def test_calibration_by_tenths() -> None:
    assert detection_details.tell(RESULT, scores())["calibration"]["max"] == [
        {"from": 0.0, "detections": 1, "confidence": 0.02, "hits": 1.0},
        {"from": 0.4, "detections": 1, "confidence": 0.45, "hits": 0.0},
        {"from": 0.9, "detections": 1, "confidence": 0.95, "hits": 1.0},
    ]


def test_with_crowds_the_page_checks_nothing_rather_than_the_wrong_thing() -> None:
    assert "counts" in detection_details.tell(RESULT, scores())
    assert "counts" not in detection_details.tell(RESULT, scores(crowd=True))
