"""The figures of one input, by day and by night, and the pictures on which fusion changes the most."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from downstream.comparison.inputs import SINGLES, is_night
from downstream.comparison.per_picture import best_single, largest_changes
from downstream.comparison.uncertainty import Estimate, resample_counts
from downstream.segmentation.classes import MSRS_CLASSES
from downstream.segmentation.confusion import METRICS, Counts, estimates, miou


def group_estimates(
    matrices: Counts, names: Sequence[str], resamples: int, seed: int
) -> dict[str, dict[str, Estimate]]:
    """Estimates over all pictures, and over those of day and night where there are any."""
    night = [is_night(name) for name in names]
    groups = {
        "all": list(range(len(names))),
        "day": [i for i, dark in enumerate(night) if dark is False],
        "night": [i for i, dark in enumerate(night) if dark is True],
    }
    return {
        group: estimates(matrices[:, chosen], resample_counts(len(chosen), resamples, seed))
        for group, chosen in groups.items()
        if chosen
    }


def entry(matrices: Counts, names: Sequence[str], figures: Mapping[str, Mapping[str, Estimate]]) -> dict[str, Any]:
    """What ``segmentation.json`` says about an input."""
    everything = figures["all"]
    intervals = {metric: e.interval for metric, e in everything.items()}
    seeds = {metric: [float(v) for v in f(matrices.sum(1))] for metric, f in METRICS.items()}
    spread = {metric: max(values) - min(values) for metric, values in seeds.items()}
    counts = {
        "day": sum(is_night(n) is False for n in names),
        "night": sum(is_night(n) is True for n in names),
    }
    return {
        **{metric: everything[metric].value for metric in METRICS},
        "per_class": {name: everything[name].value for name in MSRS_CLASSES},
        "interval": intervals,
        **({"seeds": seeds, "spread": spread} if len(matrices) > 1 else {}),
        **{group: _group(figures.get(group), count) for group, count in counts.items()},
    }


def compared(found: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """The estimates whose differences between inputs are given: the metrics, and each class as ``iou_CLASS``."""
    return {metric: found[metric] for metric in METRICS} | {f"iou_{name}": found[name] for name in MSRS_CLASSES}


def compare_pictures(
    entries: Mapping[str, Mapping[str, Any]], matrices: Mapping[str, Counts], names: Sequence[str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compares mIoU of each picture alone, mean over seeds, with that of the best single modality.

    Returns:
        What ``segmentation.json`` says about the largest gains and losses, and a row a fused input and picture.
    """
    against = best_single({name: entry["miou"] for name, entry in entries.items()}, SINGLES)
    alone = {name: miou(m).mean(0) for name, m in matrices.items()}
    rows = {
        name: [
            {"image": image, "change": _known(a - b), "miou": _known(a), "miou_single": _known(b)}
            for image, a, b in zip(names, alone[name], alone[against], strict=True)
        ]
        for name in matrices
        if name not in SINGLES
    }
    changes = {
        "against": against,
        "change": "mIoU of the picture alone, less that in the best single modality; mean over seeds",
        "inputs": {name: largest_changes(own) for name, own in rows.items()},
    }
    return changes, [{"input": name, **row} for name, own in rows.items() for row in own]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _group(found: Mapping[str, Estimate] | None, images: int) -> dict[str, Any] | None:
    if found is None:
        return None
    intervals = {metric: found[metric].interval for metric in METRICS}
    return {**{metric: found[metric].value for metric in METRICS}, "interval": intervals, "images": images}
