"""The figures of one input with their resamples, mean over seeds, from the scores that a task hands over."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from downstream.comparison.scores import Floats, Ints, Scores
from downstream.comparison.uncertainty import FRACTION, Estimate, seed_noise, weightings


def estimate(scores: Sequence[Scores], draws: Ints) -> dict[str, Estimate]:
    """The estimates of all figures over all pictures.

    Args:
        scores: of each seed.
        draws: ``(R, n)``, resamples of the pictures.
    """
    return {name: _over_seeds(values, len(draws)) for name, values in _figures(scores, draws).items()}


def intervals(scores: Sequence[Scores], draws: Ints) -> dict[str, Estimate]:
    """The same without the resamples, which only differences and ranks need.

    Args:
        scores: of each seed.
        draws: ``(R, n)``, which say what pictures belong together.
    """
    rows = weightings(draws)
    values = _figures_of(scores, np.vstack([rows[:1], rows[1 + len(draws) :]]))
    return {name: _over_seeds(of_figure, 0) for name, of_figure in values.items()}


def over_networks(
    networks: Mapping[str, Mapping[str, Sequence[Scores]]], draws: Ints
) -> dict[str, dict[str, Estimate]]:
    """The mean figures of several networks, with an error that holds how much networks differ.

    What several seeds are to one network, several networks are here: other networks would have given other figures.
    What `downstream.comparison.differences.family_of` makes of it holds that for differences too. A figure that one of
    the networks lacks is not defined.

    Args:
        networks: network name to input name to the scores of each seed, on the same pictures; inputs that one network
            lacks are left out.
        draws: ``(R, n)``, resamples of the pictures.

    Returns:
        Input name to metric name to estimate, whose `seeds` are the networks.
    """
    every = list(networks.values())
    found = {}
    for name in [name for name in every[0] if all(name in own for own in every)]:
        each = [_figures(own[name], draws) for own in every]
        means = {m: np.stack([mean_of_defined(f[m]) for f in each]) for m in each[0] if all(m in f for f in each)}
        lacking = {m: np.where(np.isnan(v).any(0), np.nan, v) for m, v in means.items()}
        found[name] = {m: _over_seeds(v, len(draws)) for m, v in lacking.items()}
    return found


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


def _figures(scores: Sequence[Scores], draws: Ints) -> dict[str, Floats]:
    """Each figure ``(seeds, 1 + R + U)`` for all `weightings`."""
    return _figures_of(scores, weightings(draws))


def _figures_of(scores: Sequence[Scores], counts: Ints) -> dict[str, Floats]:
    each = [s.figures(counts) for s in scores]
    return {name: np.stack([figures[name] for figures in each]) for name in each[0]}


def _over_seeds(values: Floats, resamples: int) -> Estimate:
    """From ``(seeds, 1 + R + U)``; in each resample other seeds are drawn as well."""
    found, seeds = Estimate.of(mean_of_defined(values), resamples, FRACTION), tuple(values[:, 0].tolist())
    moved = abs(found.without - (found.value or 0.0))
    worth = float(moved[~np.isnan(moved)].max(initial=0.0))
    return replace(found, samples=found.samples + seed_noise(seeds, resamples), seeds=seeds, worth=worth)


def _range(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) - min(known) if known and len(known) == len(values) else None
