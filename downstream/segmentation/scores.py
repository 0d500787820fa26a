"""What the masks of one input are worth, for any weighting of the pictures."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

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
