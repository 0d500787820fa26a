"""Fuses a pair, lets the networks look at both cameras and the fused picture, and tells it in plain values."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from downstream.app.config import AppConfig
from downstream.app.guard import BODY_TYPE
from downstream.app.networks import (
    Detector,
    Segmentation,
    given_detector,
    given_segmenter,
    sample_detector,
    shown_boxes,
)
from downstream.app.uploads import INFRARED, MAX_BYTES, VISIBLE
from downstream.comparison.inputs import LATE
from downstream.datasets.card import Card
from downstream.datasets.cards import choose_card, msrs
from downstream.detection.coco import Results
from downstream.report.encoding import data_url, webp
from dwsfusion.devices import pick_device
from dwsfusion.errors import InputError
from dwsfusion.fusing import Fuser
from dwsfusion.images import Array, grey_array, raw_span, rgb_array, write_png
from dwsfusion.pairs import Pair

FUSED = "fused"
_METHODS = {"dwsfusion": "DWSFusion", "max": "Maximum", "mean": "Mean"}
_QUALITY = 90
Range = tuple[float, float]


class Looker:
    """Everything that is loaded once.

    Args:
        config: what was asked.

    Raises:
        InputError: a network cannot be used.
    """

    def __init__(self, config: AppConfig) -> None:
        config.check()
        self._config, self._device = config, pick_device(config.device)
        self._card: Card = choose_card(Path(), config.data_set) if config.data_set else msrs()
        self._titles = dict(_METHODS)
        self._fusers = {name: Fuser.from_pretrained(name, self._device) for name in _METHODS}
        if config.weights is not None:
            self._fusers["weights"] = Fuser.from_pretrained(config.weights, self._device)
            self._titles["weights"] = f"DWSFusion, {config.weights.name}"
        for fuser in self._fusers.values():  # compiles what must be, so that the first pair of a user does not wait
            fuser.fuse(np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3), np.uint8))
        self._detector = given_detector(config, self._card, self._device)
        self._segmenter = given_segmenter(config, self._card, self._device)
        self._of_sample: Detector | None = None
        self._asked_for_sample = False

    def choices(self) -> dict[str, Any]:
        """What can be chosen, and who looks."""
        low_high = list(self._config.ir_range) if self._config.ir_range else None
        return {
            "methods": [{"name": name, "title": title} for name, title in self._titles.items()],
            "detector": self._detector.told() if self._detector else None,
            "segmenter": self._segmenter.told() if self._segmenter else None,
            "ir_range": low_high,
            "most_bytes": MAX_BYTES,
            "body_type": BODY_TYPE,
        }

    def look(
        self, pair: Pair, method: str, folder: Path, ir_range: Range | None = None, *, sample: bool = False
    ) -> dict[str, Any]:
        """Fuses a pair and lets the networks look.

        Args:
            pair: the pictures.
            method: one of the names that `choices` gives.
            folder: where files may lie as long as this takes.
            ir_range: the infrared counts to show as black and white; without it as the command was told.
            sample: whether the pair is a sample scene.

        Raises:
            InputError: there is no such method.
            ImageError: a picture cannot be used.
        """
        if method not in self._fusers:
            raise InputError(f"expected a method of {', '.join(self._fusers)}, found {method!r}")
        ir_range = ir_range or self._config.ir_range
        ir, vis = pair.read()
        start = time.perf_counter()
        fused = self._fusers[method].fuse(ir, vis, ir_range)
        fusion_ms = 1000 * (time.perf_counter() - start)
        files = {INFRARED: pair.ir, VISIBLE: pair.vis, FUSED: folder / "fused.png"}
        write_png(files[FUSED], fused)
        shown = ir
        if ir_range is not None:  # networks see what was fused, as in every comparison
            shown, files[INFRARED] = grey_array(ir, ir_range), folder / "infrared.png"
            write_png(files[INFRARED], shown)
        fused_png = data_url("png", files[FUSED].read_bytes())
        return {
            "name": pair.name,
            "size": list(fused.shape[:2]),
            "method": self._titles[method],
            "fusion_ms": fusion_ms,
            "pictures": {INFRARED: _shown(shown), VISIBLE: _shown(vis), FUSED: fused_png},
            **self._seen(files, sample),
            "notes": [*_counts(ir, ir_range), *self._notes(sample)],
        }

    def _seen(self, files: dict[str, Path], sample: bool) -> dict[str, Any]:
        """What the networks see in each picture, and by late fusion; None where there is no network."""
        detector, segmenter = self._who_detects(sample), self._segmenter
        return {
            "boxes": _boxes(detector, files) if detector else None,
            "masks": _masks(segmenter, files) if segmenter else None,
            "detector": detector.told() if detector else None,
            "segmenter": segmenter.told() if segmenter else None,
        }

    def _who_detects(self, sample: bool) -> Detector | None:
        if self._detector is None and sample and not self._asked_for_sample:
            self._asked_for_sample = True
            self._of_sample = sample_detector(self._card, self._device)
        return self._detector or (self._of_sample if sample else None)

    def _notes(self, sample: bool) -> list[str]:
        """What is not shown and why, and what must be known of what is shown."""
        detector, notes = self._who_detects(sample), []
        if detector is None:
            notes.append("No detector was given, so there are no boxes: start the page with --detector FILE.pt.")
        elif detector is self._of_sample:
            notes.append("The boxes are by the small detector that was trained on sample scenes, and on nothing else.")
        if self._segmenter is None:
            notes.append("No segmenter was given, so there are no masks: start the page with --segmenter FILE.onnx.")
        looks = self._detector is not None or self._segmenter is not None
        if sample and looks:
            notes.append("Sample scenes are drawings: what networks for photographs see in them tells little.")
        for network in (detector, self._segmenter):
            notes += _unknown(network) if network else []
        return notes


def _unknown(network: Detector | Segmentation) -> list[str]:
    told = network.told()
    unknown = [c["name"] for c in told["classes"] if c["name"] not in told["known"]]
    return [f"{told['name']} does not know: {', '.join(unknown).replace('_', ' ')}."] if unknown else []


def _counts(ir: Array, ir_range: Range | None) -> list[str]:
    span = raw_span(ir) if ir_range is None else None
    if span is None:
        return []
    return [f"The infrared picture uses only the counts {span[0]} to {span[1]} of 65535: give the range to show."]


def _shown(picture: Array) -> str:
    return data_url("webp", webp(Image.fromarray(rgb_array(picture)), _QUALITY))


def _boxes(detector: Detector, files: dict[str, Path]) -> dict[str, list[list[float]]]:
    seen: dict[str, Results] = dict(zip(files, detector.see(files.values()), strict=True))
    seen[LATE] = detector.late(seen[INFRARED], seen[VISIBLE])
    return {name: shown_boxes(results) for name, results in seen.items()}


def _masks(segmenter: Segmentation, files: dict[str, Path]) -> dict[str, Any]:
    """Of each view the mask, and the classes that it shows."""
    seen = dict(zip(files, segmenter.see(files.values()), strict=True))
    seen[LATE] = segmenter.late(files[INFRARED], files[VISIBLE])
    names = segmenter.masks.names
    return {
        name: {"mask": segmenter.drawn(ids), "classes": [n for i, n in enumerate(names) if i and (ids == i).any()]}
        for name, ids in seen.items()
    }
