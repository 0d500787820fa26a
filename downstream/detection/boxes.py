"""Boxes on a panel: what a detector found, with class and score, and what is really there."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from downstream.datasets.card import BoxClass
from downstream.datasets.labels import Labels
from downstream.detection.coco import Detections
from downstream.report.panels import ink, text_width_pt

LABEL_PT = 5.0
_LABEL_FONT = FontProperties(family=["DejaVu Sans"])
_LABEL_HEIGHT_PT, _LABEL_PAD_PT = 6.2, 0.9
_BOX_PT, _TRUTH_PT, _LEADER_PT = 0.9, 0.7, 0.5
_MAX_STEPS = 6

Box = NDArray[np.float64]
"""Left, top, right, bottom in pixels."""


def draw_detections(
    panel: Axes, found: Detections, classes: Sequence[BoxClass], size: tuple[int, int], px_per_pt: float
) -> None:
    """Draws boxes with labels such as ``person 0.91``; a surer one lies over a less sure one.

    Args:
        panel: axes in pixel coordinates.
        found: the boxes to draw.
        classes: of the data set, with their colours.
        size: height and width of the picture in pixels; no label leaves it.
        px_per_pt: picture pixels a printer's point.
    """
    order = np.argsort(-found.scores, kind="stable")
    texts = [f"{classes[found.classes[i]].name} {found.scores[i]:.2f}" for i in order]
    boxes = found.boxes_xyxy[order]
    labels = place_labels(boxes, [_label_size(text, px_per_pt) for text in texts], size)
    for rank, (index, text, label) in enumerate(zip(order, texts, labels, strict=True)):
        colour = _hex(classes[found.classes[index]])
        above = 1 - rank / len(order)
        panel.add_patch(_outline(boxes[rank], colour, _BOX_PT, "solid", 2 + above))
        _draw_leader(panel, boxes[rank], label, colour, 2 + above)
        _draw_label(panel, text, label, colour, 4 + above)


def draw_truth(panel: Axes, truth: Labels, classes: Sequence[BoxClass]) -> None:
    """Draws the annotated objects as thin dashed boxes in the colours of their classes."""
    for box, category in zip(truth.boxes_xyxy, truth.classes, strict=True):
        panel.add_patch(_outline(box, _hex(classes[category]), _TRUTH_PT, (0, (3, 1.5)), 2))


def place_labels(boxes: Box, label_sizes: Sequence[tuple[float, float]], size: tuple[int, int]) -> list[Box]:
    """Finds a place at its box for each label: in the picture, off other labels, off boxes if it can.

    Args:
        boxes: ``(N, 4)``, the most important first: it has the first choice.
        label_sizes: width and height of each label in pixels.
        size: height and width of the picture in pixels.

    Returns:
        The labels' boxes, in the same order.
    """
    placed: list[Box] = []
    for box, label_size in zip(boxes, label_sizes, strict=True):
        detours, places = zip(*_places(box, label_size, size), strict=True)
        # Labels over labels cannot be read; a hidden object is worse than a label some way off.
        costs = [
            100 * _covered(place, placed) + 4 * _covered(place, boxes) + detour
            for detour, place in zip(detours, places, strict=True)
        ]
        placed.append(places[int(np.argmin(np.round(costs, 6)))])
    return placed


def _hex(category: BoxClass) -> str:
    return "#{:02x}{:02x}{:02x}".format(*category.colour)


def _label_size(text: str, px_per_pt: float) -> tuple[float, float]:
    width = text_width_pt(text, LABEL_PT, _LABEL_FONT) + 2 * _LABEL_PAD_PT
    return width * px_per_pt, _LABEL_HEIGHT_PT * px_per_pt


def _places(box: Box, label_size: tuple[float, float], size: tuple[int, int]) -> Iterator[tuple[float, Box]]:
    """Places for a label above and below its box, moved into the picture, each after the detour it means."""
    (left, top, right, bottom), (width, height) = box, label_size
    for step in range(_MAX_STEPS):
        for y in (top - (1 + step) * height, bottom + step * height):
            for x, aside in ((left, 0.0), (right - width, 0.0), (right, 0.3), (left - width, 0.3)):
                x_in = max(0.0, min(x, size[1] - width))
                y_in = max(0.0, min(y, size[0] - height))
                yield 0.5 * step + aside, np.array([x_in, y_in, x_in + width, y_in + height])


def _covered(place: Box, others: Sequence[Box] | Box) -> float:
    """How much of other boxes a place covers: the sum of their shares."""
    if not len(others):
        return 0.0
    boxes = np.asarray(others)
    sides = np.minimum(place[2:], boxes[:, 2:]) - np.maximum(place[:2], boxes[:, :2])
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return float((sides.clip(0).prod(axis=1) / np.maximum(areas, 1)).sum())


def _draw_leader(panel: Axes, box: Box, label: Box, colour: str, zorder: float) -> None:
    """Ties a label that stands off its box to it."""
    gap = max(box[1] - label[3], label[1] - box[3])
    if gap <= 1:
        return
    x = [np.clip((box[0] + box[2]) / 2, label[0], label[2]), (box[0] + box[2]) / 2]
    y = [label[3], box[1]] if label[3] < box[1] else [label[1], box[3]]
    panel.plot(x, y, color=colour, linewidth=_LEADER_PT, zorder=zorder, scalex=False, scaley=False)


def _outline(box: Box, colour: str, line_pt: float, style: object, zorder: float) -> Rectangle:
    left, top, right, bottom = (float(v) for v in box)
    return Rectangle(
        (left, top), right - left, bottom - top, fill=False, edgecolor=colour,
        linewidth=line_pt, linestyle=style, zorder=zorder,
    )  # fmt: skip


def _draw_label(panel: Axes, text: str, label: Box, colour: str, zorder: float) -> None:
    left, top, right, bottom = (float(v) for v in label)
    panel.add_patch(
        Rectangle((left, top), right - left, bottom - top, facecolor=colour, edgecolor="none", zorder=zorder)
    )
    panel.text(
        (left + right) / 2, (top + bottom) / 2, text, color=ink(colour), fontproperties=_LABEL_FONT,
        fontsize=LABEL_PT, ha="center", va="center_baseline", zorder=zorder, clip_on=True,
    )  # fmt: skip
