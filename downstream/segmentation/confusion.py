"""Figures of segmentation from confusion matrices.

A confusion matrix counts pixels: rows are the true classes, columns the predicted ones. Figures come from the
**sum** of the pictures' matrices: the mean of the pictures' IoU is another figure, in which a class counts by
how many pictures show it. All functions take matrices ``(..., C, C)`` with any leading axes.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from downstream.datasets.card import Ids
from dwsfusion.errors import InputError
from dwsfusion.runs import whole_file

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


def _mean_of_defined(values: Floats) -> Floats:
    """Mean over the last axis without its NaN; NaN where nothing is left."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0).sum(-1), defined.sum(-1))


def _ratio(part: Matrices, whole: Matrices) -> Floats:
    empty = np.full(np.shape(whole), np.nan)
    return np.divide(part, whole, out=empty, where=np.asarray(whole) > 0)


def write_matrices(path: Path, matrices: Counts, names: Sequence[str]) -> None:
    """Writes the matrices ``(seeds, n, C, C)`` of an input, without the first axis where there is one seed."""
    with whole_file(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, matrices=matrices[0] if len(matrices) == 1 else matrices, names=np.array(names))


def read_matrices(path: Path) -> tuple[tuple[str, ...], Counts]:
    """Reads the names of the pictures and the matrices ``(seeds, n, C, C)`` of an input."""
    with np.load(path) as file:
        matrices, names = file["matrices"], file["names"]
    return tuple(str(name) for name in names), matrices.reshape(-1, *matrices.shape[-3:])
