"""How much the 3 × 3 windows of two features share, by Haghighat's estimate of their joint distribution.

The nine values of a window are read as a distribution over its places, down the columns. The joint distribution of
two windows is not known; it is taken as the mixture of independence and of the tightest coupling (Fréchet's bound)
that has the correlation of the two. With I its mutual information, the windows share 2 I / (H(A) + H(F)).
"""

import torch
from torch import Tensor
from torch.nn import functional

from dwsfusion import kernels

_PLACES = 9
_TINY, _FLAT = 1e-30, 1e-6
_WINDOWS_AT_ONCE = 1 << 16
"""81 joint probabilities a window: 21 MB in single precision."""


def mean_shared_information(a: Tensor, f: Tensor) -> Tensor:
    """Mean over all windows of what they share, 1 for equal ones: ``(B, 1, H, W)`` each to ``(B,)``.

    Float32 on the CPU takes compiled loops where they can be had.
    """
    if a.device.type != "cpu" or a.dtype != torch.float32:
        return shared_information(a, f)
    return kernels.attempt(lambda: _by_loops(a, f), lambda: shared_information(a, f))


def shared_information(a: Tensor, f: Tensor) -> Tensor:
    """The same, by tensor operations on any device."""
    a, f = a.expand_as(f), f
    rows, columns = f.shape[-2] - 2, f.shape[-1] - 2
    step = max(1, _WINDOWS_AT_ONCE // (columns * len(f)))
    total = torch.zeros(len(f), device=f.device, dtype=f.dtype)
    for y in range(0, rows, step):
        total = total + _shared(_windows(a[..., y : y + step + 2, :]), _windows(f[..., y : y + step + 2, :])).sum(-1)
    return total / (rows * columns)


def _shared(a: Tensor, f: Tensor) -> Tensor:
    """What windows ``(B, 9, N)`` share: ``(B, N)``."""
    shares_a, shares_f = _shares(a), _shares(f)
    deviation_a, deviation_f = shares_a - 1 / _PLACES, shares_f - 1 / _PLACES
    squares = deviation_a.square().sum(1) * deviation_f.square().sum(1)
    correlation = (deviation_a * deviation_f).sum(1) / squares.clamp(min=_TINY).sqrt()
    # Against each other, the tightest coupling runs through one of the two backwards.
    shares_f = torch.where((correlation < 0)[:, None], shares_f.flip(1), shares_f)
    cdf_a, cdf_f = _cumulated(shares_a), _cumulated(shares_f)
    high = torch.minimum(cdf_a[:, 1:, None], cdf_f[:, None, 1:])  # (B, 9, 9, N)
    low = torch.maximum(cdf_a[:, :-1, None], cdf_f[:, None, :-1])
    covariance = high.sum((1, 2)) - cdf_a.sum(1) * cdf_f.sum(1)
    tightest = covariance / (_spread(shares_a) * _spread(shares_f)).clamp(min=_TINY).sqrt()
    weight = torch.where(tightest > _FLAT, correlation.abs() / tightest.clamp(min=_FLAT), 0)[:, None, None]
    joint = weight * (high - low).clamp(min=0) + (1 - weight) * shares_a[:, :, None] * shares_f[:, None]
    entropies = _entropy(shares_a, (1,)) + _entropy(shares_f, (1,))
    information = entropies - _entropy(joint, (1, 2))
    shared = torch.where(entropies > _FLAT, 2 * information / entropies.clamp(min=_FLAT), 0)
    return torch.where((a == f).all(1), 1, shared)


def _windows(feature: Tensor) -> Tensor:
    """All 3 × 3 windows, their places down the columns: ``(B, 1, H, W)`` to ``(B, 9, (H - 2)(W - 2))``."""
    return functional.unfold(feature.mT, 3)


def _shares(windows: Tensor) -> Tensor:
    """Windows scaled to 0..1 and to a sum of 1; even where a window is flat."""
    low, high = windows.aminmax(dim=1, keepdim=True)
    scaled = torch.where(high > low, (windows - low) / torch.where(high > low, high - low, 1), 1)
    return scaled / scaled.sum(1, keepdim=True)


def _cumulated(shares: Tensor) -> Tensor:
    """With a leading 0: ``(B, 9, N)`` to ``(B, 10, N)``."""
    return functional.pad(shares.cumsum(1), (0, 0, 1, 0))


def _spread(shares: Tensor) -> Tensor:
    """Variance of the place."""
    place = torch.arange(_PLACES, device=shares.device, dtype=shares.dtype)[:, None] - (_PLACES - 1) / 2
    return (shares * place.square()).sum(1) - (shares * place).sum(1).square()


def _entropy(p: Tensor, dims: tuple[int, ...]) -> Tensor:
    """In bits. The mixture can go below 0; the original takes the real part of the logarithm there."""
    return -(p * p.abs().clamp(min=_TINY).log2()).sum(dims)


def _by_loops(a: Tensor, f: Tensor) -> Tensor:
    from dwsfusion.quality import fmi_windows_cpu  # here, for numba takes half a second to import

    return fmi_windows_cpu.shared_information(a, f)
