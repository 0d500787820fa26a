"""Differences between inputs, and what may be said of them.

Whoever looks at many differences finds some that chance made. So all differences of one metric that get a verdict form
a family, and a verdict goes by an interval that holds for all of them at once: the largest of their errors, each in
its own deviation, is looked up in the same resamples (max-T; Westfall and Young, 1993; Romano and Wolf, 2005,
doi:10.1198/016214504000000539), and the interval reaches as far as that largest error does in 95 % of them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np

from downstream.comparison.uncertainty import LEVEL, Estimate, Floats

MIN_PICTURES = 30
"""With fewer pictures (or scenes), or with a class in fewer of them, no interval was found that holds the truth as
often as it says: there is no verdict."""
BEST_CAMERA = "best camera"
"""Not an input: whichever camera is the better one, chosen anew in each resample."""
BETTER, WORSE, NO_EVIDENCE, TOO_FEW, ONE_SEED = "better", "worse", "no evidence", "too few pictures", "one seed"
CHANCE = 0.8
"""With which chance a difference of the power analysis is shown."""
Pairs = Sequence[tuple[str, str]]
ALONE = NormalDist().inv_cdf((1 + LEVEL) / 2)
"""How many standard errors the interval of one difference reaches."""
_NOTHING = 1e-12


@dataclass(frozen=True)
class Family:
    """All differences of one metric that get a verdict."""

    metric: str
    differences: Mapping[tuple[str, str], Estimate]
    """``(input, against)`` to input − against; only those that are defined."""
    higher_is_better: bool = True
    cameras: Sequence[str] = ()
    """The single modalities."""

    @cached_property
    def errors(self) -> float:
        """How many standard errors every interval reaches so that 95 % of resamples hold all at once."""
        return critical_value(self.differences.values())

    @property
    def difference_80(self) -> float | None:
        """The smallest difference that would have been shown with a chance of 80 %, for a pair of middling error."""
        reach = [shown_with_chance(d, self.errors) for d in self.differences.values()]
        return float(np.median(reach)) if reach else None

    def rows(self, *, fewest: int | None = None, one_seed: bool = False) -> list[dict[str, Any]]:
        """One row a difference.

        Args:
            fewest: how many pictures show what the metric measures, where these are not all.
            one_seed: the networks were trained, from one seed alone.
        """
        return [
            {
                "input": name,
                "against": against,
                "metric": self.metric,
                "difference": found.value,
                "interval": self._within(name, against, ALONE),
                "simultaneous": (simultaneous := self._within(name, against, self.errors)),
                "verdict": self._verdict(found, simultaneous, fewest, one_seed),
                "difference_80": shown_with_chance(found, self.errors),
                **_seeds(found),
            }
            for (name, against), found in self.differences.items()
        ]

    def _within(self, name: str, against: str, errors: float) -> list[float] | None:
        """The interval of a difference; to the best camera, what the intervals to both cameras leave together.

        So nothing is better than the best camera that is not better than either (Berger, 1982,
        doi:10.1080/00401706.1982.10487790), and it does not matter that the best one is chosen on the same pictures.
        """
        if against != BEST_CAMERA:
            return self.differences[name, against].within(errors)
        pairs = [self.differences[name, camera] for camera in self.cameras if (name, camera) in self.differences]
        intervals = [interval for pair in pairs if (interval := pair.within(errors)) is not None]
        if not intervals:
            return self.differences[name, against].within(errors)
        smaller = min if self.higher_is_better else max
        return [smaller(low for low, _ in intervals), smaller(high for _, high in intervals)]

    def _verdict(self, found: Estimate, interval: Sequence[float] | None, fewest: int | None, one_seed: bool) -> str:
        low, high = interval or (0.0, 0.0)
        units = len(found.without)
        if min(units, units if fewest is None else fewest) < MIN_PICTURES:
            return TOO_FEW
        if one_seed:
            return ONE_SEED
        if low <= 0 <= high:
            return NO_EVIDENCE
        return BETTER if (low > 0) == self.higher_is_better else WORSE


def pairs_of(names: Collection[str], anchors: Sequence[str], fused: Collection[str], asked: Pairs = ()) -> Pairs:
    """What is compared with what: every input with each anchor, every fused one with the best camera.

    Args:
        names: the inputs.
        anchors: those that all others are compared with, such as the cameras, the plain maximum and late fusion.
        fused: those that are compared with the best camera.
        asked: further pairs.
    """
    pairs = [(name, against) for against in anchors if against in names for name in names if name != against]
    best = [(name, BEST_CAMERA) for name in fused]
    return list(dict.fromkeys([*pairs, *best, *asked]))


def family_of(
    estimates: Mapping[str, Mapping[str, Estimate]],
    metric: str,
    pairs: Pairs,
    cameras: Sequence[str],
    *,
    higher_is_better: bool = True,
    by_objects: bool = True,
) -> Family:
    """The differences of a metric between pairs of inputs, where they are defined.

    Args:
        estimates: input name to metric name to estimate.
        metric: which one.
        pairs: see `pairs_of`.
        cameras: the single modalities, of which the best is chosen in each resample.
        higher_is_better: whether more of the metric is better.
        by_objects: whether no difference is taken to be surer than half a picture; see `Estimate.__sub__`.
    """
    of_input = {n: own[metric] if by_objects else replace(own[metric], worth=0.0) for n, own in estimates.items()}
    if any(BEST_CAMERA in pair for pair in pairs):
        of_input[BEST_CAMERA] = best_of([of_input[name] for name in cameras], higher_is_better)
    found = {pair: of_input[pair[0]] - of_input[pair[1]] for pair in pairs}
    return Family(metric, {p: d for p, d in found.items() if d.error is not None}, higher_is_better, cameras)


def best_of(estimates: Sequence[Estimate], higher_is_better: bool = True) -> Estimate:
    """The best of several estimates, chosen anew in each resample; seeds are those of the best over all pictures."""
    known = [e for e in estimates if e.value is not None] or list(estimates)[:1]
    choose, best = (np.fmax, max) if higher_is_better else (np.fmin, min)
    first = best(known, key=lambda e: 0.0 if e.value is None else e.value)
    samples, without = (choose.reduce([getattr(e, kind) for e in known]) for kind in ("samples", "without"))
    return Estimate(first.value, samples, without, first.seeds, first.bounds, first.worth)


def critical_value(differences: Iterable[Estimate]) -> float:
    """The 95 % quantile, over resamples, of the largest error among some differences, each in its own deviation.

    No less than the quantile for one difference alone, so that no simultaneous interval is shorter than the single one.
    """
    scaled = [error for d in differences if (error := _scaled(d.samples)) is not None]
    if not scaled:
        return ALONE
    largest = np.fmax.reduce(scaled)
    return max(ALONE, float(np.nanquantile(largest, LEVEL)))


def shown_with_chance(difference: Estimate, errors: float, chance: float = CHANCE) -> float:
    """The smallest true difference whose interval of so many standard errors leaves out zero with a given chance."""
    low, high = difference.within(errors) or (0.0, 0.0)
    return (high - low) / 2 + NormalDist().inv_cdf(chance) * (difference.error or 0.0)


def pictures_needed(wanted: float, difference_80: float, pictures: int) -> int:
    """How many pictures show a difference with a chance of 80 %; errors shrink with the root of their number.

    Args:
        wanted: the difference.
        difference_80: what a set of `pictures` shows with that chance.
        pictures: see above.
    """
    return int(np.ceil(pictures * (difference_80 / wanted) ** 2))


def _scaled(samples: Floats) -> Floats | None:
    """How far each resample lies from their mean, in their deviation; None where they do not differ."""
    deviation = np.nanstd(samples, ddof=1) if (~np.isnan(samples)).sum() > 1 else 0.0
    if deviation <= _NOTHING:
        return None
    scaled: Floats = abs(samples - np.nanmean(samples)) / deviation
    return scaled


def _seeds(difference: Estimate) -> dict[str, Any]:
    """The difference of each seed, where there are several; None where a seed has none."""
    if len(difference.seeds) < 2:
        return {}
    return {"seeds": [None if np.isnan(d) else d for d in difference.seeds]}
