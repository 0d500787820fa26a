"""What a comparison asks of a detector, and several detectors of one input that share its pictures by folds."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from downstream.detection.coco import Detections
from dwsfusion.runs import hash_text


class Detector(Protocol):
    """Finds objects in pictures."""

    identity: str
    """Changes with the weights."""
    detectable: tuple[str, ...]
    """The classes that it knows."""

    @property
    def settings(self) -> dict[str, Any]:
        """All that a prediction depends on besides the picture."""

    @property
    def seconds(self) -> float:
        """How long it has computed until now."""

    def predict(self, files: Iterable[Path]) -> Iterator[Detections]:
        """Finds the objects in pictures, one after the other."""


class FoldedDetector:
    """Looks at each picture with the detector that was not trained on it.

    Args:
        detectors: one a fold.
        fold_of: picture name to the fold that tests it.
    """

    def __init__(self, detectors: Sequence[Detector], fold_of: Mapping[str, int]) -> None:
        self._detectors, self._fold_of = detectors, fold_of
        self.identity = hash_text(*(d.identity for d in detectors), json.dumps(fold_of, sort_keys=True))
        self.detectable = detectors[0].detectable

    @property
    def settings(self) -> dict[str, Any]:
        """All that a prediction depends on besides the picture."""
        return {**self._detectors[0].settings, "detector_sha256": self.identity}

    @property
    def seconds(self) -> float:
        """How long the detectors have computed until now."""
        return sum(d.seconds for d in self._detectors)

    def predict(self, files: Iterable[Path]) -> Iterator[Detections]:
        """Finds the objects in pictures, one after the other; each detector goes through all of its own."""
        files = list(files)
        own: list[list[Path]] = [[] for _ in self._detectors]
        for path in files:
            own[self._fold_of[path.stem]].append(path)
        found = [detector.predict(paths) for detector, paths in zip(self._detectors, own, strict=True)]
        for path in files:
            yield next(found[self._fold_of[path.stem]])
