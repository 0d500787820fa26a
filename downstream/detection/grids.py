"""Detection grids: the boxes of a finished comparison on every input of a picture."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from downstream.comparison.finished import CURE, has_row, read_json
from downstream.comparison.grids import behind_cameras, read_pictures
from downstream.comparison.inputs import DWSFUSION, LATE, VISIBLE, Comparison
from downstream.detection.boxes import draw_detections, draw_truth
from downstream.detection.coco import CLASSES, Detections, Labels
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
        everything = read_truth(run / "ground_truth.json")
        self._truth = {name: everything[name] for name in comparison.names if name in everything}
        files = {i.name: run / "predictions" / f"{i.name}.json" for i in comparison.inputs}
        late = run / "predictions" / f"{LATE}.json"
        self._found = {name: read_detections(file) for name, file in files.items()}
        self._late = read_detections(late) if late.is_file() and has_row(run / "detection.json", LATE) else None

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
        found = {input_name: by_id.get(image_id, NOTHING) for input_name, by_id in self._found.items()}
        pictures = read_pictures(self._comparison, name)
        if self._late is not None:
            found = behind_cameras(found, self._late.get(image_id, NOTHING))
            pictures = behind_cameras(pictures, pictures[VISIBLE])
        return detection_grid(pictures, found, min_score=self._min_score, truth=truth if self._with_truth else None)


def detection_grid(
    pictures: Mapping[str, Array],
    detections: Mapping[str, Detections],
    *,
    min_score: float = 0.25,
    truth: Labels | None = None,
) -> Figure:
    """Shows what a detector finds in each input.

    Args:
        pictures: input name to uint8 RGB ``(H, W, 3)``, all of one size.
        detections: input name to its boxes in this picture.
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
        draw_detections(sheet.panels[name], shown, (height, width), sheet.px_per_pt)
    if truth is not None:
        draw_truth(sheet.panels[TRUTH], truth)
    return sheet.figure


def read_truth(path: Path) -> dict[str, tuple[int, Labels]]:
    """Reads ``ground_truth.json``: picture name without suffix to its id and its objects, sorted by name.

    Raises:
        InputError: the file is missing, or is no COCO ground truth of our classes.
    """
    coco = read_json(path)
    try:
        objects = _by_picture(coco["annotations"])
        ids = {Path(image["file_name"]).stem: int(image["id"]) for image in coco["images"]}
        return {name: (ids[name], _labels(objects.get(ids[name], ()))) for name in sorted(ids)}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected COCO ground truth in {path}, found {error!r}: {CURE}") from error


def read_detections(path: Path) -> dict[int, Detections]:
    """Reads ``predictions/NAME.json``: picture id to what was found; a picture without any is not there.

    Raises:
        InputError: the file is missing, or holds no COCO results of our classes.
    """
    results = read_json(path)
    try:
        found = {}
        for image_id, entries in _by_picture(results).items():
            labels = _labels(entries)
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


def _labels(entries: Iterable[Mapping[str, Any]]) -> Labels:
    entries = list(entries)
    boxes = np.array([entry["bbox"] for entry in entries], np.float64).reshape(-1, 4)
    classes = np.array([entry["category_id"] for entry in entries], np.int64)
    if not np.isin(classes, range(len(CLASSES))).all():
        known = ", ".join(f"{i} {name}" for i, name in enumerate(CLASSES))
        raise ValueError(f"category ids {sorted(set(classes.tolist()))}, not only {known}")
    return Labels(np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]), classes)
