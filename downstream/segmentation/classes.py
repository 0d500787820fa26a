"""The classes of MSRS, their colours, and what a network trained on Cityscapes can tell of them."""

import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from downstream.comparison.class_mapping import read_mapping
from dwsfusion.errors import ImageError

Ids = NDArray[np.uint8]
"""Class ids, ``(H, W)``."""

MSRS_CLASSES = ("background", "car", "person", "bike", "curve", "car_stop", "guardrail", "color_cone", "bump")
"""Names by class id. Source: MSRS, https://github.com/Linfeng-Tang/MSRS."""

PALETTE = (
    (0, 0, 0), (64, 0, 128), (64, 64, 0), (0, 128, 192), (0, 0, 192),
    (128, 128, 0), (64, 64, 128), (192, 128, 128), (192, 64, 0),
)  # fmt: skip
"""RGB by class id, as published colour maps of MSRS and MFNet have it."""

IGNORED = 255
"""Marks pixels without truth; any other id outside the classes is treated alike."""

CITYSCAPES_MAPPING = Path(__file__).with_name("cityscapes_to_msrs.json")
"""Cityscapes' 19 classes in the order of their training ids, and the MSRS class that each is counted as.

Its fence is not MSRS's guardrail: Cityscapes has a class "guard rail" of its own, which its 19 leave out.
"""


@functools.cache
def cityscapes_to_msrs(path: Path | None = None) -> Mapping[str, str]:
    """What each of Cityscapes' 19 classes, in the order of their training ids, is counted as.

    Args:
        path: a file that says otherwise for some of them.

    Raises:
        InputError: no such file, or a class that is not known.
    """
    mapping = read_mapping(CITYSCAPES_MAPPING, MSRS_CLASSES)
    return MappingProxyType(mapping | (read_mapping(path, MSRS_CLASSES, mapping) if path else {}))


def msrs_ids(classes: int, mapping: Mapping[str, str] | None = None) -> Ids:
    """The MSRS class id of each output of a network with 9 (MSRS) or 19 (Cityscapes) outputs."""
    if classes == len(MSRS_CLASSES):
        return np.arange(classes, dtype=np.uint8)
    return np.array([MSRS_CLASSES.index(name) for name in (mapping or cityscapes_to_msrs()).values()], dtype=np.uint8)


def hide_classes(truth: Ids, measurable: NDArray[Any]) -> Ids:
    """Marks as ignored what a network cannot name.

    Such pixels are neither right nor wrong: counted as background they would punish a network for what it was
    never taught, and reward one that sees nothing.

    Args:
        truth: class ids ``(H, W)``.
        measurable: the class ids that the network can give.
    """
    return np.where(np.isin(truth, measurable), truth, np.uint8(IGNORED))


def read_label(path: Path) -> Ids:
    """Reads a label picture: uint8 class ids ``(H, W)``; the ids of a palette picture, not its colours.

    Raises:
        ImageError: the file is no readable picture, or has colours in place of class ids.
    """
    try:
        with Image.open(path) as image:
            image.load()
            mode, ids = image.mode, np.asarray(image)
    except (OSError, SyntaxError) as error:
        raise ImageError(f"{path}: not a readable label picture ({error})") from error
    if mode not in ("L", "P"):
        raise ImageError(f"{path}: expected class ids in one 8-bit channel, found mode {mode}")
    return ids


def check_label(label: Ids, size: tuple[int, ...], path: Path) -> None:
    """Refuses a label of another size, (height, width) in pixels, than its picture.

    Raises:
        ImageError: the sizes differ.
    """
    if label.shape != size:
        found, expected = (f"{width}x{height}" for height, width in (label.shape, size))
        raise ImageError(f"{path}: expected a label of its picture's {expected} pixels, found {found}")
