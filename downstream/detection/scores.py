"""The figures of one input: overall, by class, by size of the objects, by day and by night."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from downstream.comparison.inputs import is_night
from downstream.comparison.uncertainty import Estimate
from downstream.detection.average_precision import (
    SIZES,
    Matches,
    estimate_precision,
    estimate_size,
    match,
    match_sizes,
)
from downstream.detection.coco import CLASSES, Coco, Ints, Results

METRICS = ("map", "map50")
COMPARED = (*METRICS, *(f"{metric}_{name}" for name in CLASSES for metric in ("ap", "ap50")))
"""Figures whose differences between inputs are given."""


class Matching:
    """The predictions of each detector of an input, matched with the objects once for all resamples.

    Args:
        truth: the objects.
        predictions: one entry a detector, trained from one seed each.
        detectable: the classes that the detectors know.
    """

    def __init__(self, truth: Coco, predictions: Sequence[Results], detectable: Sequence[str]) -> None:
        self.all = [match(truth, found, detectable) for found in predictions]
        self.sizes = [match_sizes(truth, found, detectable) for found in predictions]


class Figures:
    """The estimates of one input; means over its detectors.

    Args:
        matching: what its detectors hit.
        names: the pictures.
        counts: ``(R, n)``, resamples of the pictures.
    """

    def __init__(self, matching: Matching, names: Sequence[str], counts: Ints) -> None:
        matches = matching.all
        each = [estimate_precision(m, np.ones(len(names), dtype=bool), counts) for m in matches]
        self._all = _means([means for means, _ in each])
        self._objects = [int(m.objects.sum()) for m in matches[0]]
        self._classes = [_means(list(of_class)) for of_class in zip(*(classes for _, classes in each), strict=True)]
        self._seeds = {metric: [means[metric].value for means, _ in each] for metric in METRICS}
        self._sizes = {size: _size([sizes[size] for sizes in matching.sizes], counts) for size in SIZES}
        night = [is_night(name) for name in names]
        self._groups = {
            group: _group(matches, np.array([is_dark is dark for is_dark in night]), counts)
            for group, dark in (("day", False), ("night", True))
        }

    def compared(self) -> dict[str, Estimate]:
        """The estimates of `COMPARED`."""
        by_class = zip(CLASSES, self._classes, strict=True)
        return self._all | {f"{metric}_{name}": e for name, found in by_class for metric, e in found.items()}

    def entry(self) -> dict[str, Any]:
        """What ``detection.json`` says about the input."""
        per_class = {
            name: {**_plain(estimates), "objects": objects}
            for name, estimates, objects in zip(CLASSES, self._classes, self._objects, strict=True)
        }
        spread = {"seeds": self._seeds, "spread": {m: _spread(v) for m, v in self._seeds.items()}}
        seeds = spread if len(self._seeds["map"]) > 1 else {}
        return {**_plain(self._all), **seeds, "per_class": per_class, "per_size": self._sizes, **self._groups}


def _size(matches: Sequence[Sequence[Sequence[Matches]]], counts: Ints) -> dict[str, Any]:
    """The figures over the objects of one size."""
    means = _means([estimate_size(m, counts) for m in matches])
    return {**_plain(means), "objects": sum(int(of_class[0].objects.sum()) for of_class in matches[0])}


def _group(matches: Sequence[Sequence[Matches]], chosen: NDArray[np.bool_], counts: Ints) -> dict[str, Any] | None:
    """The figures over some of the pictures; None where there is no such picture."""
    if not chosen.any():
        return None
    means = _means([estimate_precision(m, chosen, counts)[0] for m in matches])
    return {**_plain(means), "images": int(chosen.sum())}


def _means(estimates: Sequence[Mapping[str, Estimate]]) -> dict[str, Estimate]:
    """The mean over detectors of each estimate."""
    return {metric: _mean([e[metric] for e in estimates]) for metric in estimates[0]}


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    seeds = tuple(np.nan if e.value is None else e.value for e in estimates)
    value = float(np.mean(seeds))
    return Estimate(None if np.isnan(value) else value, np.mean([e.samples for e in estimates], axis=0), seeds)


def _plain(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    intervals = {metric: e.interval for metric, e in estimates.items()}
    return {**{metric: e.value for metric, e in estimates.items()}, "interval": intervals}


def _spread(values: Sequence[float | None]) -> float | None:
    """The range over seeds; None where a seed has no figure."""
    known = [value for value in values if value is not None]
    return max(known) - min(known) if known and len(known) == len(values) else None
