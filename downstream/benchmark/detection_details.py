"""What a report shows of detections: boxes, precision over recall, calibration, and the counts behind AP."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from downstream.benchmark.packed import pack
from downstream.detection.average_precision import Matches, matched_objects
from downstream.detection.scores import DetectionScores

MIN_SCORE = 0.05
"""Boxes of a lower score are not shown."""
_BINS = 10
_RECALLS = np.linspace(0, 1, 101)
Scores = Mapping[str, Sequence[DetectionScores]]


def tell(result: Mapping[str, Any], scores: Scores) -> dict[str, Any]:
    """Everything of the first detector of each input, and the counts of all where no crowds are annotated.

    Args:
        result: what ``detection.json`` holds.
        scores: input name to those of each seed.
    """
    classes = list(result["classes"])
    first = {name: own[0] for name, own in scores.items()}
    any_input = next(iter(first.values()))
    # With crowds, which detections count changes with the threshold: then one list of them does not say it all.
    counts = {} if any(m.by_threshold for m in any_input.matches) else {"counts": _counts(classes, scores)}
    return {
        **counts,
        "truth": _truth(any_input),
        "boxes": {name: _boxes(own) for name, own in first.items()},
        "precision": {
            name: {c: _precision(m) for c, m in zip(classes, own.matches, strict=True)} for name, own in first.items()
        },
        "calibration": {name: _calibration(own.matches) for name, own in first.items()},
        "pictures_with": {
            c: np.flatnonzero(m.objects).tolist() for c, m in zip(classes, any_input.matches, strict=True)
        },
    }


def _truth(scores: DetectionScores) -> list[list[float]]:
    """Each object: picture, class, left, top, width, height."""
    return [
        [a["image_id"] - 1, a["category_id"], *(round(v, 1) for v in a["bbox"])] for a in scores.truth["annotations"]
    ]


def _boxes(scores: DetectionScores) -> list[list[float]]:
    """Each detection that may be shown: picture, class, left, top, width, height, score, and the object it hits.

    Objects are counted from 0, as in the truth; -1 stands for none.
    """
    position = {a["id"]: k for k, a in enumerate(scores.truth["annotations"])}
    hits = {number: position[found] for number, found in matched_objects(scores.truth, scores.results).items()}
    return [
        [r["image_id"] - 1, r["category_id"], *(round(v, 1) for v in r["bbox"]), round(r["score"], 3), hits.get(k, -1)]
        for k, r in enumerate(scores.results)
        if r["score"] >= MIN_SCORE
    ]


def _precision(matches: Matches) -> list[float] | None:
    """The best precision at each of the 101 recalls or a higher one, at IoU 0.5; None where there is no object."""
    objects = int(matches.objects.sum())
    if not objects or not matches.detectable:
        return None
    true = np.cumsum(matches.hits[0])
    envelope = np.maximum.accumulate((true / np.arange(1, len(true) + 1))[::-1])[::-1]
    at = np.searchsorted(true / objects, _RECALLS, side="left")
    return [round(float(envelope[i]), 4) if i < len(true) else 0.0 for i in at]


def _calibration(matches: Sequence[Matches]) -> list[dict[str, Any]]:
    """By tenths of the confidence: detections, their mean confidence, and the share that hits an object."""
    known = [m for m in matches if m.detectable]
    scores = np.concatenate([m.scores for m in known])
    hits = np.concatenate([m.hits[0] for m in known])
    bins = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    chosen = [(k, bins == k) for k in range(_BINS)]
    return [
        {
            "from": k / _BINS,
            "detections": int(c.sum()),
            "confidence": round(float(scores[c].mean()), 4),
            "hits": round(float(hits[c].mean()), 4),
        }
        for k, c in chosen
        if c.any()
    ]


def _counts(classes: Sequence[str], scores: Scores) -> dict[str, Any]:
    """For each input, seed and class the detections by falling confidence: their picture, and where they hit.

    ``hits`` holds a bit for each IoU threshold, 0.5 in the lowest. What comes after the last hit changes nothing.
    """
    first = next(iter(scores.values()))[0]
    return {
        "kind": "average precision",
        "classes": [{"name": c, "detectable": m.detectable} for c, m in zip(classes, first.matches, strict=True)],
        "objects": pack(np.stack([m.objects for m in first.matches])),
        "inputs": {
            name: [[_class_counts(m) for m in own.matches] for own in of_seeds] for name, of_seeds in scores.items()
        },
    }


def _class_counts(matches: Matches) -> dict[str, Any]:
    hit = np.flatnonzero(matches.hits.any(axis=0))
    end = hit[-1] + 1 if len(hit) else 0
    bits = (matches.hits[:, :end] << np.arange(len(matches.hits))[:, None]).sum(axis=0)
    return {"pictures": pack(matches.pictures[:end]), "hits": pack(bits)}
