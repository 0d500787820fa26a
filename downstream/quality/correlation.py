"""Does a quality metric predict the task? Rank correlation with the figures of finished task comparisons.

Three questions, each answered by Spearman's correlation of a metric, turned so that more is better, with the task:

- over inputs: does the input with the better mean have the better figure?
- over pictures: within one input, does the picture with the better value have the better figure? Mean over inputs.
  A scene that is easy to see can be easy to detect in as well, so this also tells of scenes, not only of fusion.
- within pictures: does the input that shows one picture better have the better figure on it? Mean over pictures.

Intervals come from a bootstrap over pictures: they say nothing of other inputs than those at hand.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from downstream.comparison.uncertainty import Estimate, resample_counts
from downstream.detection.average_precision import average_precision, estimate_precision, match
from downstream.quality.ranks import resampled_ranks, spearman, weighted_pearson
from downstream.segmentation.confusion import miou
from dwsfusion.errors import InputError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class TaskRun:
    """The figures of a finished comparison."""

    task: str
    figure: str
    pictures: tuple[str, ...]
    by_picture: Mapping[str, Floats]
    """Input name to the figure of each picture alone, ``(n,)``; NaN where it has none."""
    over_set: Mapping[str, Callable[[Counts], Floats]]
    """Input name to the figure of the set for ``(R, n)`` weightings of the pictures: ``(R,)``."""


def read_detection(folder: Path, inputs: Sequence[str]) -> TaskRun:
    """Reads AP50 of the inputs that both comparisons have, from the first detector of each.

    Raises:
        InputError: the comparison is not there or is not finished.
    """
    truth = _read_json(folder / "ground_truth.json")
    known = [name for name in inputs if (folder / "predictions" / f"{name}.json").is_file()]
    matched = {name: match(truth, _read_json(folder / "predictions" / f"{name}.json")) for name in known}
    pictures = tuple(Path(image["file_name"]).stem for image in truth["images"])
    alone = np.eye(len(pictures), dtype=np.int64)
    everything = np.ones(len(pictures), dtype=bool)

    def over_set(name: str) -> Callable[[Counts], Floats]:
        return lambda counts: estimate_precision(matched[name], everything, counts)[0]["map50"].samples

    return TaskRun(
        "detection",
        "map50",
        pictures,
        {
            name: _mean_of_defined(np.stack([average_precision(m, alone)[:, 0] for m in found]))
            for name, found in matched.items()
        },
        {name: over_set(name) for name in known},
    )


def read_segmentation(folder: Path, inputs: Sequence[str]) -> TaskRun:
    """Reads mIoU of the inputs that both comparisons have, mean over seeds.

    Raises:
        InputError: the comparison is not there or is not finished.
    """
    files = {name: folder / "confusion" / f"{name}.npz" for name in inputs}
    loaded = {name: np.load(path) for name, path in files.items() if path.is_file()}
    if not loaded:
        raise InputError(f"expected confusion matrices in {folder}/confusion: run compare_segmentation.py first")
    matrices = {n: f["matrices"].reshape(-1, *f["matrices"].shape[-3:]) for n, f in loaded.items()}  # (S, n, C, C)
    pictures = tuple(str(name) for name in next(iter(loaded.values()))["names"])

    def over_set(name: str) -> Callable[[Counts], Floats]:
        return lambda counts: miou(np.einsum("rn,snij->srij", counts, matrices[name])).mean(0)

    by_picture = {name: miou(m).mean(0) for name, m in matrices.items()}
    return TaskRun("segmentation", "miou", pictures, by_picture, {name: over_set(name) for name in matrices})


def correlate(
    run: TaskRun, values: Mapping[str, Mapping[str, Floats]], names: Sequence[str], resamples: int, seed: int
) -> dict[str, Any]:
    """Correlates each metric with the figures of a task.

    Args:
        run: the task comparison.
        values: input name to metric name to the value of each picture, ``(n,)``, more being better.
        names: the pictures of the values.
        resamples: how many bootstrap resamples.
        seed: fixes them.

    Returns:
        The figure, the numbers of inputs and pictures, and for each metric the three correlations, each
        ``{"spearman", "interval", "evidence"}``, or None where it is not defined.
    """
    inputs = [name for name in values if name in run.over_set]
    pictures = [name for name in names if name in run.pictures]
    if len(inputs) < 3 or len(pictures) < 3:
        raise InputError(
            f"expected at least 3 fused inputs and pictures that have both quality and {run.task}, found "
            f"{len(inputs)} and {len(pictures)}: give both comparisons the same --inputs and data"
        )
    counts = np.vstack([np.ones(len(pictures), np.int64), resample_counts(len(pictures), resamples, seed)])
    of_task = [run.pictures.index(name) for name in pictures]
    all_counts = np.zeros((len(counts), len(run.pictures)), np.int64)
    all_counts[:, of_task] = counts
    figures = np.stack([run.over_set[name](all_counts) for name in inputs], axis=1)  # (1 + R, inputs)
    each = np.stack([run.by_picture[name][of_task] for name in inputs])  # (inputs, n)
    of_values = [list(names).index(name) for name in pictures]
    metrics = {}
    for metric in values[inputs[0]]:
        found = np.stack([values[name][metric][of_values] for name in inputs])
        metrics[metric] = {
            "over_inputs": _estimate(spearman(_means(found, counts), figures)),
            "over_pictures": _estimate(_over_pictures(found, each, counts)),
            "within_pictures": _estimate(_within_pictures(found, each, counts)),
        }
    return {"figure": run.figure, "inputs": inputs, "images": len(pictures), "metrics": metrics}


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
    return _mean_of_defined(np.stack(found))


def _within_pictures(values: Floats, figures: Floats, counts: Counts) -> Floats:
    """Mean over the drawn pictures of the correlation over inputs: ``(R,)``."""
    found = spearman(values.T, figures.T)
    known = ~np.isnan(found)
    drawn = counts[:, known].sum(1)
    return np.divide(counts[:, known] @ found[known], drawn, out=np.full(len(counts), np.nan), where=drawn > 0)


def _estimate(values: Floats) -> dict[str, Any] | None:
    """The first value with the interval of the others."""
    if np.isnan(values[0]):
        return None
    interval = Estimate(float(values[0]), values[1:]).interval
    evidence = interval is not None and (interval[0] > 0 or interval[1] < 0)
    return {"spearman": float(values[0]), "interval": interval, "evidence": evidence}


def _mean_of_defined(values: Floats) -> Floats:
    """Mean over the first axis without its NaN; NaN where nothing is left."""
    defined = ~np.isnan(values)
    count = defined.sum(0)
    return np.divide(np.where(defined, values, 0).sum(0), count, out=np.full(count.shape, np.nan), where=count > 0)


def _read_json(path: Path) -> Any:
    if not path.is_file():
        raise InputError(
            f"expected a finished comparison with {path.name} in {path.parent}: run compare_detection.py first"
        )
    return json.loads(path.read_text(encoding="utf-8"))
