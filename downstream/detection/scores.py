"""What the detections on one input are worth, for any weighting of the pictures."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from downstream.detection.average_precision import (
    Matches,
    best_confidence,
    found_objects,
    match,
    match_sizes,
    matched_objects,
    precision_figures,
    size_figures,
)
from downstream.detection.coco import Coco, Floats, Ints, Results


class ClassScores:
    """Average precision from the matches of each class.

    Args:
        matches: the classes, in their order.
    """

    def __init__(self, matches: Sequence[Matches]) -> None:
        self.matches = matches

    def figures(self, counts: Ints) -> Mapping[str, Floats]:
        """``map``, ``map50``, ``ap_CLASS`` and ``ap50_CLASS`` for weightings ``(R, n)`` of the pictures: ``(R,)``."""
        return precision_figures(self.matches, counts)

    def of(self, chosen: NDArray[np.bool_]) -> "ClassScores":
        """The same over some of the pictures."""
        return ClassScores([m.of(chosen) for m in self.matches])


class SizeScores:
    """Average precision over the objects of one size.

    Args:
        matches: the classes, each with one entry an IoU threshold.
    """

    def __init__(self, matches: Sequence[Sequence[Matches]]) -> None:
        self.matches = matches

    @property
    def objects(self) -> int:
        """How many objects have this size."""
        return sum(int(of_class[0].objects.sum()) for of_class in self.matches)

    def figures(self, counts: Ints) -> Mapping[str, Floats]:
        """``map`` and ``map50`` for weightings ``(R, n)`` of the pictures, ``(R,)`` each."""
        return size_figures(self.matches, counts)

    def of(self, chosen: NDArray[np.bool_]) -> "SizeScores":
        """The same over some of the pictures."""
        return SizeScores([[m.of(chosen) for m in of_class] for of_class in self.matches])


class DetectionScores(ClassScores):
    """The detections of one detector on the pictures of one input, matched once for all weightings.

    Args:
        truth: the objects.
        results: the detections.
        detectable: the classes that the detector knows.
    """

    def __init__(self, truth: Coco, results: Results, detectable: Sequence[str]) -> None:
        super().__init__(match(truth, results, detectable))
        self.truth, self.results, self.detectable = truth, results, detectable

    @cached_property
    def sizes(self) -> dict[str, SizeScores]:
        """The scores over objects of each size."""
        by_size = match_sizes(self.truth, self.results, self.detectable)
        return {size: SizeScores(matches) for size, matches in by_size.items()}

    @cached_property
    def confidence(self) -> float | None:
        """The confidence of best F1 over all pictures; None where no detection hits an object."""
        return best_confidence(self.matches)

    @cached_property
    def other_half(self) -> tuple[float | None, float | None]:
        """From which confidence a detection counts in every other picture, from the first and from the second on.

        Each is that of best F1 on the other half of the pictures: chosen on the very pictures that it is used on, it
        would flatter them. Where the other half has no hit, `confidence`.
        """
        number = np.arange(len(self.truth["images"]))
        first, second = (best_confidence([m.of(number % 2 == half) for m in self.matches]) for half in (1, 0))
        return first or self.confidence, second or self.confidence

    @cached_property
    def sure(self) -> Results:
        """The detections that count, at the confidence of the other half of the pictures."""
        if self.confidence is None:
            return []
        least = {image["id"]: self.other_half[k % 2] for k, image in enumerate(self.truth["images"])}
        return [r for r in self.results if r["score"] >= least[r["image_id"]]]

    @cached_property
    def matched(self) -> dict[int, int]:
        """Position among `sure` to the id of the annotation that a detection matches, for those that match one."""
        return matched_objects(self.truth, self.sure)

    @cached_property
    def hit(self) -> set[int]:
        """Ids of the annotations that are found at the confidence of the other half of the pictures."""
        return set(self.matched.values())

    def hit_of(self, truth: Coco) -> set[int]:
        """The same of another truth of the same pictures."""
        return found_objects(truth, self.sure)

    def objects(self, number: int) -> int:
        """How many objects of a class there are."""
        return int(self.matches[number].objects.sum())
