"""Qualitative grids, one panel an input: fused pictures with enlarged details, detections, colour maps.

The functions take arrays and give a figure; `downstream.report.export` reads and writes the files.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from downstream.comparison.inputs import DWSFUSION
from downstream.detection.boxes import draw_detections, draw_truth
from downstream.detection.coco import Detections, Labels
from downstream.report.insets import Region, draw_zooms
from downstream.report.panels import make_sheet
from dwsfusion.images import Array

TRUTH = "Ground truth"
DETECTIONS_PER_ROW = 4
"""Fewer than in the other grids, so that labels of a readable size leave the objects visible."""
IGNORED = "ignored"
_IGNORED_RGB = (255, 255, 255)


def fusion_grid(pictures: Mapping[str, Array], zooms: Sequence[Region] = ()) -> Figure:
    """Shows the inputs of one scene, with the same details enlarged in all of them.

    Args:
        pictures: input name to uint8 RGB ``(H, W, 3)``, all of one size.
        zooms: up to two boxes to enlarge.

    Raises:
        ImageError: the pictures differ in size.
    """
    sheet = make_sheet(pictures)
    for name, picture in pictures.items():
        draw_zooms(sheet.panels[name], picture, zooms)
    return sheet.figure


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
