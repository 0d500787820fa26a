"""Does a quality metric predict the task? Rank correlation with the figures of finished task comparisons.

Three questions, each answered by Spearman's correlation of a metric, turned so that more is better, with the task:

- over inputs: does the input with the better mean have the better figure?
- over pictures: within one input, does the picture with the better value have the better figure? Mean over inputs.
  A scene that is easy to see can be easy to detect in as well, so this also tells of scenes, not only of fusion.
- within pictures: does the input that shows one picture better have the better figure on it? Mean over pictures.

Intervals come from the pictures: they say nothing of other inputs than those at hand. Among many metrics some go with
the task by chance, so evidence is what a simultaneous interval over all metrics of a question shows. Over few inputs an
order may agree by chance however many pictures there are: there, evidence must also be rarer than 1 in 20 among all
orders of the inputs, for all metrics together (Holm, 1979, https://www.jstor.org/stable/4615733).
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from downstream.comparison.differences import critical_value
from downstream.comparison.estimates import mean_of_defined
from downstream.comparison.reopened import Reopened
from downstream.comparison.uncertainty import LEVEL, Estimate, resample_counts, weightings
from downstream.quality.ranks import resampled_ranks, spearman, weighted_pearson
from dwsfusion.errors import InputError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
_MOST_EXACT, _RANDOM_ORDERS = 8, 20_000
_NOTHING = 1e-9


def correlate(
    run: Reopened,
    values: Mapping[str, Mapping[str, Floats]],
    names: Sequence[str],
    resamples: int,
    seed: int,
    scenes: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Correlates each metric with the figures of a task.

    Args:
        run: the finished comparison.
        values: input name to metric name to the value of each picture, ``(n,)``, more being better.
        names: the pictures of the values.
        resamples: how many bootstrap resamples.
        seed: fixes them.
        scenes: the scene of each of the names, where they are known.

    Returns:
        The figure, the numbers of inputs and pictures, and for each metric the three correlations, each
        ``{"spearman", "interval", "simultaneous", "evidence"}``, or None where it is not defined.
    """
    inputs = [name for name in values if name in run.scores]
    pictures = [name for name in names if name in run.pictures]
    if len(inputs) < 3 or len(pictures) < 3:
        raise InputError(
            f"expected at least 3 fused inputs and pictures that have both quality and {run.task}, found "
            f"{len(inputs)} and {len(pictures)}: give both comparisons the same --inputs and data"
        )
    of_values = [list(names).index(name) for name in pictures]
    grouped = None if scenes is None else [scenes[k] for k in of_values]
    counts = weightings(resample_counts(len(pictures), resamples, seed, grouped))
    of_task = [run.pictures.index(name) for name in pictures]
    figures = np.stack([run.over_set(name, _spread_out(counts, of_task, run)) for name in inputs], axis=1)  # (1 + R, k)
    each = np.stack([run.by_picture(name)[of_task] for name in inputs])  # (inputs, n)
    found = {m: np.stack([values[name][m][of_values] for name in inputs]) for m in values[inputs[0]]}
    told = _tell({m: _three_ways(own, each, counts, figures) for m, own in found.items()}, resamples, len(inputs))
    return {"figure": run.figure, "inputs": inputs, "images": len(pictures), "metrics": told}


def _three_ways(values: Floats, each: Floats, counts: NDArray[np.int64], figures: Floats) -> dict[str, Floats]:
    return {
        "over_inputs": spearman(_means(values, counts), figures),
        "over_pictures": _over_pictures(values, each, counts),
        "within_pictures": _within_pictures(values, each, counts),
    }


def _spread_out(counts: NDArray[np.int64], places: Sequence[int], run: Reopened) -> NDArray[np.int64]:
    """Weightings of some pictures as weightings of all pictures of the comparison: the others count nothing."""
    spread = np.zeros((len(counts), len(run.pictures)), np.int64)
    spread[:, places] = counts
    return spread


