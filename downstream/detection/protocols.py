"""The protocols of a detection comparison: which detector looks at which input.

- ``frozen``: one given detector looks at every input.
- ``retrained``: every input has its own detector, trained on that input.
- ``joint``: one detector, trained on all inputs in equal parts, looks at every input.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from downstream.detection.training import train_detectors
from downstream.detection.yolo import Budget, YoloDetector
from downstream.inputs import Comparison
from dwsfusion.errors import InputError

SAMPLE_SIZE_PX = 256
"""What the small detector of the sample scenes was trained at."""


@dataclass(frozen=True)
class DetectionConfig:
    """How detection is compared."""

    detector: str = "auto"
    """Weights (.pt), by file or published name, or an architecture (.yaml) to train from scratch. auto is
    yolov5su.pt; on the sample scenes, drawings that no published detector knows, sample.pt of this package
    or, to be trained, its architecture tiny.yaml, with the settings that suit it."""
    protocol: Literal["frozen", "retrained", "joint"] = "frozen"
    """One given detector for all inputs; one trained for each input; one trained on all inputs in equal
    parts."""
    labels: str = "labels"
    """Name of the folder of YOLO label files."""
    image_size: int = 640
    """The longer side in pixels that pictures are scaled to."""
    epochs: int = 50
    """Where a detector is trained: how often it sees every train picture."""
    batch_size: int = 16
    """Where a detector is trained: pictures a step."""
    learning_rate: float = 0.001
    """Where a detector is trained: of AdamW, at its highest."""
    seeds: int = 1
    """Where detectors are trained: how many an input, from SEED, SEED + 1, …; a result to quote needs 3."""
    resamples: int = 1000
    """Resamples of the bootstrap over pictures."""

    def settled(self, *, sample: bool) -> "DetectionConfig":
        """The same with the detector chosen; for the sample scenes, with the settings that suit it."""
        if self.detector != "auto":
            return self
        if not sample:
            return replace(self, detector="yolov5su.pt")
        if self.protocol == "frozen":
            return replace(self, detector="sample.pt", image_size=SAMPLE_SIZE_PX)
        return replace(self, detector="tiny.yaml", image_size=SAMPLE_SIZE_PX, epochs=12, learning_rate=0.006)


def make_detectors(
    config: DetectionConfig,
    comparison: Comparison,
    prepare_train: Callable[[], Comparison],
    out: Path,
    *,
    seed: int,
    device: torch.device,
) -> dict[str, list[YoloDetector]]:
    """Gives every input its detectors: one, or one a seed, from `seed` on, where they are trained.

    Args:
        config: settled.
        comparison: the tested pictures in every input.
        prepare_train: gives the train pictures in the same inputs; called where something is to be trained.
        out: a folder for trained detectors.

    Raises:
        InputError: the detector is not usable, or the train pictures are the tested ones.
    """
    if config.protocol == "frozen":
        detector = YoloDetector(config.detector, device, config.image_size)
        return {item.name: [detector] for item in comparison.inputs}
    train = prepare_train()
    if train.root.resolve() == comparison.root.resolve():
        raise InputError(
            f"expected train pictures beside the tested ones, found only {train.root}: "
            "give a data root with train/ and test/, or use --protocol frozen"
        )
    trained = train_detectors(
        train,
        config.labels,
        config.detector,
        out,
        joint=config.protocol == "joint",
        budget=Budget(config.epochs, config.batch_size, config.image_size, config.learning_rate),
        seeds=range(seed, seed + config.seeds),
        device=device,
    )
    loaded = {f: YoloDetector(f, device, config.image_size) for files in trained.values() for f in files}
    return {name: [loaded[f] for f in files] for name, files in trained.items()}
