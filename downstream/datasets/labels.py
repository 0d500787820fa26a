"""The objects of pictures, whatever kind of file they stand in."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from downstream.datasets.card import Boxes
from dwsfusion.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
HAIR = 0.01
"""A value may leave the picture by so much of its side, as rounding makes it, and is clipped; not by more."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labels:
    """The annotated objects of one picture."""

    boxes_xyxy: Floats
    """``(N, 4)``: left, top, right, bottom in pixels."""
    classes: Ints
    """``(N,)``: positions in the classes of the card."""
    crowd: Bools = field(default_factory=lambda: np.zeros(0, bool))
    """``(N,)``: regions where a detection of the class counts neither way; without it, none is."""
    clipped: int = 0
    """How many boxes reached past the picture."""
    doubled: int = 0
    """How many rows stood twice."""

    def __post_init__(self) -> None:
        """Fills in that nothing is a crowd."""
        if len(self.crowd) != len(self.classes):
            object.__setattr__(self, "crowd", np.zeros(len(self.classes), bool))

    @property
    def single(self) -> "Labels":
        """The objects without the crowds."""
        kept = ~self.crowd
        return Labels(self.boxes_xyxy[kept], self.classes[kept], clipped=self.clipped, doubled=self.doubled)

    def of(self, classes: Sequence[int]) -> "Labels":
        """Those of some classes, given by their positions."""
        kept = np.isin(self.classes, classes)
        return Labels(self.boxes_xyxy[kept], self.classes[kept], self.crowd[kept], self.clipped, self.doubled)


@dataclass(frozen=True)
class Row:
    """One object as it stands in a file."""

    kind: str
    """The name or the number of its class."""
    box_xyxy: tuple[float, float, float, float]
    """In pixels."""
    where: str
    """File and line, for messages."""
    crowd: bool = False


def labels_of(rows: Sequence[Row], boxes: Boxes, size: tuple[int, int]) -> Labels:
    """Puts the objects of a picture together: clipped to it, equal ones once, each of a class of the card.

    Args:
        rows: the objects.
        boxes: the classes.
        size: height and width of the picture in pixels.

    Raises:
        InputError: a box lies outside or has no extent, or a class is not known.
    """
    known, all_classes = _numbering(boxes), range(len(boxes.classes))
    found: list[tuple[float, ...]] = []
    clipped = 0
    for row in rows:
        box, cut = _clip(row, size)
        clipped += cut
        if row.kind in boxes.left_out:
            continue
        if row.kind in boxes.ignored:
            found += [(*box, position, True) for position in all_classes]
        elif (position := known.get(row.kind, known.get(row.kind.lower(), -1))) >= 0:
            found.append((*box, position, row.crowd))
        else:
            raise InputError(
                f"{row.where}: expected a class of {', '.join(known)}, found {row.kind}: correct the label, or the card"
            )
    kept = list(dict.fromkeys(found))
    values = np.array(kept, np.float64).reshape(-1, 6)
    crowd = values[:, 5].astype(bool)
    return Labels(values[:, :4].copy(), values[:, 4].astype(np.int64), crowd, clipped, len(found) - len(kept))


def report(labels: Mapping[str, Labels], what: str) -> dict[str, int]:
    """Says how many boxes were clipped and dropped, and gives it as a protocol has it."""
    counts = {kind: sum(getattr(own, kind) for own in labels.values()) for kind in ("clipped", "doubled")}
    if any(counts.values()):
        said = f"{counts['clipped']} boxes clipped to their picture, {counts['doubled']} equal rows dropped"
        _log.warning("%s: %s", what, said)
    return counts


def read_text(path: Path, what: str) -> str:
    """Reads a label file of text.

    Args:
        path: the file.
        what: what is expected there.

    Raises:
        InputError: it is no readable text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"expected {what} at {path}, found: {error}") from error


def _numbering(boxes: Boxes) -> dict[str, int]:
    """Names and numbers of the files to positions of the card's classes; exact ones before those in small letters."""
    numbers = {str(c.number): i for i, c in enumerate(boxes.classes)}
    exact = {name: i for i, c in enumerate(boxes.classes) for name in c.names}
    return {name.lower(): i for name, i in exact.items()} | exact | numbers


def _clip(row: Row, size: tuple[int, int]) -> tuple[tuple[float, float, float, float], bool]:
    height, width = size
    left, top, right, bottom = row.box_xyxy
    inside = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    if not (np.isfinite(row.box_xyxy).all() and inside[0] < inside[2] and inside[1] < inside[3]):
        shown = ", ".join(f"{value:g}" for value in row.box_xyxy)
        raise InputError(
            f"{row.where}: expected a box with some extent in the picture of {width}x{height} pixels, found {shown} "
            "(left, top, right, bottom in pixels)"
        )
    cut = any(abs(a - b) > 1e-6 * max(size) for a, b in zip(inside, row.box_xyxy, strict=True))
    return inside, cut
