"""What a report shows of masks: confusion matrices, and the counts behind IoU."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from downstream.benchmark.packed import pack
from downstream.segmentation.scores import ConfusionScores


def tell(result: Mapping[str, Any], scores: Mapping[str, Sequence[ConfusionScores]]) -> dict[str, Any]:
    """The summed matrix of each input, and the counts of all.

    Args:
        result: what ``segmentation.json`` holds.
        scores: input name to those of each seed.
    """
    classes = list(result["classes"])
    truth = next(iter(scores.values()))[0].matrices.sum(axis=2)  # (n, C)
    return {
        "confusion": {name: sum(s.matrices.sum(0) for s in own).tolist() for name, own in scores.items()},
        "pictures_with": {c: np.flatnonzero(truth[:, k]).tolist() for k, c in enumerate(classes)},
        "counts": {
            "kind": "confusion",
            "classes": [{"name": c} for c in classes],
            "inputs": {name: [pack(s.matrices) for s in own] for name, own in scores.items()},
        },
    }
