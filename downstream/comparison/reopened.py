"""Finished comparisons, opened again for who asks how their figures go with something else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from downstream.comparison.estimates import mean_of_defined
from downstream.comparison.finished import read_json
from downstream.comparison.scores import Floats, Ints, Scores
from downstream.comparison.task import Task
from dwsfusion.errors import InputError

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Reopened:
    """The primary figure of a finished comparison, for any weighting of its pictures."""

    task: str
    figure: str
    pictures: tuple[str, ...]
    scores: Mapping[str, Sequence[Scores]]
    """Input name to the scores of each seed."""

    def over_set(self, name: str, counts: Ints) -> Floats:
        """The figure of an input for weightings ``(R, n)`` of the pictures, mean over seeds: ``(R,)``."""
        return mean_of_defined(np.stack([s.figures(counts)[self.figure] for s in self.scores[name]]))

    def by_picture(self, name: str) -> Floats:
        """The figure of each picture alone, mean over seeds: ``(n,)``, NaN where it has none."""
        return self.over_set(name, np.eye(len(self.pictures), dtype=np.int64))


def reopen(task: type[Task[Any, Any, Any, Any]], folder: Path, inputs: Sequence[str]) -> Reopened:
    """Opens a finished comparison for those of some inputs that it has.

    Raises:
        InputError: it is not there, is not finished, or what it kept of its predictions is not what its figures were
            made from.
    """
    entries = read_json(folder / f"{task.name}.json")["inputs"]
    pictures, scores = task.reopen(folder, [name for name in inputs if name in entries])
    reopened = Reopened(task.name, task.primary, pictures, scores)
    for name in scores:
        again, written = reopened.over_set(name, np.ones((1, len(pictures)), np.int64))[0], entries[name][task.primary]
        if not np.isclose(again, np.nan if written is None else written, rtol=0, atol=_ROUNDING, equal_nan=True):
            raise InputError(
                f"{folder}: {name} has {task.primary} {written} in {task.name}.json, {again:.6f} by the predictions "
                f"there: run compare_{task.name}.py again"
            )
    return reopened
