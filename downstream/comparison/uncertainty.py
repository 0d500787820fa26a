"""Paired bootstrap over pictures: how far a figure, or a difference of two, could be chance.

The pictures of the test set are drawn again with replacement, the same draw for every input, and the figure
is computed anew from the counts of each draw (Efron, 1979, doi:10.1214/aos/1176344552; percentile interval).

What another training would change is not in the draws. Where there are several seeds, a difference is evidence
only if every one of them agrees with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dwsfusion.errors import InputError

RESAMPLES = 1000
LEVEL = 0.95
INTERVALS = (
    "from resampled pictures; they do not hold the noise of training, which the spread over seeds shows: a difference "
    "is evidence where its interval leaves out zero and all seeds agree in its sign"
)
"""What a protocol says about intervals."""


def resample_counts(pictures: int, resamples: int = RESAMPLES, seed: int = 0) -> NDArray[np.int64]:
    """How often each picture is drawn in each resample: ``(resamples, pictures)``, every row sums to `pictures`."""
    random = np.random.default_rng(seed)
    return random.multinomial(pictures, np.full(pictures, 1 / pictures), size=resamples)


@dataclass(frozen=True)
class Estimate:
    """A figure and what it became in each resample."""

    value: float | None
    """None where the figure is not defined, as the AP of a class without objects."""
    samples: NDArray[np.float64]
    """``(resamples,)``; NaN in a resample in which the figure is not defined."""
    seeds: tuple[float, ...] = ()
    """The figure of each trained network alone, one a seed; NaN where it is not defined. `value` is their mean."""

    @property
    def interval(self) -> list[float] | None:
        """The central 95 % of the resamples as [low, high]; None where the figure is not defined."""
        return None if self.value is None else percentile_interval(self.samples)


def percentile_interval(samples: NDArray[np.float64], level: float = LEVEL) -> list[float] | None:
    """The central part of the samples as [low, high]; NaN are left out, None where nothing is left."""
    defined = samples[~np.isnan(samples)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return [float(low), float(high)]


def difference(a: Estimate, b: Estimate) -> dict[str, Any] | None:
    """The paired difference a - b: its value, its interval, and whether there is evidence of it.

    Evidence is an interval that leaves out zero, and all seeds on the same side of zero as the interval.

    Returns:
        ``{"difference": x, "interval": [low, high], "evidence": bool}``, and with several seeds ``"seeds"``, the
        difference of each (None where a seed has none); None where a figure is not defined.
    """
    if a.value is None or b.value is None:
        return None
    interval = percentile_interval(a.samples - b.samples)
    if interval is None:
        return None
    by_seed = [x - y for x, y in zip(a.seeds, b.seeds, strict=True)]
    low, high = interval
    evidence = (low > 0 and all(d > 0 for d in by_seed)) or (high < 0 and all(d < 0 for d in by_seed))
    seeds = {"seeds": [None if np.isnan(d) else d for d in by_seed]} if len(by_seed) > 1 else {}
    return {"difference": a.value - b.value, "interval": interval, "evidence": evidence, **seeds}


def differences(
    estimates: Mapping[str, Mapping[str, Estimate]],
    metrics: Iterable[str],
    singles: Sequence[str],
    baseline: str,
    asked: Sequence[tuple[str, str]] = (),
) -> list[dict[str, Any]]:
    """Every input against the best single modality and against the baseline, for every metric.

    Args:
        estimates: input name to metric name to estimate.
        metrics: the metrics to compare.
        singles: names of the single modalities; the best of them is chosen for each metric.
        baseline: name of the plain fusion that a network must beat.
        asked: further pairs of input names.

    Returns:
        Rows ``{"input", "against", "metric"}`` with what `difference` says.
    """
    rows = []
    for metric in metrics:
        best = max(singles, key=lambda name: _or_lowest(estimates[name][metric].value))
        pairs = [(name, against) for against in (best, baseline) for name in estimates if name != against]
        for name, against in dict.fromkeys([*pairs, *asked]):
            found = difference(estimates[name][metric], estimates[against][metric])
            if found is not None:
                rows.append({"input": name, "against": against, "metric": metric, **found})
    return rows


def parse_pairs(pairs: Iterable[str], names: Sequence[str]) -> list[tuple[str, str]]:
    """Reads pairs of inputs as they are asked for, ``A:B`` for the difference A - B.

    Raises:
        InputError: a pair is malformed, or names an input that is not compared.
    """
    read = []
    for text in pairs:
        name, _, against = text.partition(":")
        unknown = [part for part in (name, against) if part not in names]
        if unknown or name == against:
            raise InputError(f"expected --against A:B with two of the inputs {', '.join(names)}, found {text!r}")
        read.append((name, against))
    return read


def _or_lowest(value: float | None) -> float:
    return -np.inf if value is None else value
