"""The card of a data set: every fact about it that the comparisons need. `card_file` reads one from YAML."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint8]
"""Positions of classes, ``(H, W)`` or ``(K,)``."""
IGNORED = 255
"""Marks pixels without truth, whatever a data set's files have there."""
UNION = "union"
"""The label set that holds what either camera's labels hold."""

BoxFormat = Literal["yolo", "voc", "coco", "kaist"]
Colour = tuple[int, int, int]
"""RGB, 0 to 255."""


@dataclass(frozen=True)
class BoxClass:
    """A class of objects."""

    name: str
    number: int
    """What YOLO files call it."""
    names: tuple[str, ...]
    """What other files call it."""
    detectors: tuple[str, ...]
    """The classes of a detector that count as it; case does not matter."""
    colour: Colour


@dataclass(frozen=True)
class LabelSet:
    """Boxes that were drawn by one rule."""

    format: BoxFormat
    path: str
    """Pattern of the label file of a picture, or of the one file of all."""


@dataclass(frozen=True)
class Boxes:
    """The objects of a data set."""

    classes: tuple[BoxClass, ...]
    labels: Mapping[str, LabelSet]
    """Name to label set; the first that is there is the default."""
    cameras: tuple[str, str] | None = None
    """The label sets drawn on infrared alone and on visible alone."""
    ignored: tuple[str, ...] = ()
    """Names or numbers in the files of regions where nothing is held against a detector."""
    left_out: tuple[str, ...] = ()
    """Names or numbers in the files of objects that do not count at all."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, in their order."""
        return tuple(c.name for c in self.classes)

    def detector_mapping(self) -> dict[str, str]:
        """The classes of detectors, in small letters, to those that they count as."""
        return {theirs.lower(): c.name for c in self.classes for theirs in c.detectors}


@dataclass(frozen=True)
class MaskClass:
    """A class of pixels."""

    name: str
    number: int
    """Its id in the files."""
    colour: Colour
    networks: tuple[str, ...]
    """The classes of Cityscapes that count as it."""


@dataclass(frozen=True)
class Masks:
    """The masks of a data set."""

    path: str
    """Pattern of the mask of a picture."""
    classes: tuple[MaskClass, ...]
    ignored: tuple[int, ...] = (IGNORED,)
    """Ids in the files of pixels without truth."""
    coloured: bool = False
    """Whether the files hold the colours of the classes in place of their ids."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, in their order."""
        return tuple(c.name for c in self.classes)

    @property
    def palette(self) -> Ids:
        """RGB of the classes, uint8 ``(K, 3)``."""
        return np.array([c.colour for c in self.classes], np.uint8)

    @property
    def numbers(self) -> Ids:
        """The id of each class in files, ``(K,)``."""
        return np.array([c.number for c in self.classes], np.uint8)

    def cityscapes_mapping(self) -> dict[str, str]:
        """The classes of Cityscapes to those that they count as."""
        return {theirs: c.name for c in self.classes for theirs in c.networks}


@dataclass(frozen=True)
class Group:
    """Some of the pictures: those whose name fits, or those of a list."""

    names: tuple[str, ...] = ()
    """Each with ``*`` for anything."""
    list: str = ""
    """Pattern of a text file with a name a line."""


@dataclass(frozen=True)
class Layout:
    """Where the pictures lie, by paths below the data root. ``{split}`` and ``{name}`` stand for what varies, and so
    does any other word in braces, of which names and scenes can be made."""

    infrared: str = ""
    """Pattern; without it the plain layout: a folder of each camera in ``ROOT/SPLIT`` or in ROOT."""
    visible: str = ""
    four_channels: str = ""
    """Pattern of pictures whose fourth channel is infrared, in place of the other two."""
    name: str = "{name}"
    """What a picture is called."""
    list: str = ""
    """Pattern of a text file with the names of a split; where it is not there, all pictures count."""
    splits: Mapping[str, str] = field(default_factory=dict)
    """What this data set calls its splits."""


@dataclass(frozen=True)
class Card:
    """What is known of a data set."""

    name: str
    about: str = ""
    sources: tuple[str, ...] = ()
    """Where these facts are from."""
    checked: str = ""
    """On what they were tried."""
    layout: Layout = field(default_factory=Layout)
    boxes: Boxes | None = None
    masks: Masks | None = None
    groups: Mapping[str, Group] = field(default_factory=dict)
    scene: str = ""
    """Template of the scene of a picture: its frames are not independent of each other."""
    file: Path | None = None


def positions(names: Sequence[str], chosen: Collection[str]) -> list[int]:
    """Where some classes stand among all."""
    return [i for i, name in enumerate(names) if name in chosen]
