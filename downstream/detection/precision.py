"""Average precision for any weighting of the pictures, from one run of COCOeval's matching.

COCOeval, the figure of record, matches detections to objects picture by picture and then accumulates over
the set. The matching does not depend on which other pictures are in the set, so it is done once; the
accumulation is written here for many weightings at once. With all weights one it gives COCOeval's own
figures.

Source: Lin et al., Microsoft COCO, 2014, doi:10.1007/978-3-319-10602-1_48, as in pycocotools 2.0.
"""

import contextlib
import copy
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from downstream.detection.coco import CLASSES, Coco, Floats, Ints, Results
from downstream.uncertainty import Estimate

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
MAX_DETECTIONS = 100
"""Detections of one class in one picture that COCOeval counts: its own default."""
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Matches:
    """One class: all its detections, most confident first, and whether each hit an object."""

    pictures: Ints
    """``(D,)``: index of the picture of each detection."""
    scores: Floats
    """``(D,)``: falling."""
    hits: NDArray[np.bool_]
    """``(T, D)``: whether the detection matched an object, at each IoU threshold."""
    objects: Ints
    """``(n,)``: objects of the class in each picture."""
    detectable: bool = True
    """False where the detector does not know the class: then there is nothing to measure."""


def match(truth: Coco, results: Results, detectable: Sequence[str] = CLASSES) -> list[Matches]:
    """Matches detections to objects by COCOeval's rule, one entry a class of `CLASSES`."""
    evaluation = _evaluate(truth, results, IOU_THRESHOLDS)
    pictures = len(truth["images"])
    found = []
    for index, name in enumerate(CLASSES):
        rows = evaluation.evalImgs[index * pictures : (index + 1) * pictures]
        found.append(_gather(rows, name in detectable))
    return found


def found_objects(truth: Coco, results: Results, iou: float = 0.5) -> set[int]:
    """Ids of the annotations that some detection matches."""
    evaluation = _evaluate(truth, results, np.array([iou]))
    return {
        int(object_id)
        for row in evaluation.evalImgs
        if row is not None
        for object_id, matched in zip(row["gtIds"], row["gtMatches"][0], strict=True)
        if matched
    }


def average_precision(matches: Matches, counts: Ints) -> Floats:
    """AP of one class with every picture counted as often as asked.

    A picture that counts twice stands for two pictures with the same detections; ties in score between
    different pictures are taken in the order of the pictures, as COCOeval does.

    Args:
        matches: the class.
        counts: ``(R, n)``, how often each picture counts in each of R weightings.

    Returns:
        ``(R, T)`` in [0, 1]: the mean precision at 101 recalls; NaN in a weighting without objects of the
        class.
    """
    objects = counts @ matches.objects
    ranked = np.flatnonzero(matches.hits.any(axis=0))
    if not len(ranked) or not matches.detectable:
        lowest = 0.0 if matches.detectable else np.nan
        return np.where(objects > 0, lowest, np.nan)[:, None].repeat(len(IOU_THRESHOLDS), axis=1)
    detections = _detections_up_to(matches, ranked, counts)
    weights = counts[:, matches.pictures[ranked]]
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = [_interpolated(weights * hit, detections, objects) for hit in matches.hits[:, ranked]]
    return np.where(objects[:, None] > 0, np.stack(columns, axis=1), np.nan)


def estimate_precision(
    matches: Sequence[Matches], chosen: NDArray[np.bool_], counts: Ints
) -> tuple[dict[str, Estimate], list[dict[str, Estimate]]]:
    """AP of a choice of pictures and of its resamples.

    Args:
        matches: the classes.
        chosen: ``(n,)``, the pictures that count, such as those taken by night.
        counts: ``(R, n)``, resamples of all pictures.

    Returns:
        ``{"map", "map50"}``, means over the classes that have objects, and ``{"ap", "ap50"}`` for each class.
    """
    weightings = np.vstack([np.ones_like(counts[:1]), counts]) * chosen
    precision = np.stack([average_precision(m, weightings) for m in matches])  # (K, 1 + R, T)
    defined = ~np.isnan(precision)
    with np.errstate(invalid="ignore"):
        over_classes = np.where(defined, precision, 0).sum(axis=0) / defined.sum(axis=0)
    means = {"map": _estimate(over_classes.mean(axis=1)), "map50": _estimate(over_classes[:, 0])}
    return means, [{"ap": _estimate(p.mean(axis=1)), "ap50": _estimate(p[:, 0])} for p in precision]


