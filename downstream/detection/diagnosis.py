"""Why an input is better or worse: which errors its detector makes, how sure it is of them, and on which objects.

A detection counts at the confidence of best F1 of the other half of the pictures. One that matches no object at IoU 0.5
is charged with the first of these that fits (after TIDE: Bolya et al., 2020, doi:10.1007/978-3-030-58580-8_33):

- ``duplicate``: it overlaps an object of its class by 0.5 or more, which a surer detection has matched;
- ``wrong_class``: it overlaps an object of another class by 0.5 or more;
- ``wrong_place``: it overlaps an object of its class by 0.1 or more;
- ``background``: none of these.

Objects that nothing matches are ``missed``.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from downstream.detection.average_precision import Matches
from downstream.detection.coco import Coco, Floats, Results, class_names
from downstream.detection.scores import DetectionScores
from dwsfusion.images import read_image
from dwsfusion.quality import grey_levels
from dwsfusion.runs import write_json

ERRORS = ("duplicate", "wrong_class", "wrong_place", "background", "missed")
THIRDS = ("low", "middle", "high")
_HIT, _NEAR, _BINS = 0.5, 0.1, 10


def add_diagnosis(
    truth: Coco,
    cameras: Mapping[str, Mapping[str, Path]],
    scores: Mapping[str, DetectionScores],
    entries: Mapping[str, dict[str, Any]],
    out: Path,
) -> None:
    """Adds errors, calibration and recall by contrast to ``detection.json``, and writes ``objects.json``.

    Args:
        truth: the objects.
        cameras: camera to picture name to file.
        scores: input name to those of its first detector.
        entries: input name to its entry.
        out: where the file goes.
    """
    contrast = contrasts(truth, cameras)
    for name, entry in entries.items():
        entry["errors"] = error_types(scores[name])
        entry["calibration_error"] = calibration_error(scores[name].matches)
        entry["by_contrast"] = {c: recall_by_thirds(own, scores[name].hit) for c, own in contrast.items()}
    names = class_names(truth)
    objects = [
        {
            "id": a["id"],
            "image": truth["images"][a["image_id"] - 1]["file_name"],
            "class": names[a["category_id"]],
            "bbox": a["bbox"],
            "contrast": {camera: own[a["id"]] for camera, own in contrast.items()},
            "found_in": [name for name, own in scores.items() if a["id"] in own.hit],
        }
        for a in truth["annotations"]
    ]
    contrast_is = "grey levels of 255: the mean inside the box less that of the ring around it"
    write_json(out / "objects.json", {"contrast": contrast_is, "objects": objects})


def error_types(scores: DetectionScores) -> dict[str, int]:
    """How many detections are wrong in which way, and how many objects are missed."""
    kept, matched = scores.sure, scores.matched
    counts = dict.fromkeys(ERRORS, 0)
    annotations = {
        picture: list(own) for picture, own in groupby(scores.truth["annotations"], key=lambda a: a["image_id"])
    }
    for k, result in enumerate(kept):
        if k not in matched:
            counts[_error(result, annotations.get(result["image_id"], []))] += 1
    detectable = [k for k, name in enumerate(class_names(scores.truth)) if name in scores.detectable]
    looked_for = sum(a["category_id"] in detectable for a in scores.truth["annotations"])
    return counts | {"missed": looked_for - len(set(matched.values()))}


def calibration_error(matches: Sequence[Matches]) -> float | None:
    """How far, on average, the confidence lies from the share that hits an object at IoU 0.5, in tenths of confidence.

    Source: Naeini et al., 2015, doi:10.1609/aaai.v29i1.9602. In [0, 1]; None without detections.
    """
    scores = np.concatenate([m.scores for m in matches if m.detectable])
    hits = np.concatenate([m.hits[0] for m in matches if m.detectable])
    if not len(scores):
        return None
    tenths = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    off = [abs(scores[tenths == k].sum() - hits[tenths == k].sum()) for k in range(_BINS)]
    return float(np.sum(off) / len(scores))


def contrasts(truth: Coco, cameras: Mapping[str, Mapping[str, Path]]) -> dict[str, dict[int, float | None]]:
    """How much each object stands out in each camera: camera to annotation id to contrast; see `box_contrast`."""
    boxes: dict[str, dict[int, Sequence[float]]] = {}
    for picture, own in groupby(truth["annotations"], key=lambda a: a["image_id"]):
        boxes[Path(truth["images"][picture - 1]["file_name"]).stem] = {a["id"]: a["bbox"] for a in own}

    def measure(file: Path, own: Mapping[int, Sequence[float]]) -> dict[int, float | None]:
        grey = grey_levels(read_image(file)).numpy().squeeze().astype(np.float64)
        return {number: box_contrast(grey, box) for number, box in own.items()}

    found: dict[str, dict[int, float | None]] = {}
    with ThreadPoolExecutor() as readers:
        for camera, files in cameras.items():
            each = readers.map(measure, (files[name] for name in boxes), boxes.values())
            found[camera] = {number: contrast for measured in each for number, contrast in measured.items()}
    return found


def box_contrast(grey: Floats, box: Sequence[float]) -> float | None:
    """Mean grey level inside a box less that of the ring around it, which reaches half a side further.

    Args:
        grey: ``(H, W)``, 0 to 255.
        box: left, top, width, height in pixels.

    Returns:
        -255 to 255; None where the box or the ring holds no pixel.
    """
    left, top, width, height = box
    inner = _inside(grey, left, top, left + width, top + height)
    outer = _inside(grey, left - width / 2, top - height / 2, left + 1.5 * width, top + 1.5 * height)
    around = outer.size - inner.size
    if not inner.size or not around:
        return None
    return float(inner.mean() - (outer.sum() - inner.sum()) / around)


def recall_by_thirds(contrast: Mapping[int, float | None], hit: set[int]) -> dict[str, dict[str, Any]]:
    """The share of objects that is found, by thirds of how much they stand out, brighter or darker alike."""
    known = {number: abs(value) for number, value in contrast.items() if value is not None}
    order = sorted(known, key=lambda number: (known[number], number))
    parts = np.array_split(np.array(order, dtype=np.int64), len(THIRDS))
    return {
        third: {
            "objects": len(part),
            "up_to": known[int(part[-1])] if len(part) else None,
            "recall": float(np.mean([int(number) in hit for number in part])) if len(part) else None,
        }
        for third, part in zip(THIRDS, parts, strict=True)
    }


def _inside(grey: Floats, left: float, top: float, right: float, bottom: float) -> Floats:
    height, width = grey.shape
    columns = slice(max(round(left), 0), min(round(right), width))
    rows = slice(max(round(top), 0), min(round(bottom), height))
    return grey[rows, columns]


def _error(result: dict[str, Any], annotations: Results) -> str:
    from pycocotools import mask  # here, for it comes with an extra

    if not annotations:
        return "background"
    iou = mask.iou([result["bbox"]], [a["bbox"] for a in annotations], [0] * len(annotations))[0]
    same = np.array([a["category_id"] == result["category_id"] for a in annotations])
    if (same & (iou >= _HIT)).any():
        return "duplicate"
    if (~same & (iou >= _HIT)).any():
        return "wrong_class"
    return "wrong_place" if (same & (iou >= _NEAR)).any() else "background"
