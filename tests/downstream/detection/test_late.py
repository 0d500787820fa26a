import json

import numpy as np
import pytest
import torch
from torchvision.ops import batched_nms, box_convert

from downstream.detection.late import MAX_DETECTIONS, pool, pool_detections


def result(bbox, score, category=0, image=1):
    return {"image_id": image, "category_id": category, "bbox": bbox, "score": score}


def test_the_surer_box_of_an_object_stays():
    """The second overlaps the first by 8 of 12 columns, IoU 2/3; the third by 1/3; the fourth is of another class."""
    boxes = [result([0, 0, 10, 10], 0.6), result([2, 0, 10, 10], 0.9), result([7, 0, 10, 10], 0.5)]
    other = result([2, 0, 10, 10], 0.3, category=2)
    assert pool([*boxes, other]) == [boxes[1], boxes[2], other]
    assert pool([]) == []


def test_an_overlap_of_just_a_half_is_no_doubt():
    first, half = result([0, 0, 10, 10], 0.9), result([0, 0, 10, 5], 0.8)
    assert pool([first, half]) == [first, half]


def test_of_equal_scores_the_first_comes_first_and_there_is_an_end():
    same = [result([30 * k, 0, 10, 10], 0.5) for k in range(MAX_DETECTIONS + 20)]
    assert pool(same) == same[:MAX_DETECTIONS]


@pytest.mark.parametrize("seed", range(5))
def test_as_torchvision_has_it_for_all_classes_at_once(seed):
    random = np.random.default_rng(seed)
    corners, sides = random.integers(0, 60, (80, 2)), random.integers(8, 30, (80, 2))
    scores = random.permutation(80) / 80
    results = [
        result([float(v) for v in (*corner, *side)], float(score), int(category))
        for corner, side, score, category in zip(corners, sides, scores, random.integers(0, 3, 80), strict=True)
    ]
    boxes = box_convert(torch.tensor([r["bbox"] for r in results], dtype=torch.float64), "xywh", "xyxy")
    classes = torch.tensor([r["category_id"] for r in results])
    expected = batched_nms(boxes, torch.from_numpy(scores), classes, 0.5).tolist()
    assert pool(results) == [results[i] for i in expected]
    assert 3 < len(expected) < 80


def test_the_pooled_boxes_are_a_file_that_follows_from_the_two(tmp_path):
    infrared = {"a": [result([0, 0, 10, 10], 0.4)], "b": []}
    visible = {"a": [result([1, 0, 10, 10], 0.7)], "b": [result([5, 5, 9, 9], 0.2, image=2)]}
    pooled = pool_detections(infrared, visible, tmp_path / "late.json")
    assert pooled == {"a": visible["a"], "b": visible["b"]}
    assert json.loads((tmp_path / "late.json").read_text()) == [*visible["a"], *visible["b"]]
