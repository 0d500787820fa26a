"""The figures of one input with their resamples, mean over seeds, from the scores that a task hands over."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from downstream.comparison.task import Floats, Ints, Scores
from downstream.comparison.uncertainty import Estimate


def estimate(scores: Sequence[Scores], draws: Ints) -> dict[str, Estimate]:
    """The estimates of all figures over all pictures.

    Args:
        scores: of each seed.
        draws: ``(R, n)``, resamples of the pictures.
    """
    weightings = np.vstack([np.ones_like(draws[:1]), draws])
    each = [s.figures(weightings) for s in scores]
    return {name: _over_seeds(np.stack([figures[name] for figures in each])) for name in each[0]}


def plain(estimates: Mapping[str, Estimate], names: Sequence[str]) -> dict[str, Any]:
    """Some figures with their intervals, as JSON has them."""
    values = {name: estimates[name].value for name in names}
    return {**values, "interval": {name: estimates[name].interval for name in names}}


def spread(estimates: Mapping[str, Estimate], names: Sequence[str]) -> dict[str, Any]:
    """The figures of each seed and their range, None where a seed has none; nothing where there is one seed."""
    seeds = {name: [None if np.isnan(value) else value for value in estimates[name].seeds] for name in names}
    if len(seeds[names[0]]) < 2:
        return {}
    return {"seeds": seeds, "spread": {name: _range(values) for name, values in seeds.items()}}


def mean_of_defined(values: Floats) -> Floats:
    """Mean over the first axis without its NaN; NaN where nothing is left."""
    defined = ~np.isnan(values)
    count = defined.sum(0)
    return np.divide(np.where(defined, values, 0).sum(0), count, out=np.full(count.shape, np.nan), where=count > 0)


def _over_seeds(values: Floats) -> Estimate:
    """From ``(seeds, 1 + R)``: over all pictures, then in each resample."""
    means = mean_of_defined(values)
    return Estimate(None if np.isnan(means[0]) else float(means[0]), means[1:], tuple(values[:, 0].tolist()))


def _range(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) - min(known) if known and len(known) == len(values) else None
