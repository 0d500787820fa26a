"""Average precision for any weighting of the pictures, from one run of COCOeval's matching.

COCOeval, the figure of record, matches detections to objects picture by picture and then accumulates over
the set. The matching does not depend on which other pictures are in the set, so it is done once; the
accumulation is written here for many weightings at once. With all weights one it gives COCOeval's own
figures.

Source: Lin et al., Microsoft COCO, 2014, doi:10.1007/978-3-319-10602-1_48, as in pycocotools 2.0.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from downstream.detection.coco import Coco, Floats, Ints, Results, class_names

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
MAX_DETECTIONS = 100
"""Detections of one class in one picture that COCOeval counts: its own default."""
SIZES = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}
"""COCO's areas of objects in square pixels of the original picture."""
_RECALLS = np.linspace(0, 1, 101)
_EVERYTHING = {"all": (0, 1e10)}


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
    name: str = ""
    """Of the class."""
    detectable: bool = True
    """False where the detector does not know the class: then there is nothing to measure."""
    by_threshold: tuple["Matches", ...] = ()
    """Where crowds are annotated, which detections count changes with the threshold: one entry for each; the rest
    tells of the first."""

    def of(self, chosen: NDArray[np.bool_]) -> "Matches":
        """The same over some of the pictures, chosen by ``(n,)``."""
        among = chosen[self.pictures]
        number = np.cumsum(chosen) - 1
        return replace(
            self,
            pictures=number[self.pictures[among]],
            scores=self.scores[among],
            hits=self.hits[:, among],
            objects=self.objects[chosen],
            by_threshold=tuple(m.of(chosen) for m in self.by_threshold),
        )


def match(truth: Coco, results: Results, detectable: Sequence[str] | None = None) -> list[Matches]:
    """Matches detections to objects by COCOeval's rule, one entry a class of the truth.

    Args:
        truth: the objects.
        results: the detections.
        detectable: the classes that the detector knows; without it, all.
    """
    rows = _evaluate(truth, results, IOU_THRESHOLDS, _EVERYTHING)
    names = class_names(truth)
    matches = [_gather(rows[0, k], slice(None), name, detectable) for k, name in enumerate(names)]
    if not any(a.get("iscrowd") for a in truth["annotations"]):
        return matches
    each = [slice(t, t + 1) for t in range(len(IOU_THRESHOLDS))]
    return [
        replace(m, by_threshold=tuple(_gather(rows[0, k], t, m.name, detectable) for t in each))
        for k, m in enumerate(matches)
    ]


def match_sizes(
    truth: Coco, results: Results, detectable: Sequence[str] | None = None
) -> dict[str, list[list[Matches]]]:
    """The same for objects of each size of `SIZES` alone: size to classes, each with one entry an IoU threshold.

    COCOeval ignores detections that hit an object of another size, or that hit nothing and are of another size
    themselves; which these are changes with the threshold.
    """
    rows = _evaluate(truth, results, IOU_THRESHOLDS, SIZES)
    names = class_names(truth)
    thresholds = [slice(t, t + 1) for t in range(len(IOU_THRESHOLDS))]
    return {
        size: [[_gather(rows[number, k], t, name, detectable) for t in thresholds] for k, name in enumerate(names)]
        for number, size in enumerate(SIZES)
    }


def found_objects(truth: Coco, results: Results, iou: float = 0.5) -> set[int]:
    """Ids of the annotations that some detection matches."""
    return set(matched_objects(truth, results, iou).values())