def _means(values: Floats, counts: Counts) -> Floats:
    """Means over the drawn pictures: ``(inputs, n)`` and ``(R, n)`` to ``(R, inputs)``."""
    return (counts @ values.T) / counts.sum(1, keepdims=True)


def _over_pictures(values: Floats, figures: Floats, counts: Counts) -> Floats:
    """Mean over inputs of the correlation over the drawn pictures that have a figure: ``(R,)``."""
    found = []
    for v, f in zip(values, figures, strict=True):
        known = ~np.isnan(v) & ~np.isnan(f)
        drawn = counts[:, known]
        ranks = resampled_ranks(v[known], drawn), resampled_ranks(f[known], drawn)
        found.append(weighted_pearson(*ranks, drawn.astype(np.float64)))
    return mean_of_defined(np.stack(found))


def _within_pictures(values: Floats, figures: Floats, counts: Counts) -> Floats:
    """Mean over the drawn pictures of the correlation over inputs: ``(R,)``."""
    found = spearman(values.T, figures.T)
    known = ~np.isnan(found)
    drawn = counts[:, known].sum(1)
    return np.divide(counts[:, known] @ found[known], drawn, out=np.full(len(counts), np.nan), where=drawn > 0)


def _tell(metrics: Mapping[str, Mapping[str, Floats]], resamples: int, inputs: int) -> dict[str, dict[str, Any]]:
    """Metric to question to what is said of it: all metrics of a question are one family."""
    told: dict[str, dict[str, Any]] = {metric: {} for metric in metrics}
    for question in next(iter(metrics.values())):
        family = {m: _estimate(of_metric[question], resamples) for m, of_metric in metrics.items()}
        errors = critical_value(e for e in family.values() if e.error is not None)
        for metric, found in family.items():
            told[metric][question] = _entry(found, errors)
    _need_more_than_chance({m: entry["over_inputs"] for m, entry in told.items() if entry["over_inputs"]}, inputs)
    return told


def _estimate(values: Floats, resamples: int) -> Estimate:
    """Ranks seldom move when one picture is left out, so the error is no less than the bootstrap's."""
    found = Estimate.of(values, resamples, (-1.0, 1.0))
    known = found.samples[~np.isnan(found.samples)]
    return replace(found, least_error=float(known.std(ddof=1)) if len(known) > 1 else 0.0)


def _need_more_than_chance(entries: Mapping[str, dict[str, Any]], inputs: int) -> None:
    """Adds to each metric's correlation over inputs its ``chance``, and takes evidence back where that is not rare."""
    chances = {metric: chance_of(entry["spearman"], inputs) for metric, entry in entries.items()}
    highest = 0.0
    for rank, metric in enumerate(sorted(chances, key=lambda m: chances[m])):
        highest = max(highest, min(1.0, chances[metric] * (len(chances) - rank)))
        entries[metric]["chance"] = highest
        entries[metric]["evidence"] = entries[metric]["evidence"] and highest <= 1 - LEVEL + _NOTHING


def chance_of(correlation: float, inputs: int) -> float:
    """The share of the orders of so many inputs whose rank correlation with one order is as far from 0, or farther."""
    return float((abs(_orders(inputs)) >= abs(correlation) - _NOTHING).mean())


@functools.cache
def _orders(inputs: int) -> Floats:
    """The rank correlations of all orders of a few inputs with one, or of many random ones: ``(orders,)``."""
    ranks = np.arange(inputs)
    random = np.random.default_rng(0)
    orders = (
        permutations(ranks) if inputs <= _MOST_EXACT else (random.permutation(ranks) for _ in range(_RANDOM_ORDERS))
    )
    apart = np.array(list(orders)) - ranks
    return np.asarray(1 - 6 * (apart**2).sum(1) / (inputs * (inputs**2 - 1)))


def _entry(found: Estimate, errors: float) -> dict[str, Any] | None:
    simultaneous = found.within(errors)
    if found.value is None or simultaneous is None:
        return None
    evidence = simultaneous[0] > 0 or simultaneous[1] < 0
    return {"spearman": found.value, "interval": found.interval, "simultaneous": simultaneous, "evidence": evidence}
