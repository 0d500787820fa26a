"""Boxes as other evaluators read them: COCO ground truth and COCO results.

Pictures are numbered from 1 in the order of their names, and classes from 0 in the order of the data set's card. So the
files mean the same to every evaluator.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from downstream.datasets.labels import Labels
from dwsfusion.images import image_size

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Coco = dict[str, Any]
Results = list[dict[str, Any]]


@dataclass(frozen=True)
class Detections:
    """What a detector found in one picture, most confident first."""

    boxes_xyxy: Floats
    """``(N, 4)``: left, top, right, bottom in pixels of the original picture."""
    classes: Ints
    """``(N,)``: positions in the classes of the card."""
    scores: Floats
    """``(N,)`` in [0, 1]."""


def ground_truth(labels: Mapping[str, Labels], pictures: Mapping[str, Path], classes: Sequence[str]) -> Coco:
    """Puts labels into COCO's form; its info says how many boxes were clipped, and rows dropped for standing twice.

    Args:
        labels: picture name to its objects.
        pictures: picture name to a file of its size.
        classes: the names of all classes.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, name in enumerate(sorted(labels), start=1):
        height, width = image_size(pictures[name])
        images.append({"id": image_id, "file_name": f"{name}{pictures[name].suffix}", "width": width, "height": height})
        own = labels[name]
        for box, category, crowd in zip(own.boxes_xyxy, own.classes, own.crowd, strict=True):
            annotations.append(_annotation(len(annotations) + 1, image_id, int(category), box, bool(crowd)))
    categories = [{"id": i, "name": name} for i, name in enumerate(classes)]
    info = {kind: sum(getattr(own, kind) for own in labels.values()) for kind in ("clipped", "doubled")}
    return {"info": info, "images": images, "annotations": annotations, "categories": categories}


def class_names(truth: Coco) -> tuple[str, ...]:
    """The names of the classes of a ground truth, in the order of their ids."""
    return tuple(category["name"] for category in truth["categories"])


def results_of(detections: Iterable[Detections]) -> Results:
    """Puts the detections of all pictures, in the order of their names, into COCO's results form.

    Boxes are kept to a thousandth of a pixel and scores to a millionth, so that what is computed here and
    what another program reads from the file are the same numbers.
    """
    return [
        {
            "image_id": image_id,
            "category_id": int(category),
            "bbox": [round(float(v), 3) for v in _xywh(box)],
            "score": round(float(score), 6),
        }
        for image_id, found in enumerate(detections, start=1)
        for box, category, score in zip(found.boxes_xyxy, found.classes, found.scores, strict=True)
    ]


def _annotation(annotation_id: int, image_id: int, category: int, box: Floats, crowd: bool) -> dict[str, Any]:
    """COCOeval marks 'not matched' by id 0, so annotation ids start at 1."""
    bbox = _xywh(box)
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": category,
        "bbox": bbox,
        "area": bbox[2] * bbox[3],
        "iscrowd": int(crowd),
    }


def _xywh(box: Floats) -> list[float]:
    left, top, right, bottom = (float(v) for v in box)
    return [left, top, right - left, bottom - top]
