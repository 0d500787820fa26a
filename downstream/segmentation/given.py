"""What is known of a network that was given as a file: how to run it, and what the protocol says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from downstream.segmentation.classes import MSRS_CLASSES, cityscapes_to_msrs
from dwsfusion.errors import InputError
from dwsfusion.runs import hash_file

CLASS_COUNTS = {len(MSRS_CLASSES): "MSRS", len(cityscapes_to_msrs()): "Cityscapes"}
"""Outputs of a network to the classes that they are, by their number."""


@dataclass(frozen=True)
class GivenNetwork:
    """A network, where it comes from, and what its input must be."""

    network: nn.Module
    """Takes ``(1, 3, H, W)``, RGB normalised by ImageNet, gives logits ``(1, C, H, W)`` of the same sides."""
    classes: int
    """Its outputs C."""
    kind: str
    """What sort of network and file."""
    weights: Path
    """The file of its weights."""
    runtime: str
    """The library that computes it, and its version."""
    stride_px: int = 1
    """Sides of the input must be multiples of this."""
    input_px: tuple[int | None, int | None] = (None, None)
    """Height and width that the network insists on; None where it takes any."""

    def __post_init__(self) -> None:
        """Refuses classes that are neither MSRS's nor Cityscapes'."""
        if self.classes not in CLASS_COUNTS:
            expected = " or ".join(f"{count} ({name})" for count, name in CLASS_COUNTS.items())
            raise InputError(
                f"expected {expected} classes in {self.weights}, found {self.classes}: give a network that was "
                "trained on one of the two"
            )

    def about(self) -> Mapping[str, Any]:
        """What the protocol of a comparison says of it."""
        return {
            "kind": self.kind,
            "file": str(self.weights),
            "sha256": hash_file(self.weights),
            "runtime": self.runtime,
            "classes": CLASS_COUNTS[self.classes],
            "input_size": list(self.input_px) if any(self.input_px) else "the picture's",
            "resizing": self._resizing(),
        }

    def _resizing(self) -> str:
        if any(self.input_px):
            return "pictures to the input's size bilinearly with antialiasing, logits back bilinearly"
        if self.stride_px > 1:
            return f"none; sides are filled up to multiples of {self.stride_px} with the last row and column"
        return "none; logits of another size go to the picture's bilinearly"