def matched_objects(truth: Coco, results: Results, iou: float = 0.5) -> dict[int, int]:
    """The annotation that each detection matches: position in the results to id, for those that match one.

    What a detection matches does not depend on less confident ones.
    """
    rows = _evaluate(truth, results, np.array([iou]), _EVERYTHING)
    return {
        int(number) - 1: int(object_id)  # COCO numbers detections from 1
        for row in rows.ravel()
        if row is not None
        for number, object_id in zip(row["dtIds"], row["dtMatches"][0], strict=True)
        if object_id
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
    if matches.by_threshold:
        return np.hstack([average_precision(m, counts) for m in matches.by_threshold])
    objects = counts @ matches.objects
    ranked = np.flatnonzero(matches.hits.any(axis=0))
    if not len(ranked) or not matches.detectable:
        lowest = 0.0 if matches.detectable else np.nan
        return np.where(objects > 0, lowest, np.nan)[:, None].repeat(len(matches.hits), axis=1)
    detections = _detections_up_to(matches, ranked, counts)
    weights = counts[:, matches.pictures[ranked]]
    reached = _recalls_reached(objects)
    columns = [_interpolated(weights * hit, detections, reached) for hit in matches.hits[:, ranked]]
    return np.where(objects[:, None] > 0, np.stack(columns, axis=1), np.nan)


def precision_figures(matches: Sequence[Matches], counts: Ints) -> dict[str, Floats]:
    """AP of a set of pictures for many weightings of them.

    Args:
        matches: the classes.
        counts: ``(R, n)``, how often each picture counts in each of R weightings.

    Returns:
        ``map`` and ``map50``, means over the classes that have objects, and for each class ``ap_CLASS`` and
        ``ap50_CLASS``; each ``(R,)``, NaN where it is not defined.
    """
    precision = np.stack([average_precision(m, counts) for m in matches])  # (K, R, T)
    figures = _over_classes(precision)
    for m, of_class in zip(matches, precision, strict=True):
        figures |= {f"ap_{m.name}": of_class.mean(axis=1), f"ap50_{m.name}": of_class[:, 0]}
    return figures


def size_figures(matches: Sequence[Sequence[Matches]], counts: Ints) -> dict[str, Floats]:
    """``map`` and ``map50`` over the objects of one size of `match_sizes`, for weightings ``(R, n)``: ``(R,)``."""
    return _over_classes(
        np.stack([np.hstack([average_precision(m, counts) for m in of_class]) for of_class in matches])
    )


def best_confidence(matches: Sequence[Matches]) -> float | None:
    """The confidence from which on detections give the best F1 at IoU 0.5 over all classes that are detectable.

    Returns:
        The lowest score that is kept; None where no detection hits an object.
    """
    known = [m for m in matches if m.detectable]
    scores = np.concatenate([m.scores for m in known])
    hits = np.concatenate([m.hits[0] for m in known])
    if not hits.any():
        return None
    order = np.argsort(-scores, kind="stable")
    scores, true = scores[order], np.cumsum(hits[order])
    f1 = 2 * true / (np.arange(1, len(scores) + 1) + sum(m.objects.sum() for m in known))
    last_of_tie = np.append(scores[1:] < scores[:-1], True)
    return float(scores[np.argmax(np.where(last_of_tie, f1, -1))])


def _evaluate(
    truth: Coco, results: Results, iou_thresholds: Floats, areas: Mapping[str, tuple[float, float]]
) -> NDArray[np.object_]:
    """COCOeval's rows ``(areas, classes, pictures)``, None where there is neither object nor detection."""
    from pycocotools.coco import COCO  # here, for it comes with an extra

    from downstream.detection.coco_evaluation import QuickEvaluation

    with contextlib.redirect_stdout(io.StringIO()):
        gold, found = COCO(), COCO()
        # COCOeval writes into the entries.
        gold.dataset = {**truth, "annotations": [dict(a) for a in truth["annotations"]]}
        gold.createIndex()
        # What its loadRes makes of boxes, which takes five times as long and no empty list.
        annotations = [
            {**r, "id": number, "area": r["bbox"][2] * r["bbox"][3], "iscrowd": 0}
            for number, r in enumerate(results, start=1)
        ]
        found.dataset = {**gold.dataset, "annotations": annotations}
        found.createIndex()
        evaluation = QuickEvaluation(gold, found, "bbox")
        evaluation.params.iouThrs = iou_thresholds
        evaluation.params.maxDets = [MAX_DETECTIONS]
        evaluation.params.areaRng = [list(area) for area in areas.values()]
        evaluation.params.areaRngLbl = list(areas)
        evaluation.evaluate()
    rows = np.empty(len(evaluation.evalImgs), dtype=object)
    rows[:] = evaluation.evalImgs
    return rows.reshape(len(truth["categories"]), len(areas), -1).swapaxes(0, 1)


def _gather(rows: NDArray[np.object_], thresholds: slice, name: str, detectable: Sequence[str] | None) -> Matches:
    """Joins COCOeval's rows of one class, one a picture, in its own order: by score, ties by picture."""
    counted = [_counted(row, thresholds) for row in rows]
    scores = np.concatenate([found[0] for found in counted])
    hits = np.concatenate([found[1] for found in counted], axis=1)
    pictures = np.repeat(np.arange(len(rows)), [len(found[0]) for found in counted])
    objects = np.array([found[2] for found in counted], dtype=np.int64)
    order = np.argsort(-scores, kind="mergesort")
    known = detectable is None or name in detectable
    return Matches(pictures[order], scores[order], hits[:, order], objects, name, known)


def _counted(row: Mapping[str, Any] | None, thresholds: slice) -> tuple[Floats, NDArray[np.bool_], int]:
    """Scores and hits of the detections in one picture that count at the first threshold, and how many objects do."""
    if row is None:
        return np.zeros(0), np.zeros((len(IOU_THRESHOLDS[thresholds]), 0), dtype=bool), 0
    counts = ~np.asarray(row["dtIgnore"], dtype=bool)[thresholds][0]
    hits = np.asarray(row["dtMatches"])[thresholds] > 0
    objects = len(row["gtIds"]) - int(np.sum(row["gtIgnore"]))
    return np.asarray(row["dtScores"], dtype=np.float64)[counts], hits[:, counts], objects


def _detections_up_to(matches: Matches, ranked: Ints, counts: Ints) -> Floats:
    """How many detections, weighted, stand at or before each of the ranks: ``(R, len(ranked))``.

    Precision can only peak where a detection hits, so misses need no column of their own.
    """
    per_picture = np.zeros((counts.shape[1], len(ranked) + 1))
    np.add.at(per_picture, (matches.pictures, np.searchsorted(ranked, np.arange(len(matches.scores)))), 1)
    up_to: Floats = counts.astype(float) @ per_picture[:, :-1].cumsum(axis=1)
    return up_to


def _recalls_reached(objects: Ints) -> tuple[Ints, Ints]:
    """How many of the 101 recalls are reached by so many true detections: a table, and the row of each weighting.

    Weightings share few numbers of objects, and looking up is many times faster than comparing recalls.
    """
    totals, rows = np.unique(objects, return_inverse=True)
    true = np.arange(objects.max() + 1)
    return np.searchsorted(_RECALLS, true / np.maximum(totals, 1)[:, None], side="right"), rows


def _interpolated(true: Ints, detections: Floats, reached: tuple[Ints, Ints]) -> Floats:
    """The mean over 101 recalls of the best precision at that recall or a higher one: ``(R,)``.

    A recall that is never reached counts 0.
    """
    true = true.cumsum(axis=1)
    precision = true / (detections + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    table, rows = reached
    recalls = np.diff(table[rows[:, None], true], axis=1, prepend=0)
    mean: Floats = np.einsum("rd,rd->r", envelope, recalls) / len(_RECALLS)
    return mean


def _over_classes(precision: Floats) -> dict[str, Floats]:
    """The mean over the classes that have objects, of ``(K, R, T)``."""
    defined = ~np.isnan(precision)
    with np.errstate(invalid="ignore"):
        means = np.where(defined, precision, 0).sum(axis=0) / defined.sum(axis=0)
    return {"map": means.mean(axis=1), "map50": means[:, 0]}