def best_confidence(matches: Sequence[Matches]) -> float | None:
    """The confidence from which on detections give the best F1 over all classes at IoU 0.5.

    Returns:
        The lowest score that is kept; None where no detection hits an object.
    """
    scores = np.concatenate([m.scores for m in matches])
    hits = np.concatenate([m.hits[0] for m in matches])
    if not hits.any():
        return None
    order = np.argsort(-scores, kind="stable")
    scores, true = scores[order], np.cumsum(hits[order])
    f1 = 2 * true / (np.arange(1, len(scores) + 1) + sum(m.objects.sum() for m in matches))
    last_of_tie = np.append(scores[1:] < scores[:-1], True)
    return float(scores[np.argmax(np.where(last_of_tie, f1, -1))])


def _evaluate(truth: Coco, results: Results, iou_thresholds: Floats) -> COCOeval:
    with contextlib.redirect_stdout(io.StringIO()):
        gold = COCO()
        gold.dataset = copy.deepcopy(truth)
        gold.createIndex()
        found = COCO()
        if results:
            found = gold.loadRes(copy.deepcopy(results))
        else:  # loadRes cannot take an empty list
            found.dataset = {**gold.dataset, "annotations": []}
            found.createIndex()
        evaluation = COCOeval(gold, found, "bbox")
        evaluation.params.iouThrs = iou_thresholds
        evaluation.params.maxDets = [MAX_DETECTIONS]
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.evaluate()
    return evaluation


def _gather(rows: list[dict[str, list[float]] | None], detectable: bool) -> Matches:
    """Joins COCOeval's rows of one class, one a picture, in its own order: by score, ties by picture."""
    scores = np.concatenate([[] if r is None else r["dtScores"] for r in rows])
    empty = np.zeros((len(IOU_THRESHOLDS), 0))
    hits = np.concatenate([empty if r is None else np.asarray(r["dtMatches"]) > 0 for r in rows], axis=1)
    pictures = np.repeat(np.arange(len(rows)), [0 if r is None else len(r["dtScores"]) for r in rows])
    objects = np.array([0 if r is None else len(r["gtIds"]) for r in rows], dtype=np.int64)
    order = np.argsort(-scores, kind="mergesort")
    return Matches(pictures[order], scores[order], hits[:, order].astype(bool), objects, detectable)


def _detections_up_to(matches: Matches, ranked: Ints, counts: Ints) -> Floats:
    """How many detections, weighted, stand at or before each of the ranks: ``(R, len(ranked))``.

    Precision can only peak where a detection hits, so misses need no column of their own.
    """
    per_picture = np.zeros((counts.shape[1], len(ranked) + 1))
    np.add.at(per_picture, (matches.pictures, np.searchsorted(ranked, np.arange(len(matches.scores)))), 1)
    up_to: Floats = counts.astype(float) @ per_picture[:, :-1].cumsum(axis=1)
    return up_to


def _interpolated(true: Ints, detections: Floats, objects: Ints) -> Floats:
    """The mean over 101 recalls of the best precision at that recall or a higher one: ``(R,)``."""
    true = true.cumsum(axis=1)
    recall = true / objects[:, None]
    precision = true / (detections + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.hstack([envelope, np.zeros((len(true), 1))])  # recalls that are never reached count 0
    return np.array([row[np.searchsorted(r, _RECALLS)].mean() for row, r in zip(padded, recall, strict=True)])


def _estimate(values: Floats) -> Estimate:
    return Estimate(None if np.isnan(values[0]) else float(values[0]), values[1:])
