"""What is asked of qualitative grids, and what a task gives for them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure  # not before something is drawn: it comes with an extra

FUSION = "fusion"


@dataclass(frozen=True)
class GridConfig:
    """What the grids show."""

    task: str = FUSION
    """fusion: the fused pictures themselves; or what a finished comparison saw in them: the boxes of detection, the
    colour maps of segmentation."""
    images: tuple[str, ...] = ()
    """Names of the pictures, without suffix; without them night before day and many objects before few."""
    count: int = 3
    """How many pictures are chosen where none is named."""
    largest: int = 0
    """Show so many (up to 10) of the largest gains and of the largest losses against the best camera, as the
    finished comparison of detection or segmentation names them."""
    of: str = "dwsfusion"
    """The input whose gains and losses are shown with --largest."""
    zoom: tuple[str, ...] = ()
    """Up to two boxes X,Y,W,H in pixels to enlarge; without them what each camera sees alone."""
    predictions: Path | None = None
    """Folder of the finished comparison; without it out/TASK."""
    score: float = 0.25
    """Boxes with a lower score, 0 to 1, are not drawn."""
    truth: bool = True
    """Add a last panel with the annotated objects or classes, where there are any."""
    segmentation_labels: str | None = None
    """Another folder of true masks beside that of the data set's card, for the last panel of segmentation."""

    def run(self) -> Path:
        """The folder of the finished comparison."""
        return self.predictions or Path("out") / self.task


class Grids(Protocol):
    """Draws the grid of one picture after another."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures that can be drawn, sorted."""

    def draw(self, name: str) -> "Figure":
        """Draws the grid of one picture.

        Raises:
            ImageError: a file of this picture cannot be used.
        """
