"""Boxes in files: YOLO labels in, COCO ground truth and COCO results out.

Pictures are numbered from 1 in the order of their names; classes keep COCO's first three ids from 0. So the
files mean the same to every evaluator.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dwsfusion.errors import InputError
from dwsfusion.images import image_size

CLASSES = ("person", "bicycle", "car")
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Coco = dict[str, Any]
Results = list[dict[str, Any]]


@dataclass(frozen=True)
class Labels:
    """The annotated objects of one picture."""

    boxes_xyxy: Floats
    """``(N, 4)``: left, top, right, bottom in pixels."""
    classes: Ints
    """``(N,)``: positions in `CLASSES`."""

    def of(self, names: Sequence[str]) -> "Labels":
        """Those of some classes."""
        kept = np.isin(self.classes, [CLASSES.index(name) for name in names])
        return Labels(self.boxes_xyxy[kept], self.classes[kept])


@dataclass(frozen=True)
class Detections:
    """What a detector found in one picture, most confident first."""

    boxes_xyxy: Floats
    """``(N, 4)``: left, top, right, bottom in pixels of the original picture."""
    classes: Ints
    """``(N,)``: positions in `CLASSES`."""
    scores: Floats
    """``(N,)`` in [0, 1]."""


def read_labels(path: Path, size: tuple[int, int]) -> Labels:
    """Reads a YOLO label file: a line ``class cx cy w h`` an object, in fractions of the picture.

    Args:
        path: the file; an empty one is a picture without objects.
        size: height and width of the picture in pixels.

    Raises:
        InputError: a line is malformed; the message names the file and the line.
    """
    height, width = size
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"expected a YOLO label file at {path}, found: {error}") from error
    rows = [_parse(line, f"{path}, line {i}") for i, line in enumerate(lines, start=1) if line.strip()]
    values = np.array(rows, dtype=np.float64).reshape(-1, 5)
    centre, half = values[:, 1:3], values[:, 3:5] / 2
    boxes = np.hstack([centre - half, centre + half]) * [width, height, width, height]
    return Labels(boxes, values[:, 0].astype(np.int64))


def read_all_labels(files: Mapping[str, Path], pictures: Mapping[str, Path]) -> dict[str, Labels]:
    """Reads the label file of every picture; sizes come from the pictures.

    Raises:
        InputError: a line is malformed, or a picture is unreadable.
    """
    return {name: read_labels(path, image_size(pictures[name])) for name, path in files.items()}


def ground_truth(labels: Mapping[str, Labels], pictures: Mapping[str, Path]) -> Coco:
    """Puts labels into COCO's form.

    Args:
        labels: picture name to its objects.
        pictures: picture name to a file of its size.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, name in enumerate(sorted(labels), start=1):
        height, width = image_size(pictures[name])
        images.append({"id": image_id, "file_name": pictures[name].name, "width": width, "height": height})
        for box, category in zip(labels[name].boxes_xyxy, labels[name].classes, strict=True):
            annotations.append(_annotation(len(annotations) + 1, image_id, int(category), box))
    return {"images": images, "annotations": annotations, "categories": _categories()}


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


def _parse(line: str, where: str) -> list[float]:
    fields = line.split()
    expected = "expected 'class cx cy w h' with fractions of the picture"
    if len(fields) != 5:
        raise InputError(f"{where}: {expected}, found {len(fields)} fields: {line!r}")
    try:
        category, values = int(fields[0]), [float(field) for field in fields[1:]]
    except ValueError as error:
        raise InputError(f"{where}: {expected}, found {line!r}") from error
    if not 0 <= category < len(CLASSES):
        known = ", ".join(f"{i} {name}" for i, name in enumerate(CLASSES))
        raise InputError(f"{where}: expected a class of {known}, found {category}")
    if not all(0 <= value <= 1 for value in values) or min(values[2:]) <= 0:
        raise InputError(f"{where}: {expected}, 0 to 1 and with some extent, found {line!r}")
    return [category, *values]


def _annotation(annotation_id: int, image_id: int, category: int, box: Floats) -> dict[str, Any]:
    """COCOeval marks 'not matched' by id 0, so annotation ids start at 1."""
    bbox = _xywh(box)
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": category,
        "bbox": bbox,
        "area": bbox[2] * bbox[3],
        "iscrowd": 0,
    }


def _categories() -> list[dict[str, Any]]:
    return [{"id": i, "name": name} for i, name in enumerate(CLASSES)]


def _xywh(box: Floats) -> list[float]:
    left, top, right, bottom = (float(v) for v in box)
    return [left, top, right - left, bottom - top]
