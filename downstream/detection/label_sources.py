"""Whose labels: labels drawn on fused pictures may favour fusion, those drawn on one camera's favour that camera.

The same detections are held against every label set of the data set, and whoever reads the figures sees whether the
order of the inputs hangs on them.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from downstream.comparison.estimates import mean_of_defined
from downstream.comparison.standing import order_by_labels
from downstream.datasets.box_files import read_objects
from downstream.datasets.card import UNION
from downstream.datasets.data_set import DataSet
from downstream.detection.coco import Coco, ground_truth
from downstream.detection.label_sets import boxes_of, label_set_name, read_cameras, union_of
from downstream.detection.scores import DetectionScores

_log = logging.getLogger(__name__)


def read_other_truths(data: DataSet, asked: str | None, pictures: Mapping[str, Path]) -> dict[str, Coco]:
    """Reads every other label set that has all of the pictures, and the union of both cameras' sets.

    Args:
        data: the data set.
        asked: the label set that the comparison goes by, as `find_label_set` takes it.
        pictures: picture name to a file of its size, those of the comparison.

    Raises:
        InputError: a label is malformed.
    """
    boxes = boxes_of(data)
    read = {name: read_objects(data, own, pictures) for name, own in boxes.labels.items()}
    if cameras := read_cameras(data, pictures):
        read[UNION] = union_of(cameras, pictures)
    whole = {name: labels for name, labels in read.items() if len(labels) == len(pictures)}
    for name in read.keys() - whole.keys():
        if read[name]:
            _log.info("labels %s are not compared with: they lack %d pictures", name, len(pictures) - len(read[name]))
    current = label_set_name(data, asked)
    return {n: ground_truth(labels, pictures, boxes.names) for n, labels in whole.items() if n != current}


def add_label_sources(
    truths: Mapping[str, Coco],
    current: str,
    scores: Mapping[str, Sequence[DetectionScores]],
    entries: Mapping[str, dict[str, Any]],
    metrics: Sequence[str],
) -> None:
    """Adds to every entry its figures by each label set, as ``label_sources``.

    Args:
        truths: label set to its objects, without the one that the comparison goes by.
        current: that one's name.
        scores: input name to those of each seed.
        entries: input name to its entry.
        metrics: which figures.
    """
    for name, own in scores.items():
        other = {source: _figures(truth, own, metrics) for source, truth in truths.items()}
        entries[name]["label_sources"] = {current: {m: entries[name][m] for m in metrics}, **other}


def label_rows(result: Mapping[str, Any], metric: str, title: str) -> list[str]:
    """One line a label set, and whether the order of the inputs hangs on them; nothing where there is but one."""
    entries = {name: entry.get("label_sources", {}) for name, entry in result["inputs"].items()}
    sources = list(next(iter(entries.values())))
    if len(sources) < 2:
        return []
    figures = {source: {name: own[source][metric] for name, own in entries.items()} for source in sources}
    found = order_by_labels(figures)
    said = "the order of the inputs hangs on the labels" if found["changes"] else "all labels give one order"
    lines = [
        f"{title} by {source}: {', '.join(f'{name} {100 * (figures[source][name] or 0):.1f}' for name in order)}"
        for source, order in found["orders"].items()
    ]
    return [f"{said}:", *lines]


def _figures(truth: Coco, scores: Sequence[DetectionScores], metrics: Sequence[str]) -> dict[str, float | None]:
    whole = np.ones((1, len(truth["images"])), np.int64)
    each = [DetectionScores(truth, s.results, s.detectable).figures(whole) for s in scores]
    means = {metric: float(mean_of_defined(np.stack([own[metric] for own in each]))[0]) for metric in metrics}
    return {metric: None if np.isnan(value) else value for metric, value in means.items()}
