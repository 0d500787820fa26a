"""Ranks with shared ties, and Spearman's correlation of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def shared_ranks(values: Sequence[float] | Floats) -> Floats:
    """Ranks along the last axis, 1 for the largest; equal values share the mean of their ranks."""
    v = np.asarray(values, dtype=np.float64)
    larger = (v[..., None, :] > v[..., :, None]).sum(-1)
    equal = (v[..., None, :] == v[..., :, None]).sum(-1)
    ranks: Floats = larger + (equal + 1) / 2
    return ranks


def spearman(a: Any, b: Any) -> Floats:
    """Spearman's rank correlation along the last axis, -1 to 1; NaN where either is constant or has a NaN.

    Source: Spearman, 1904, doi:10.2307/1412159.
    """
    return weighted_pearson(shared_ranks(a), shared_ranks(b), np.ones(np.shape(a)[-1:]), _missing(a) | _missing(b))


def weighted_pearson(a: Floats, b: Floats, weights: Floats, missing: Any = False) -> Floats:
    """Linear correlation along the last axis with weights; NaN where it is not defined."""
    total = weights.sum(-1, keepdims=True)
    a = a - (weights * a).sum(-1, keepdims=True) / total
    b = b - (weights * b).sum(-1, keepdims=True) / total
    scale = np.sqrt((weights * a * a).sum(-1) * (weights * b * b).sum(-1))
    known = (scale > 1e-12) & ~np.asarray(missing)
    product = (weights * a * b).sum(-1)
    return np.divide(product, scale, out=np.full(np.shape(scale), np.nan), where=known)


def resampled_ranks(values: Floats, counts: NDArray[np.int64]) -> Floats:
    """Ranks of `values` ``(n,)`` in each resample, in which value i stands ``counts[r, i]`` times: ``(R, n)``."""
    larger = counts @ (values[None, :] > values[:, None]).T
    equal = counts @ (values[None, :] == values[:, None]).T
    ranks: Floats = larger + (equal + 1) / 2
    return ranks


def _missing(values: Any) -> NDArray[np.bool_]:
    return np.asarray(np.isnan(np.asarray(values, dtype=np.float64)).any(-1))
