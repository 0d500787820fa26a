"""What a detection comparison is asked."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from downstream.comparison.config import TaskConfig
from downstream.comparison.named_files import short_names
from downstream.detection.budget import Budget
from downstream.detection.model_files import SAMPLE_DETECTOR

SAMPLE_SIZE_PX = 256
"""What the small detector of the sample scenes was trained at."""
SAMPLE_TRAINING = {"image_size": SAMPLE_SIZE_PX, "epochs": 12, "learning_rate": 0.006}
"""What suits its training from scratch."""


@dataclass(frozen=True, kw_only=True)
class DetectionConfig(TaskConfig):
    """How detection is compared."""

    detector: tuple[str, ...] = ("auto",)
    """One, or several for a table each and one over them: weights (.pt), by file or published name, or an architecture
    (.yaml) to train from scratch. auto is yolov5su.pt; on the sample scenes, drawings that no published detector knows,
    sample.pt of this package or, to be trained, its architecture tiny.yaml, with the settings that suit it."""
    mapping: Path | None = None
    """For frozen: JSON that says which of the detector's classes count as which of ours, {"theirs": "ours"};
    without it by their names, as the data set's card has them."""
    protocol: Literal["frozen", "retrained", "joint"] = "frozen"
    """One given detector for all inputs; one trained for each input; one trained on all inputs in equal
    parts."""
    labels: str | None = None
    """Which boxes: a label set of the data set's card, another folder beside it, or union: all objects that the labels
    of either camera hold. Without it the card's first."""
    predictions: tuple[str, ...] = ()
    """Further rows from what other programs detected, each NAME=FILE.json with COCO results: a picture by its image_id
    in ground_truth.json or by file_name."""
    image_size: int | None = None
    """The longer side in pixels that pictures are scaled to; without it 640, on the sample scenes 256."""
    epochs: int | None = None
    """Where a detector is trained: how often it sees every train picture; without it 50, on the sample scenes 12."""
    batch_size: int = 16
    """Where a detector is trained: pictures a step."""
    learning_rate: float | None = None
    """Where a detector is trained: of AdamW, at its highest; without it 0.001, on the sample scenes 0.006."""

    def settled(self, *, sample: bool) -> "DetectionConfig":
        """The same with the detector chosen; on the sample scenes, with settings that suit it where none were given.

        Raises:
            InputError: settings that belong to another protocol, or no resamples.
        """
        self.check()
        if self.detector != ("auto",):
            return self
        if not sample:
            return replace(self, detector=("yolov5su.pt",))
        trained = self.protocol != "frozen"
        suited: dict[str, Any] = SAMPLE_TRAINING if trained else {"image_size": SAMPLE_SIZE_PX}
        unset = {name: value for name, value in suited.items() if getattr(self, name) is None}
        return replace(self, detector=("tiny.yaml" if trained else SAMPLE_DETECTOR,), **unset)

    def each(self) -> "dict[str, DetectionConfig]":
        """One configuration a detector."""
        if len(self.detector) == 1:
            return {"": self}
        names = short_names(self.detector)
        return {name: replace(self, detector=(own,)) for name, own in zip(names, self.detector, strict=True)}

    def budget(self) -> Budget:
        """How long and on what scale a detector is trained; what was not given is as `Budget` has it."""
        given = {field.name: getattr(self, field.name) for field in fields(Budget)}
        return Budget(**{name: value for name, value in given.items() if value is not None})
