"""Segmentation grids: the masks of a finished comparison as colour maps, one an input."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from downstream.comparison.finished import read_unmeasured, row_names
from downstream.comparison.grids import panel_names
from downstream.comparison.inputs import Comparison
from downstream.datasets.card import Masks
from downstream.datasets.masks import read_mask, read_predicted
from downstream.report.grids import TRUTH
from downstream.report.panels import make_sheet
from dwsfusion.images import Array
from dwsfusion.pairs import images_by_stem

IGNORED = "ignored"
_IGNORED_RGB = (255, 255, 255)


class SegmentationGrids:
    """The colour maps of a finished segmentation run.

    Args:
        comparison: the inputs.
        run: the folder with ``predictions/NAME/PICTURE.png``, class ids.
        masks: the classes of the data set.
        labels: picture to the file of its true mask, where it has one; those get one more panel.

    Raises:
        InputError: an input has no predictions.
    """

    def __init__(self, comparison: Comparison, run: Path, masks: Masks, labels: Mapping[str, Path]) -> None:
        self._masks, self._labels = masks, labels
        folder, inputs = run / "predictions", [item.name for item in comparison.inputs]
        rows = panel_names(row_names(run / "segmentation.json"), inputs, lambda row: (folder / row).is_dir())
        self._maps = {row: images_by_stem(folder / row)[0] for row in rows}
        unmeasured = ", ".join(name.replace("_", " ") for name in read_unmeasured(run / "segmentation.json"))
        self._note = f"not known to the network, and not held against it: {unmeasured}" if unmeasured else ""
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
        maps = {row: read_predicted(files[name], self._masks) for row, files in self._maps.items()}
        truth = read_mask(self._labels[name], self._masks) if name in self._labels else None
        return segmentation_grid(maps, self._masks.names, self._masks.palette, truth, self._note)


def segmentation_grid(
    maps: Mapping[str, Array], classes: Sequence[str], palette: Array, truth: Array | None = None, note: str = ""
) -> Figure:
    """Shows the classes that a segmenter sees in each input as colours, with a legend on top.

    Args:
        maps: input name to class ids, uint8 ``(H, W)``, all of one size.
        classes: the names of the K classes.
        palette: their colours, uint8 ``(K, 3)``.
        truth: the annotated ids; with them there is a last panel.
        note: a line below everything, such as what the network does not know.

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
