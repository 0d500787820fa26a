"""What a report shows of a task beside its JSON: curves, boxes, matrices, and the counts that figures follow from."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from downstream.benchmark import detection_details, segmentation_details
from downstream.benchmark.config import AnyTask
from downstream.benchmark.packed import pack
from downstream.comparison.differences import MIN_PICTURES
from downstream.comparison.finished import read_json
from downstream.comparison.inputs import VISIBLE
from downstream.comparison.scenes import scenes_of
from downstream.comparison.uncertainty import resample_counts
from downstream.detection.scores import DetectionScores
from downstream.segmentation.scores import ConfusionScores


def task_details(task: type[AnyTask], folder: Path, told: Mapping[str, str] | None) -> dict[str, Any]:
    """What the folder of a finished comparison tells of each picture and of what was seen in it.

    Args:
        task: whose scores, where they are of a kind known here, are told in full.
        folder: its output folder.
        told: the scene of each picture; None where pictures are taken as independent.

    Raises:
        InputError: the comparison is not there or is not finished.
    """
    result = read_json(folder / f"{task.name}.json")
    names, scores = task.reopen(folder, list(result["inputs"]))
    own: dict[str, Any] = {"names": list(names), "changes": _changes(folder / "pictures.csv", names)}
    first = next(iter(scores.values()))[0]
    if isinstance(first, DetectionScores):
        own |= detection_details.tell(result, scores)
    elif isinstance(first, ConfusionScores):
        own |= segmentation_details.tell(result, scores)
    if "counts" in own:
        own["counts"] |= {**_draws(result, names, told, len(scores[VISIBLE])), "by_objects": task.by_objects}
    return own


def _draws(
    result: Mapping[str, Any], names: Sequence[str], told: Mapping[str, str] | None, seeds: int
) -> dict[str, Any]:
    """The draws of the pictures and, with several seeds, of what training alone does; and when there is no verdict."""
    bootstrap = result["protocol"]["bootstrap"]
    resamples = bootstrap["resamples"]
    drawn = {"draws": pack(resample_counts(len(names), resamples, bootstrap["seed"], scenes_of(names, told)))}
    noise = {"noise": pack(np.random.default_rng(seeds).standard_normal((resamples, seeds)))} if seeds > 1 else {}
    return {**drawn, **noise, "least_units": MIN_PICTURES, "trained": "training" in result["protocol"]}


def _changes(path: Path, names: Sequence[str]) -> dict[str, list[float | None]]:
    """How much better each picture is in each fused input than in the best camera, in the order of the names."""
    changes: dict[str, dict[str, float | None]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            changes.setdefault(row["input"], {})[row["image"]] = float(row["change"]) if row["change"] else None
    return {name: [own.get(picture) for picture in names] for name, own in changes.items()}
