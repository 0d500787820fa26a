"""Figures of segmentation from confusion matrices, and how sure they are.

A confusion matrix counts pixels: rows are the true classes, columns the predicted ones. Figures come from the
**sum** of the pictures' matrices: the mean of the pictures' IoU is another figure, in which a class counts by
how many pictures show it. All functions take matrices ``(..., C, C)`` with any leading axes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from downstream.comparison.uncertainty import Estimate
from downstream.segmentation.classes import MSRS_CLASSES, Ids
from dwsfusion.errors import InputError

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Matrices = NDArray[Any]


def confusion_matrix(truth: Ids, predicted: Ids, classes: int) -> Counts:
    """Counts the pixels of one picture by true and predicted class.

    Args:
        truth: class ids ``(H, W)``; pixels of 255, or of any id outside the classes, are ignored.
        predicted: class ids ``(H, W)`` in [0, classes).
        classes: number of classes C.

    Returns:
        ``(C, C)``: entry (t, p) is the number of pixels of class t that were predicted as p.

    Raises:
        InputError: the sizes differ, or a prediction lies outside the classes where the truth does not.
    """
    if truth.shape != predicted.shape:
        raise InputError(f"expected truth and prediction of one size, found {truth.shape} and {predicted.shape}")
    known = truth < classes
    true, guess = truth[known].astype(np.int64), predicted[known].astype(np.int64)
    if guess.size and guess.max() >= classes:
        raise InputError(f"expected predicted class ids below {classes}, found {guess.max()}")
    return np.bincount(true * classes + guess, minlength=classes * classes).reshape(classes, classes)


def class_iou(matrix: Matrices) -> Floats:
    """Intersection over union of each class, in [0, 1]: ``(..., C, C)`` to ``(..., C)``.

    IoU = TP / (TP + FP + FN); NaN for a class that neither truth nor prediction holds.
    """
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    return _ratio(hits, matrix.sum(-1) + matrix.sum(-2) - hits)


def miou(matrix: Matrices) -> Floats:
    """Mean IoU over the classes that occur, in [0, 1]: ``(..., C, C)`` to ``(...)``; NaN where none does."""
    return _mean_of_defined(class_iou(matrix))


def miou_foreground(matrix: Matrices) -> Floats:
    """Mean IoU without the background, class 0, which fills most of a street: ``(..., C, C)`` to ``(...)``."""
    return _mean_of_defined(class_iou(matrix)[..., 1:])


def pixel_accuracy(matrix: Matrices) -> Floats:
    """Share of pixels that are right, in [0, 1]: ``(..., C, C)`` to ``(...)``; NaN where there are none."""
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum((-2, -1)))


METRICS: dict[str, Callable[[Matrices], Floats]] = {
    "miou": miou,
    "miou_foreground": miou_foreground,
    "pixel_accuracy": pixel_accuracy,
}


def estimates(matrices: Counts, draws: Counts) -> dict[str, Estimate]:
    """The figures of one input, each with its bootstrap samples.

    A figure is the mean over seeds of the figure of a seed's summed matrix. A resample draws pictures, the
    same for all seeds, so the samples tell of the choice of pictures; the figure of each seed is kept apart.

    Args:
        matrices: ``(S, n, C, C)``, one matrix a seed and picture.
        draws: ``(R, n)``, how often each picture is drawn in each resample.

    Returns:
        The names of `METRICS`, and the name of every class for its IoU.
    """
    seeds, pictures, classes, _ = matrices.shape
    total = matrices.sum(1)
    flat = matrices.reshape(seeds, pictures, -1).astype(np.float64)
    resampled = (draws.astype(np.float64) @ flat).reshape(seeds, len(draws), classes, classes)
    found = {name: _over_seeds(metric(total), metric(resampled)) for name, metric in METRICS.items()}
    iou, iou_resampled = class_iou(total), class_iou(resampled)
    for index, name in enumerate(MSRS_CLASSES[:classes]):
        found[name] = _over_seeds(iou[:, index], iou_resampled[..., index])
    return found


def _over_seeds(values: Floats, samples: Floats) -> Estimate:
    value = float(_mean_of_defined(values))
    return Estimate(None if np.isnan(value) else value, _mean_of_defined(samples.T), tuple(values.tolist()))


def _mean_of_defined(values: Floats) -> Floats:
    """Mean over the last axis without its NaN; NaN where nothing is left."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0).sum(-1), defined.sum(-1))


def _ratio(part: Matrices, whole: Matrices) -> Floats:
    empty = np.full(np.shape(whole), np.nan)
    return np.divide(part, whole, out=empty, where=np.asarray(whole) > 0)
