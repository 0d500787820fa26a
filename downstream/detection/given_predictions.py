"""Detections of other programs, as rows of a comparison: COCO results, checked like any input."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from downstream.detection.coco import Coco, Results, class_names
from dwsfusion.errors import InputError
from dwsfusion.runs import write_text

BEYOND = 0.1
"""A detection may leave its picture by so much of a side; one that leaves it by more is of another size."""


def read_given(path: Path, truth: Coco, names: Mapping[str, int], out: Path) -> dict[str, Results]:
    """Reads the detections of the pictures of a comparison, and keeps them in its own form.

    Args:
        path: a list of COCO results. A picture is told by its ``image_id`` in ``ground_truth.json`` or by
            ``file_name``, a class by its ``category_id`` there.
        truth: the ground truth.
        names: picture name to its id, of all pictures that have labels.
        out: where they are kept as this program's own predictions are.

    Returns:
        Picture name to its results; empty where nothing was found.

    Raises:
        InputError: the file is missing or malformed, or holds unknown pictures or classes, boxes of another size or
            scores outside [0, 1].
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"expected COCO results in {path}, found: {error}") from error
    if not isinstance(entries, list):
        raise InputError(f"expected a list of COCO results in {path}, found {type(entries).__name__}")
    found: dict[str, Results] = {name: [] for name in names}
    name_of = {number: name for name, number in names.items()}
    sizes = {image["id"]: (image["width"], image["height"]) for image in truth["images"]}
    for number, entry in enumerate(entries, start=1):
        result = _checked(entry, f"{path}, result {number}", names, sizes, class_names(truth))
        found[name_of[result["image_id"]]].append(result)
    write_text(out, json.dumps([result for results in found.values() for result in results]))
    return found


def _checked(
    entry: Any,
    where: str,
    ids: Mapping[str, int],
    sizes: Mapping[int, tuple[int, int]],
    classes: tuple[str, ...],
) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise InputError(f"{where}: expected an object with bbox and score, found {str(entry)[:60]!r}")
    image = _picture(entry, ids, where)
    category, score = entry.get("category_id"), entry.get("score")
    if not (isinstance(category, int) and 0 <= category < len(classes)):
        known = ", ".join(f"{i} {name}" for i, name in enumerate(classes))
        raise InputError(f"{where}: expected a category_id of {known}, found {category!r}")
    if not (isinstance(score, int | float) and 0 <= score <= 1):
        raise InputError(f"{where}: expected a score from 0 to 1, found {score!r}")
    box = entry.get("bbox")
    if not (
        isinstance(box, list) and len(box) == 4 and all(isinstance(v, int | float) and math.isfinite(v) for v in box)
    ):
        raise InputError(f"{where}: expected a bbox of left, top, width and height in pixels, found {box!r}")
    width, height = sizes[image]
    left, top, right, bottom = box[0] / width, box[1] / height, (box[0] + box[2]) / width, (box[1] + box[3]) / height
    if min(box[2:]) < 0 or min(left, top) < -BEYOND or max(right, bottom) > 1 + BEYOND:
        raise InputError(
            f"{where}: expected a box in the picture of {width}x{height} pixels, found {box}: were pictures of another "
            "size looked at?"
        )
    return {"image_id": image, "category_id": category, "bbox": box, "score": score}


def _picture(entry: Mapping[str, Any], ids: Mapping[str, int], where: str) -> int:
    image = entry.get("image_id")
    if image is None and isinstance(entry.get("file_name"), str):
        image = ids.get(Path(entry["file_name"]).stem)
        if image is None:
            raise InputError(f"{where}: expected a picture of the data set, found file_name {entry['file_name']!r}")
    if not isinstance(image, int) or image not in ids.values():
        raise InputError(
            f"{where}: expected an image_id from 1 to {len(ids)}, as ground_truth.json numbers the pictures, or a "
            f"file_name, found {entry.get('image_id')!r}"
        )
    return image


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
