"""Feature mutual information: how much the local features of either source and of the fused picture share.

Each is the mean over all 3 × 3 windows of a feature, and over both sources, of the normalised mutual information
2 I / (H(A) + H(F)) of the window in source and fused, by the joint distribution that `fmi_windows` estimates; 1 where
the two windows are equal.

Source: Haghighat and Razian, 2014, doi:10.1109/ICAICT.2014.7036000, after Haghighat et al., 2011,
doi:10.1016/j.compeleceng.2011.07.012.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from dwsfusion.quality.fmi_windows import mean_shared_information
from dwsfusion.quality.picture import Picture


def fmi_pixel(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """FMI of the grey levels themselves, 0 to 1."""
    return _fmi(fused, ir, vis, _grey)


def fmi_dct(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """FMI of the coefficients of the whole picture's orthonormal cosine transform, 0 to 1."""
    return _fmi(fused, ir, vis, _cosine)


def fmi_wavelet(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """FMI of one level of the discrete Meyer wavelet, its four bands side by side, 0 to 1.

    The picture is mirrored at its border, the edge pixel repeated.
    """
    return _fmi(fused, ir, vis, _wavelet)


def _fmi(fused: Picture, ir: Picture, vis: Picture, feature: Callable[[Tensor], Tensor]) -> Tensor:
    f = fused.once(feature)
    shared = mean_shared_information(ir.once(feature), f) + mean_shared_information(vis.once(feature), f)
    return shared / 2


def _grey(y: Tensor) -> Tensor:
    return y


def _cosine(y: Tensor) -> Tensor:
    height, width = y.shape[-2:]
    return _cosines(height).to(y) @ y @ _cosines(width).to(y).T


def _wavelet(y: Tensor) -> Tensor:
    height, width = y.shape[-2:]
    return _meyer_bands(height).to(y) @ y @ _meyer_bands(width).to(y).T


@lru_cache(maxsize=8)
def _cosines(size: int) -> Tensor:
    """The orthonormal cosine transform (DCT-II) of `size` values as a matrix."""
    place = torch.arange(size, dtype=torch.float64)
    matrix = torch.cos(math.pi / size * (place + 0.5) * place[:, None]) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix


@lru_cache(maxsize=8)
def _meyer_bands(size: int) -> Tensor:
    """One level of the discrete Meyer wavelet as a matrix: the low band's rows, then the high band's."""
    low = torch.tensor([0.0, *_MEYER, *_MEYER[-2::-1]], dtype=torch.float64)
    high = low.flip(0) * torch.tensor([-1.0, 1.0]).repeat(len(low) // 2)
    count = (size + len(low) - 1) // 2
    # Output k is Σ h[j] x[2k + 1 - j], with x mirrored beyond its ends.
    place = 2 * torch.arange(count)[:, None] + 1 - torch.arange(len(low))
    place = place.remainder(2 * size)
    place = torch.where(place < size, place, 2 * size - 1 - place)
    bands = [
        torch.zeros(count, size, dtype=torch.float64).scatter_add_(1, place, h.expand(count, -1)) for h in (low, high)
    ]
    return torch.cat(bands)


# The first half, and the middle, of the symmetric low-pass filter known as dmey.
_MEYER = (
    -1.009999956941423e-12, 8.519459636796214e-09, -1.111944952595278e-08, -1.0798819539621958e-08,
    6.066975741351135e-08, -1.0866516536735883e-07, 8.200680650386481e-08, 1.1783004497663934e-07,
    -5.506340565252278e-07, 1.1307947017916706e-06, -1.489549216497156e-06, 7.367572885903746e-07,
    3.20544191334478e-06, -1.6312699734552807e-05, 6.554305930575149e-05, -0.0006011502343516092,
    -0.002704672124643725, 0.002202534100911002, 0.006045814097323304, -0.006387718318497156,
    -0.011061496392513451, 0.015270015130934803, 0.017423434103729693, -0.03213079399021176,
    -0.024348745906078023, 0.0637390243228016, 0.030655091960824263, -0.13284520043622938,
    -0.035087555656258346, 0.44459300275757724, 0.7445855923188063,
)  # fmt: skip
