"""What detectors find in the pictures of an input: kept on disk in COCO's form, and used again where it fits."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from downstream.comparison.cross_validation import Folded
from downstream.comparison.inputs import Input
from downstream.detection.coco import Detections, Results, results_of
from dwsfusion.progress import Track
from dwsfusion.runs import fingerprint, hash_file, hash_text, write_text


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


def predict_input(detectors: Folded[Detector], item: Input, file: Path, track: Track) -> dict[str, Results]:
    """Detects on every picture of an input, or reads what was found before by the same detectors on the same files.

    Beside the predictions lies a hidden file with a hash of what they come from and of what they are, so that
    neither a changed picture nor a changed predictions file goes unnoticed.

    Returns:
        Picture name to its results in COCO's form.
    """
    mark = file.with_name(f".{file.stem}.key")
    source = hash_text(json.dumps(settings_of(detectors), sort_keys=True), fingerprint(item.files.values()))
    if not (file.is_file() and mark.is_file() and mark.read_text() == hash_text(source, hash_file(file))):
        write_text(file, json.dumps(_detect(detectors, item, track)))
        write_text(mark, hash_text(source, hash_file(file)))
    by_picture: dict[str, Results] = {name: [] for name in item.files}
    names = list(item.files)
    for result in json.loads(file.read_text(encoding="utf-8")):
        by_picture[names[result["image_id"] - 1]].append(result)
    return by_picture


def settings_of(detectors: Folded[Detector]) -> dict[str, Any]:
    """All that the predictions of an input depend on besides its pictures."""
    settings = detectors.networks[0].settings
    return {**settings, "detector_sha256": detectors.identity} if detectors.fold_of else settings


def _detect(detectors: Folded[Detector], item: Input, track: Track) -> Results:
    def predict(detector: Detector, names: list[str]) -> Iterator[Detections]:
        return detector.predict([item.files[name] for name in names])

    predictions = detectors.predict(list(item.files), predict)
    return results_of(track(predictions, f"detect on {item.name}", len(item.files)))
