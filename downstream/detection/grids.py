"""Detection grids: the boxes of a finished comparison on every input of a picture."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from downstream.comparison.finished import CURE, read_json, row_names
from downstream.comparison.grids import panel_names, read_pictures
from downstream.comparison.inputs import DWSFUSION, VISIBLE, Comparison
from downstream.datasets.card import BoxClass
from downstream.datasets.labels import Labels
from downstream.detection.boxes import draw_detections, draw_truth
from downstream.detection.coco import Detections, class_names
from downstream.detection.label_sets import boxes_of
from downstream.report.grids import TRUTH
from downstream.report.panels import make_sheet
from dwsfusion.errors import InputError
from dwsfusion.images import Array

DETECTIONS_PER_ROW = 4
"""Fewer than in the other grids, so that labels of a readable size leave the objects visible."""
NOTHING = Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))


class DetectionGrids:
    """The boxes of a finished detection run.

    Args:
        comparison: the inputs.
        run: the folder with ``ground_truth.json`` and ``predictions/NAME.json``.
        min_score: boxes with a lower score are left out.
        truth: whether to add a panel with the annotated objects.

    Raises:
        InputError: a file of the run is missing or malformed.
    """

    def __init__(self, comparison: Comparison, run: Path, *, min_score: float = 0.25, truth: bool = True) -> None:
        if not 0 <= min_score <= 1:
            raise InputError(f"expected a score between 0 and 1, found {min_score:g}")
        self._comparison, self._min_score, self._with_truth = comparison, min_score, truth
        self._classes = boxes_of(comparison.data).classes
        everything = read_truth(run / "ground_truth.json", [c.name for c in self._classes])
        self._truth = {name: everything[name] for name in comparison.names if name in everything}
        folder, inputs = run / "predictions", [item.name for item in comparison.inputs]
        rows = panel_names(row_names(run / "detection.json"), inputs, lambda row: (folder / f"{row}.json").is_file())
        self._found = {row: read_detections(folder / f"{row}.json", len(self._classes)) for row in rows}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures that can be drawn, sorted."""
        return tuple(self._truth)

    def draw(self, name: str) -> Figure:
        """Draws the grid of one picture.

        Raises:
            ImageError: a file of this picture cannot be used.
        """
        image_id, truth = self._truth[name]
        found = {row: by_id.get(image_id, NOTHING) for row, by_id in self._found.items()}
        pictures = read_pictures(self._comparison, name)
        # What is seen without a picture of its own is shown on the visible one.
        shown = {row: pictures.get(row, pictures[VISIBLE]) for row in found}
        return detection_grid(
            shown, found, self._classes, min_score=self._min_score, truth=truth if self._with_truth else None
        )


def detection_grid(
    pictures: Mapping[str, Array],
    detections: Mapping[str, Detections],
    classes: Sequence[BoxClass],
    *,
    min_score: float = 0.25,
    truth: Labels | None = None,
) -> Figure:
    """Shows what a detector finds in each input.

    Args:
        pictures: input name to uint8 RGB ``(H, W, 3)``, all of one size.
        detections: input name to its boxes in this picture.
        classes: of the data set.
        min_score: boxes with a lower score are left out.
        truth: the annotated objects, for a last panel; it shows DWSFusion's picture where there is one, because
            neither camera alone shows all objects.

    Raises:
        ImageError: the pictures differ in size.
    """
    if truth is not None:
        pictures = {**pictures, TRUTH: pictures.get(DWSFUSION, list(pictures.values())[-1])}
    sheet = make_sheet(pictures, per_row=DETECTIONS_PER_ROW)
    for name, found in detections.items():
        sure = found.scores >= min_score
        shown = Detections(found.boxes_xyxy[sure], found.classes[sure], found.scores[sure])
        height, width = pictures[name].shape[:2]
        draw_detections(sheet.panels[name], shown, classes, (height, width), sheet.px_per_pt)
    if truth is not None:
        draw_truth(sheet.panels[TRUTH], truth, classes)
    return sheet.figure


def read_truth(path: Path, classes: Sequence[str]) -> dict[str, tuple[int, Labels]]:
    """Reads ``ground_truth.json``: picture name to its id and its objects, sorted by name.

    Args:
        path: the file.
        classes: the names of the classes that it must have.

    Raises:
        InputError: the file is missing, or is no COCO ground truth of our classes.
    """
    coco = read_json(path)
    try:
        if class_names(coco) != tuple(classes):
            raise ValueError(f"classes {', '.join(class_names(coco))}, not {', '.join(classes)}")
        objects = _by_picture(coco["annotations"])
        ids = {Path(image["file_name"]).stem: int(image["id"]) for image in coco["images"]}
        return {name: (ids[name], _labels(objects.get(ids[name], ()), len(classes))) for name in sorted(ids)}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected COCO ground truth in {path}, found {error!r}: {CURE}") from error


def read_detections(path: Path, classes: int) -> dict[int, Detections]:
    """Reads ``predictions/NAME.json``: picture id to what was found; a picture without any is not there.

    Args:
        path: the file.
        classes: how many there are.

    Raises:
        InputError: the file is missing, or holds no COCO results of our classes.
    """
    results = read_json(path)
    try:
        found = {}
        for image_id, entries in _by_picture(results).items():
            labels = _labels(entries, classes)
            scores = np.array([entry["score"] for entry in entries], np.float64)
            found[image_id] = Detections(labels.boxes_xyxy, labels.classes, scores)
        return found
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected COCO results in {path}, found {error!r}: {CURE}") from error


def _by_picture(entries: Iterable[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    groups = defaultdict(list)
    for entry in entries:
        groups[int(entry["image_id"])].append(entry)
    return groups


def _labels(entries: Iterable[Mapping[str, Any]], known: int) -> Labels:
    entries = list(entries)
    boxes = np.array([entry["bbox"] for entry in entries], np.float64).reshape(-1, 4)
    classes = np.array([entry["category_id"] for entry in entries], np.int64)
    if not np.isin(classes, range(known)).all():
        raise ValueError(f"category ids {sorted(set(classes.tolist()))}, not only 0 to {known - 1}")
    return Labels(np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]), classes)
