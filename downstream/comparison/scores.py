"""What predictions are worth: the contract of scores, and what follows from any."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Scores(Protocol):
    """What one network's predictions on the pictures of one input are worth: counts a picture, from which every
    figure follows."""

    def figures(self, counts: Ints) -> Mapping[str, Floats]:
        """The figures of the set with every picture counted as often as asked.

        Args:
            counts: ``(R, n)``, how often each picture counts in each of R weightings.

        Returns:
            Name to figure ``(R,)``, NaN where it is not defined; the same names for all inputs, more being better.
        """

    def of(self, chosen: NDArray[np.bool_]) -> "Scores":
        """The same over some of the pictures, chosen by ``(n,)``."""


def picture_changes(
    names: Sequence[str], scores: Sequence[Scores], single: Sequence[Scores], figure: str
) -> list[dict[str, Any]]:
    """One row a picture: how its figure changes against a camera, mean over seeds.

    Args:
        names: the pictures.
        scores: of each seed of a fused input.
        single: of each seed of the camera.
        figure: which one, more being better.
    """
    alone = np.eye(len(names), dtype=np.int64)
    ours, theirs = (np.mean([s.figures(alone)[figure] for s in each], axis=0) for each in (scores, single))
    return [
        {"image": n, "change": _known(a - b), figure: _known(a), f"{figure}_single": _known(b)}
        for n, a, b in zip(names, ours, theirs, strict=True)
    ]


def metric_rows(result: Mapping[str, Any], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """One row an input of a ``TASK.json``, fractions at full precision: metrics with their intervals."""
    rows = []
    for name, entry in result["inputs"].items():
        bounds = {m: entry["interval"][m] or (None, None) for m in metrics}
        figures = {m: {m: entry[m], f"{m}_low": bounds[m][0], f"{m}_high": bounds[m][1]} for m in metrics}
        rows.append({"input": name, **{key: value for m in metrics for key, value in figures[m].items()}})
    return rows


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
