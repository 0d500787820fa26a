"""How long and on what scale a detector is trained."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Budget:
    """How long and on what scale a detector is trained; the same for every input."""

    epochs: int = 50
    batch_size: int = 16
    image_size: int = 640
    """The longer side in pixels that pictures are scaled to."""
    learning_rate: float = 0.001
    """Of AdamW, after one epoch of warm-up; it falls in a line to a hundredth."""

    def settings(self) -> dict[str, Any]:
        """The same as ultralytics names it, with what is left alone: nothing is stopped early, validated or drawn."""
        return {
            "epochs": self.epochs,
            "batch": self.batch_size,
            "patience": 0,  # no early stopping
            "nbs": self.batch_size,  # every batch is a step: else gradients are gathered over 64 pictures
            "optimizer": "AdamW",
            "lr0": self.learning_rate,
            "warmup_epochs": 1,
            "imgsz": self.image_size,
            "exist_ok": True,
            "deterministic": True,
            "amp": False,
            "plots": False,
            "val": False,
            "save": False,
            "verbose": False,
        }
