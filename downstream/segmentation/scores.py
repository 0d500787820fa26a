"""What the masks of one input are worth, for any weighting of the pictures."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from downstream.datasets.card import Ids
from downstream.segmentation.confusion import METRICS, Counts, Floats, class_iou


class ConfusionScores:
    """Figures of summed confusion matrices.

    Args:
        matrices: ``(n, C, C)``, one a picture.
        classes: the names of the C classes.
    """

    def __init__(self, matrices: Counts, classes: Sequence[str]) -> None:
        self.matrices, self.classes = matrices, tuple(classes)

    def figures(self, counts: Counts) -> Mapping[str, Floats]:
        """The `METRICS` and ``iou_CLASS`` for weightings ``(R, n)`` of the pictures, ``(R,)`` each."""
        pictures, classes, _ = self.matrices.shape
        # In floats, which a processor multiplies faster, and which hold these counts exactly.
        sums = counts.astype(np.float64) @ self.matrices.reshape(pictures, -1).astype(np.float64)
        summed = sums.reshape(len(counts), classes, classes)
        iou = class_iou(summed)
        of_class = {f"iou_{name}": iou[:, number] for number, name in enumerate(self.classes)}
        return {name: metric(summed) for name, metric in METRICS.items()} | of_class

    def of(self, chosen: NDArray[np.bool_]) -> "ConfusionScores":
        """The same over some of the pictures."""
        return ConfusionScores(self.matrices[chosen], self.classes)

    def absent(self, measurable: Ids) -> list[str]:
        """Classes that no pixel of the truth has: an input is charged for them where it predicts them."""
        pixels = self.matrices.sum((0, 2))
        return [self.classes[i] for i in sorted(set(measurable.tolist())) if pixels[i] == 0]

    def pictures(self, measurable: Ids) -> dict[str, int]:
        """With how many pictures every measurable class is seen in the truth."""
        seen = (self.matrices.sum(2) > 0).sum(0)
        return {self.classes[i]: int(seen[i]) for i in sorted(set(measurable.tolist()))}
