"""Segmentation grids: the masks of a finished comparison as colour maps, one an input."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from downstream.comparison.finished import has_row, read_warning
from downstream.comparison.grids import behind_cameras
from downstream.comparison.inputs import LATE, Comparison
from downstream.report.grids import TRUTH
from downstream.report.panels import make_sheet
from downstream.segmentation.classes import MSRS_CLASSES, PALETTE, read_label
from dwsfusion.images import Array
from dwsfusion.pairs import images_by_stem

IGNORED = "ignored"
_IGNORED_RGB = (255, 255, 255)


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
        late = run / "predictions" / LATE
        if late.is_dir() and has_row(run / "segmentation.json", LATE):
            self._maps = behind_cameras(self._maps, images_by_stem(late)[0])
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


def segmentation_grid(
    maps: Mapping[str, Array], classes: Sequence[str], palette: Array, truth: Array | None = None, note: str = ""
) -> Figure:
    """Shows the classes that a segmenter sees in each input as colours, with a legend on top.

    Args:
        maps: input name to class ids, uint8 ``(H, W)``, all of one size.
        classes: the names of the K classes.
        palette: their colours, uint8 ``(K, 3)``.
        truth: the annotated ids; with them there is a last panel.
        note: a line below everything, such as what forbids to take the maps for a result.

    Raises:
        ImageError: the maps differ in size.
    """
    if truth is not None:
        maps = {**maps, TRUTH: truth}
    legend = [(name.replace("_", " "), tuple(colour)) for name, colour in zip(classes, palette, strict=True)]
    if any((ids >= len(classes)).any() for ids in maps.values()):
        legend.append((IGNORED, _IGNORED_RGB))
    pictures = {name: colour_map(ids, palette) for name, ids in maps.items()}
    # Interpolation would mix colours of two classes into that of a third.
    return make_sheet(pictures, legend=legend, interpolation="none", note=note).figure


def colour_map(ids: Array, palette: Array) -> Array:
    """Paints class ids ``(H, W)`` in colours ``(K, 3)``: uint8 RGB ``(H, W, 3)``, white for ids outside."""
    colours = np.full((256, 3), _IGNORED_RGB, np.uint8)
    colours[: len(palette)] = palette
    return colours[ids]
