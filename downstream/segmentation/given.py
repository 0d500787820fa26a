"""What is known of a network that was given as a file: how to run it, and what the protocol says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from downstream.comparison.runtimes import ExportedNetwork, Runtime
from dwsfusion.runs import hash_file

_TRIAL_PX = 128


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

    @property
    def difference(self) -> float | None:
        """The largest of a runtime's logits to torch's until now, where a runtime was asked for."""
        return self.network.difference if isinstance(self.network, ExportedNetwork) else None

    def exported(self, runtime: Runtime) -> "GivenNetwork":
        """The same network, computed by a runtime.

        Raises:
            InputError: it cannot be, or gives other logits.
        """
        side = _TRIAL_PX + -_TRIAL_PX % self.stride_px
        network = ExportedNetwork(self.network.cpu().eval(), runtime, (1, 3, side, side))
        return replace(self, network=network, runtime=f"{network.version}, exported from {self.runtime}")

    def about(self) -> Mapping[str, Any]:
        """What the protocol of a comparison says of it."""
        return {
            "kind": self.kind,
            "file": str(self.weights),
            "sha256": hash_file(self.weights),
            "runtime": self.runtime,
            "input_size": list(self.input_px) if any(self.input_px) else "the picture's",
            "resizing": self._resizing(),
        }

    def _resizing(self) -> str:
        if any(self.input_px):
            return "pictures to the input's size bilinearly with antialiasing, logits back bilinearly"
        if self.stride_px > 1:
            return f"none; sides are filled up to multiples of {self.stride_px} with the last row and column"
        return "none; logits of another size go to the picture's bilinearly"
