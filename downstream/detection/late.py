"""Late fusion of detections: the boxes that one detector finds in either camera, without a fused picture."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch

from downstream.detection.coco import Results
from downstream.detection.yolo import MAX_DETECTIONS
from dwsfusion.runs import write_text

NMS_IOU = 0.5
"""A less confident box of the same class that overlaps more is the same object, seen by the other camera."""
RULE = f"the boxes of both cameras pooled, NMS of each class at IoU {NMS_IOU}; no picture is fused"


def pool_detections(infrared: Mapping[str, Results], visible: Mapping[str, Results], file: Path) -> dict[str, Results]:
    """Pools the detections of both cameras, picture by picture, and writes them in COCO's form.

    Args:
        infrared: picture name to its results.
        visible: the same pictures.
        file: where the pooled results go.
    """
    pooled = {name: pool([*infrared[name], *visible[name]]) for name in visible}
    write_text(file, json.dumps([result for results in pooled.values() for result in results]))
    return pooled


def pool(results: Results) -> Results:
    """Those of one picture's results that no surer one of their class suppresses, the surest first.

    Scores stay as they are; of equal ones the first comes first.
    """
    from torchvision.ops import box_convert, nms  # here, for it takes two seconds to import

    if not results:
        return []
    boxes = box_convert(torch.tensor([r["bbox"] for r in results], dtype=torch.float64), "xywh", "xyxy")
    scores = torch.tensor([r["score"] for r in results], dtype=torch.float64)
    classes = torch.tensor([r["category_id"] for r in results])
    chosen = []
    for category in classes.unique():
        (own,) = torch.nonzero(classes == category, as_tuple=True)
        chosen += own[nms(boxes[own], scores[own], NMS_IOU)].tolist()
    ranked = sorted(chosen, key=lambda i: (-results[i]["score"], i))
    return [results[i] for i in ranked[:MAX_DETECTIONS]]
