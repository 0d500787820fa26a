"""Where the inputs stand: how sure their order is, and whether the labels decide it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from downstream.comparison.uncertainty import LEVEL, Estimate


def ranks(
    estimates: Mapping[str, Mapping[str, Estimate]], metric: str, *, higher_is_better: bool = True
) -> dict[str, dict[str, Any]]:
    """How often each input is first, and between which ranks it stands in 95 % of the resamples; 1 is the best.

    Args:
        estimates: input name to metric name to estimate; an input without the figure is left out.
        metric: which one.
        higher_is_better: whether more of the metric is better.
    """
    known = {name: own[metric].samples for name, own in estimates.items() if own[metric].value is not None}
    if not known:
        return {}
    samples = np.stack(list(known.values())) * (1 if higher_is_better else -1)
    samples = samples[:, ~np.isnan(samples).any(0)]
    better = (samples[None] > samples[:, None]).sum(1)  # (inputs, resamples): how many stand before
    tied = (samples[None] == samples[:, None]).sum(1)
    first = np.where(better == 0, 1 / tied, 0).mean(1)  # who shares the first place shares its chance
    low, high = np.quantile(1 + better, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1, method="inverted_cdf")
    return {name: {"first": float(first[k]), "interval": [int(low[k]), int(high[k])]} for k, name in enumerate(known)}


def order_by_labels(figures: Mapping[str, Mapping[str, float | None]]) -> dict[str, Any]:
    """Whether the order of the inputs depends on whose labels are believed.

    Args:
        figures: label source to input name to figure, more being better.

    Returns:
        ``{"orders": {source: [inputs, the best first]}, "changes": bool, "pairs": [[a, b], …]}``: pairs of inputs of
        which a is ahead by one source and b by another.
    """
    shared = [n for n in next(iter(figures.values())) if all(own.get(n) is not None for own in figures.values())]
    known = {source: {n: own[n] or 0.0 for n in shared} for source, own in figures.items()}
    orders = {source: sorted(shared, key=lambda n: -own[n]) for source, own in known.items()}
    pairs = [
        [a, b]
        for k, a in enumerate(shared)
        for b in shared[k + 1 :]
        if len({np.sign(own[a] - own[b]) for own in known.values()} - {0.0}) > 1
    ]
    return {"orders": orders, "changes": bool(pairs), "pairs": pairs}
