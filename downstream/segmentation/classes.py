"""What the outputs of a network count as in a data set's classes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from downstream.comparison.class_mapping import check_classes, read_mapping
from downstream.datasets.card import IGNORED, Ids, Masks

CITYSCAPES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
"""Cityscapes' classes in the order of their training ids."""


def cityscapes_mapping(masks: Masks, path: Path | None = None) -> dict[str, str]:
    """What each of Cityscapes' 19 classes counts as; what no class of the data set claims, as its first, background.

    Args:
        masks: the classes of the data set, and what it says.
        path: a file that says otherwise for some of them.

    Raises:
        InputError: no such file, or a class that is not known.
    """
    said = masks.cityscapes_mapping()
    check_classes(said, CITYSCAPES, Path("the card of the data set"))
    mapping = said | (read_mapping(path, masks.names, CITYSCAPES) if path else {})
    return {name: mapping.get(name, masks.names[0]) for name in CITYSCAPES}


def output_ids(classes: int, masks: Masks, mapping: Mapping[str, str]) -> Ids:
    """The position of each output of a network among the classes of a data set, ``(classes,)``.

    Args:
        classes: the number of outputs: those of the data set itself, or Cityscapes' 19.
        masks: the classes of the data set.
        mapping: what those of Cityscapes count as.
    """
    if classes == len(masks.classes):
        return np.arange(classes, dtype=np.uint8)
    return np.array([masks.names.index(mapping[name]) for name in CITYSCAPES], dtype=np.uint8)


def hide_classes(truth: Ids, measurable: NDArray[Any]) -> Ids:
    """Marks as ignored what a network cannot name.

    Such pixels are neither right nor wrong: counted as background they would punish a network for what it was
    never taught, and reward one that sees nothing.

    Args:
        truth: class ids ``(H, W)``.
        measurable: the class ids that the network can give.
    """
    return np.where(np.isin(truth, measurable), truth, np.uint8(IGNORED))
