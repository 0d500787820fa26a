"""Reads back what a comparison wrote: COCO ground truth and results as boxes by picture, and its warning."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from downstream.detection.coco import CLASSES, Detections, Labels
from dwsfusion.errors import InputError

_CURE = (
    "run compare_detection.py or compare_segmentation.py with the same inputs, or name its folder with --predictions"
)


def read_truth(path: Path) -> dict[str, tuple[int, Labels]]:
    """Reads ``ground_truth.json``: picture name without suffix to its id and its objects, sorted by name.

    Raises:
        InputError: the file is missing, or is no COCO ground truth of our classes.
    """
    coco = _read_json(path)
    try:
        objects = _by_picture(coco["annotations"])
        ids = {Path(image["file_name"]).stem: int(image["id"]) for image in coco["images"]}
        return {name: (ids[name], _labels(objects.get(ids[name], ()))) for name in sorted(ids)}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected COCO ground truth in {path}, found {error!r}: {_CURE}") from error


def read_detections(path: Path) -> dict[int, Detections]:
    """Reads ``predictions/NAME.json``: picture id to what was found; a picture without any is not there.

    Raises:
        InputError: the file is missing, or holds no COCO results of our classes.
    """
    results = _read_json(path)
    try:
        found = {}
        for image_id, entries in _by_picture(results).items():
            labels = _labels(entries)
            scores = np.array([entry["score"] for entry in entries], np.float64)
            found[image_id] = Detections(labels.boxes_xyxy, labels.classes, scores)
        return found
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected COCO results in {path}, found {error!r}: {_CURE}") from error


def read_warning(path: Path) -> str:
    """Reads the warning of a ``segmentation.json``; empty where there is none, or no such file."""
    return str(_read_json(path)["protocol"].get("warning", "")) if path.is_file() else ""


def read_largest(path: Path, name: str, count: int) -> list[str]:
    """Reads from a ``TASK.json`` on which pictures an input gains and loses the most: at most `count` of each.

    Raises:
        InputError: the file is missing, or names no gains and losses of this input.
    """
    found = _read_json(path)
    try:
        changes = found["largest_changes"]["inputs"]
    except (KeyError, TypeError) as error:
        raise InputError(f"expected the largest gains and losses in {path}, found none: {_CURE}") from error
    if name not in changes:
        raise InputError(f"expected --of one of {', '.join(changes)}, found {name!r}")
    if not any(changes[name].values()):
        raise InputError(f"{path} names no picture on which {name} gains or loses: leave out --largest")
    return [row["image"] for kind in ("gains", "losses") for row in changes[name][kind][:count]]


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"expected {path} of a finished comparison, found no such file: {_CURE}") from error
    except ValueError as error:
        raise InputError(f"expected JSON in {path}, found: {error}: {_CURE}") from error


def _by_picture(entries: Iterable[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    groups = defaultdict(list)
    for entry in entries:
        groups[int(entry["image_id"])].append(entry)
    return groups


def _labels(entries: Iterable[Mapping[str, Any]]) -> Labels:
    entries = list(entries)
    boxes = np.array([entry["bbox"] for entry in entries], np.float64).reshape(-1, 4)
    classes = np.array([entry["category_id"] for entry in entries], np.int64)
    if not np.isin(classes, range(len(CLASSES))).all():
        known = ", ".join(f"{i} {name}" for i, name in enumerate(CLASSES))
        raise ValueError(f"category ids {sorted(set(classes.tolist()))}, not only {known}")
    return Labels(np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]), classes)
