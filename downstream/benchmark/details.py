"""What a report shows of a task beside its JSON: curves, boxes, matrices, and the counts that figures follow from."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from downstream.benchmark import detection_details, segmentation_details
from downstream.benchmark.config import AnyTask
from downstream.benchmark.packed import pack
from downstream.comparison.finished import read_json
from downstream.comparison.uncertainty import resample_counts
from downstream.detection.scores import DetectionScores
from downstream.segmentation.scores import ConfusionScores


def task_details(task: type[AnyTask], folder: Path) -> dict[str, Any]:
    """What the folder of a finished comparison tells of each picture and of what was seen in it.

    Args:
        task: whose scores, where they are of a kind known here, are told in full.
        folder: its output folder.

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
        bootstrap = result["protocol"]["bootstrap"]
        own["counts"]["draws"] = pack(resample_counts(len(names), bootstrap["resamples"], bootstrap["seed"]))
    return own


def _changes(path: Path, names: Sequence[str]) -> dict[str, list[float | None]]:
    """How much better each picture is in each fused input than in the best camera, in the order of the names."""
    changes: dict[str, dict[str, float | None]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            changes.setdefault(row["input"], {})[row["image"]] = float(row["change"]) if row["change"] else None
    return {name: [own.get(picture) for picture in names] for name, own in changes.items()}
