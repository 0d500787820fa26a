"""What the page is asked when it is started."""

from dataclasses import dataclass
from pathlib import Path

from dwsfusion.errors import InputError
from dwsfusion.images import check_range


@dataclass(frozen=True)
class AppConfig:
    """Where the page is, and who looks at the pictures."""

    port: int = 8765
    """Of 127.0.0.1, the only address that is served; 0 takes any that is free."""
    open: bool = True
    """Open the page in the browser, where there is a desktop."""
    weights: Path | None = None
    """Weights of DWSFusion to choose beside those of this package: ours (.safetensors) or the authors' (.pth)."""
    detector: str | None = None
    """Weights (.pt) that ultralytics loads, by file or published name. Without it, none looks at your pictures, and the
    small detector of this repository at the sample scenes."""
    segmenter: Path | None = None
    """An ONNX file, or whatever else `dwsfusion segmentation --segmenter` takes. Without it, none."""
    data_set: str | None = None
    """Whose classes the networks are asked for: a card of this package such as MSRS or FMB, or a YAML file; without it
    those of MSRS."""
    image_size: int = 640
    """The longer side in pixels that pictures are scaled to for the detector."""
    ir_range: tuple[float, float] | None = None
    """The counts that 16-bit infrared shows as black and white, LOW HIGH; without it 0 to 65535."""
    device: str = "auto"
    """Where to compute."""

    def check(self) -> None:
        """Refuses what cannot work.

        Raises:
            InputError: no port, no size, or no range.
        """
        if not 0 <= self.port <= 65535:
            raise InputError(f"expected --port from 0 to 65535, found {self.port}")
        if self.image_size < 32:
            raise InputError(f"expected --image-size of 32 or more, found {self.image_size}")
        if self.ir_range is not None:
            check_range(self.ir_range)
