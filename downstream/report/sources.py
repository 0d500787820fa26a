"""What grids are drawn from: a comparison's pictures, and what a finished detection or segmentation wrote."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure

from downstream.comparison.finished import read_detections, read_truth, read_warning
from downstream.comparison.inputs import INFRARED, VISIBLE, Comparison
from downstream.detection.coco import Detections
from downstream.report.grids import detection_grid, fusion_grid, segmentation_grid
from downstream.report.insets import Region, check_zooms, choose_zooms
from downstream.segmentation.classes import MSRS_CLASSES, PALETTE, read_label
from dwsfusion.errors import InputError
from dwsfusion.images import Array, read_image, rgb_array
from dwsfusion.pairs import images_by_stem

NOTHING = Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
_log = logging.getLogger(__name__)


class Grids(Protocol):
    """Draws the grid of one picture after another."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures that can be drawn, sorted."""

    def draw(self, name: str) -> Figure:
        """Draws the grid of one picture.

        Raises:
            ImageError: a file of this picture cannot be used.
        """


@dataclass(frozen=True)
class FusionGrids:
    """The inputs themselves, with details enlarged."""

    comparison: Comparison
    zooms: Sequence[Region] = ()
    """What to enlarge in every picture; without it, what each camera of a picture sees alone."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures that can be drawn, sorted."""
        return self.comparison.names

    def draw(self, name: str) -> Figure:
        """Draws the grid of one picture.

        Raises:
            ImageError: a file of this picture cannot be used.
            InputError: a zoom box does not fit the picture.
        """
        pictures = _read_pictures(self.comparison, name)
        zooms = self.zooms or choose_zooms(pictures[INFRARED], pictures[VISIBLE])
        check_zooms(zooms, pictures[VISIBLE].shape[:2])
        _log.info("%s: zoom %s", name, " ".join(map(str, zooms)) or "nothing")
        return fusion_grid(pictures, zooms)


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
        self._found = {i.name: read_detections(run / "predictions" / f"{i.name}.json") for i in comparison.inputs}

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
        pictures = _read_pictures(self._comparison, name)
        return detection_grid(pictures, found, min_score=self._min_score, truth=truth if self._with_truth else None)


class SegmentationGrids:
    """The colour maps of a finished segmentation run.

    Args:
        comparison: the inputs.
        run: the folder with ``predictions/NAME/PICTURE.png``, class ids.
        labels: the folder of true class ids; a picture that has them gets one more panel. None for no panel.

    Raises:
        InputError: an input has no predictions.
    """

    def __init__(self, comparison: Comparison, run: Path, labels: str | None) -> None:
        self._labels = comparison.root / labels if labels is not None else None
        self._maps = {i.name: images_by_stem(run / "predictions" / i.name)[0] for i in comparison.inputs}
        self._note = read_warning(run / "segmentation.json")
        shared = set(comparison.names).intersection(*self._maps.values())
        self._names = tuple(sorted(shared))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures that can be drawn, sorted."""
        return self._names

    def draw(self, name: str) -> Figure:
        """Draws the grid of one picture.

        Raises:
            ImageError: a file of this picture cannot be used.
        """
        maps = {input_name: read_label(files[name]) for input_name, files in self._maps.items()}
        label = self._labels / f"{name}.png" if self._labels is not None else None
        truth = read_label(label) if label is not None and label.is_file() else None
        return segmentation_grid(maps, MSRS_CLASSES, np.array(PALETTE, np.uint8), truth, self._note)


def _read_pictures(comparison: Comparison, name: str) -> dict[str, Array]:
    return {item.name: rgb_array(read_image(item.files[name])) for item in comparison.inputs}
