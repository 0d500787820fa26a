"""The networks that look at the pictures, and what they see as plain values for the page."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from downstream.app.config import AppConfig
from downstream.datasets.card import Boxes, Card, Ids, Masks
from downstream.detection.coco import Results, results_of
from downstream.detection.config import SAMPLE_SIZE_PX
from downstream.detection.late import pool
from downstream.detection.model_files import SAMPLE_DETECTOR
from downstream.detection.yolo import YoloDetector
from downstream.report.encoding import coloured_mask, data_url, hex_colours
from downstream.segmentation.deeplab import Segmenter
from downstream.segmentation.networks import load_segmenter
from dwsfusion.errors import InputError
from dwsfusion.images import read_image

MIN_SCORE = 0.05
"""Less sure boxes are not sent to the page."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Detector:
    """A detector with the classes that it is asked for."""

    network: YoloDetector
    boxes: Boxes

    def see(self, pictures: Iterable[Path]) -> list[Results]:
        """What is found in each picture, as COCO's results."""
        return [results_of([found]) for found in self.network.predict(pictures)]

    def late(self, infrared: Results, visible: Results) -> Results:
        """Late fusion of what was found in both cameras."""
        return list(pool([*infrared, *visible]))

    def told(self) -> dict[str, Any]:
        """Its name and classes."""
        classes = _classes(self.boxes.names, [c.colour for c in self.boxes.classes])
        return {"name": self.network.file.name, "classes": classes, "known": list(self.network.detectable)}


@dataclass(frozen=True)
class Segmentation:
    """A segmenter with the classes that it is asked for."""

    network: Segmenter
    masks: Masks
    name: str

    def see(self, pictures: Iterable[Path]) -> list[Ids]:
        """The class ids ``(H, W)`` of each picture."""
        return [self.network.predict(read_image(picture)) for picture in pictures]

    def late(self, infrared: Path, visible: Path) -> Ids:
        """Late fusion: of the mean of what it thinks of both cameras' pictures."""
        return self.network.predict_late(read_image(infrared), read_image(visible))

    def told(self) -> dict[str, Any]:
        """Its name and classes."""
        classes = _classes(self.masks.names, [c.colour for c in self.masks.classes])
        known = {self.masks.names[i] for i in self.network.ids}
        return {"name": self.name, "classes": classes, "known": [n for n in self.masks.names if n in known]}

    def drawn(self, ids: Ids) -> str:
        """A mask as an address that holds it."""
        return data_url("png", coloured_mask(ids, hex_colours([c.colour for c in self.masks.classes])))


def given_detector(config: AppConfig, card: Card, device: torch.device) -> Detector | None:
    """The detector that was asked for; None where none was.

    Raises:
        InputError: it cannot be used, or the data set knows no objects.
    """
    if config.detector is None:
        return None
    if card.boxes is None:
        raise InputError(
            f"the card of {card.name} names no classes of objects: leave out --detector, or choose another"
        )
    return Detector(YoloDetector(config.detector, device, card.boxes, config.image_size), card.boxes)


def sample_detector(card: Card, device: torch.device) -> Detector | None:
    """The small detector of the sample scenes; None where it is not here, or nothing that could run it."""
    if card.boxes is None:
        return None
    try:
        return Detector(YoloDetector(SAMPLE_DETECTOR, device, card.boxes, SAMPLE_SIZE_PX), card.boxes)
    except (InputError, ModuleNotFoundError) as error:
        _log.info("no detector for the sample scenes: %s", error)
        return None


def given_segmenter(config: AppConfig, card: Card, device: torch.device) -> Segmentation | None:
    """The segmenter that was asked for; None where none was.

    Raises:
        InputError: it cannot be used, or the data set knows no classes of pixels.
    """
    if config.segmenter is None:
        return None
    if card.masks is None:
        raise InputError(
            f"the card of {card.name} names no classes of pixels: leave out --segmenter, or choose another"
        )
    return Segmentation(load_segmenter(config.segmenter, device, card.masks), card.masks, config.segmenter.name)


def shown_boxes(results: Results) -> list[list[float]]:
    """``[class, left, top, width, height, score]`` of what is sure enough to be shown, the surest first."""
    sure = [r for r in results if r["score"] >= MIN_SCORE]
    return [[r["category_id"], *r["bbox"], r["score"]] for r in sorted(sure, key=lambda r: -r["score"])]


def _classes(names: Iterable[str], colours: list[tuple[int, int, int]]) -> list[dict[str, str]]:
    return [{"name": name, "colour": c} for name, c in zip(names, hex_colours(colours), strict=True)]
