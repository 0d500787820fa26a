"""Metrics of local structure: SSIM, MS-SSIM and VIF, from moments under a sliding window.

Windows lie wholly inside the picture ("valid").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from dwsfusion.errors import ImageError
from dwsfusion.quality.picture import Picture, mean_pixels, sum_pixels

SSIM_MIN_PX = 11
MS_SSIM_MIN_PX = 176
VIF_MIN_PX = 41
_MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_VIF_NOISE = 2.0
_BLOCK = 64


@dataclass(frozen=True)
class _Moments:
    """A picture at one scale, with mean and variance under the window."""

    y: Tensor
    """Centred levels: with small numbers, variances keep their digits in single precision."""
    centre: Tensor
    """What was taken off: ``(B, 1, 1, 1)``."""
    mean: Tensor
    """Of the centred levels."""
    variance: Tensor


def ssim(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """SSIM: mean structural similarity of the fused picture to either source, mean of both, -1 to 1.

    (2 μa μf + C1)(2 σaf + C2) / ((μa² + μf² + C1)(σa² + σf² + C2)) under an 11 × 11 Gaussian window, σ 1.5, with
    C1 = (0.01 · 255)², C2 = (0.03 · 255)².

    Raises:
        ImageError: a side is under 11 pixels.

    Source: Wang et al., 2004, doi:10.1109/TIP.2003.819861.
    """
    return (_ssim(fused, ir) + _ssim(fused, vis)) / 2


def ssim_sum_of_range_two(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """SSIM as scikit-image gives it for float pictures of unstated range, sum of both sources, -2 to 2.

    A flat 7 × 7 window, sample variances, and constants for a range of 2 where the levels reach 255.
    """
    compute = partial(_similarity, window=_flat(7), data_range=2.0, sample=49 / 48)
    keep = _moments_of_flat_window
    f = fused.once(keep)
    return sum((mean_pixels(torch.mul(*compute(f, s.once(keep)))) for s in (ir, vis)), torch.zeros(()))


def ms_ssim(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """MS-SSIM: structure over five scales and luminance at the last, weighted; mean of both sources, 0 to 1.

    Contrast-structure means under 0 count as 0. Scales are halved by 2 × 2 means.

    Raises:
        ImageError: a side is under 176 pixels: the window does not fit at the fifth scale.

    Source: Wang et al., 2003, doi:10.1109/ACSSC.2003.1292216.
    """
    _check_size(fused, MS_SSIM_MIN_PX, "MS-SSIM")
    return (_ms_ssim(fused, ir) + _ms_ssim(fused, vis)) / 2


def vif(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """VIF: visual information of either source that the fused picture holds, sum of both; 0 upwards, 2 if all.

    Σ log(1 + g² σs² / (σv² + 2)) / Σ log(1 + σs² / 2) over four scales, with Gaussian windows of 17, 9, 5 and 3
    pixels, σ = size / 5, gain g = σsf / σs², rest σv² = σf² - g σsf. A source without any information counts 1:
    there was nothing to lose. More contrast than the source's gives more than 1.

    Raises:
        ImageError: a side is under 41 pixels: the windows do not fit.

    Source: Sheikh and Bovik, 2006, doi:10.1109/TIP.2005.859378, in its pixel-domain form (vifp).
    """
    _check_size(fused, VIF_MIN_PX, "VIF")
    return _vif(fused, ir) + _vif(fused, vis)


def _ssim(fused: Picture, source: Picture) -> Tensor:
    _check_size(fused, SSIM_MIN_PX, "SSIM")
    return mean_pixels(torch.mul(*_similarity(fused.once(_moments), source.once(_moments), _gauss(11, 1.5))))


def _ms_ssim(fused: Picture, source: Picture) -> Tensor:
    found = torch.ones((), device=fused.y.device)
    scales = list(zip(fused.once(_ssim_scales), source.once(_ssim_scales), _MS_SSIM_WEIGHTS, strict=True))
    for last, (f, s, weight) in enumerate(scales, start=1 - len(scales)):
        luminance, structure = _similarity(f, s, _gauss(11, 1.5))
        part = mean_pixels(luminance * structure if last == 0 else structure)
        found = found * part.clamp(min=0) ** weight
    return found


def _similarity(
    f: _Moments, s: _Moments, window: Sequence[float], data_range: float = 255.0, sample: float = 1.0
) -> tuple[Tensor, Tensor]:
    """The two factors of SSIM at each pixel: luminance, contrast and structure."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    covariance = _covariance(f, s, window) * sample
    mean_f, mean_s = f.mean + f.centre, s.mean + s.centre
    luminance = (2 * mean_f * mean_s + c1) / (mean_f.square() + mean_s.square() + c1)
    return luminance, (2 * covariance + c2) / ((f.variance + s.variance) * sample + c2)


def _vif(fused: Picture, source: Picture) -> Tensor:
    held, there = torch.zeros((), device=fused.y.device), torch.zeros((), device=fused.y.device)
    for f, s, size in zip(fused.once(_vif_scales), source.once(_vif_scales), _VIF_SIZES, strict=True):
        covariance = _covariance(f, s, _gauss(size, size / 5))
        # Where the source is flat, or darkens as the fused brightens, nothing is held.
        gain = torch.where(s.variance > _FLAT, covariance / s.variance.clamp(min=_FLAT), 0).clamp_(min=0)
        rest = (f.variance - gain * covariance).clamp_(min=0)
        held = held + sum_pixels(torch.log1p(gain.square_() * s.variance / (rest + _VIF_NOISE)))
        there = there + sum_pixels(torch.log1p(s.variance / _VIF_NOISE))
    return torch.where(there == 0, 1.0, held / torch.where(there == 0, 1, there))


_VIF_SIZES = (17, 9, 5, 3)
_FLAT = 1e-10


def _vif_scales(y: Tensor) -> list[_Moments]:
    scales: list[_Moments] = []
    for size in _VIF_SIZES:
        window = _gauss(size, size / 5)
        if scales:
            y = _slide(y, window)[..., ::2, ::2]
        scales.append(_under(y, window))
    return scales


def _ssim_scales(y: Tensor) -> list[_Moments]:
    scales = [_moments(y)]
    for _ in _MS_SSIM_WEIGHTS[1:]:
        y = functional.avg_pool2d(y, 2)
        scales.append(_moments(y))
    return scales


def _moments(y: Tensor) -> _Moments:
    return _under(y, _gauss(11, 1.5))


def _moments_of_flat_window(y: Tensor) -> _Moments:
    return _under(y, _flat(7))


def _under(y: Tensor, window: Sequence[float]) -> _Moments:
    centre = mean_pixels(y).to(y.dtype)[:, None, None, None]
    y = y - centre
    mean = _slide(y, window)
    return _Moments(y, centre, mean, (_slide(y.square(), window) - mean.square()).clamp_(min=0))


def _covariance(a: _Moments, b: _Moments, window: Sequence[float]) -> Tensor:
    return _slide(a.y * b.y, window) - a.mean * b.mean


def _gauss(size: int, sigma: float) -> tuple[float, ...]:
    x = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-x.square() / (2 * sigma**2))
    return tuple((weights / weights.sum()).tolist())


def _flat(size: int) -> tuple[float, ...]:
    return (1 / size,) * size


def _slide(y: Tensor, window: Sequence[float]) -> Tensor:
    """Weighted sums under a window, the same along rows and columns; only where it lies wholly inside."""
    for dim in (-2, -1):
        length = y.shape[dim] - len(window) + 1
        out = y.narrow(dim, 0, length) * window[0]
        for start, weight in enumerate(window[1:], start=1):
            out.add_(y.narrow(dim, start, length), alpha=weight)
        y = out
    return y


def _check_size(picture: Picture, least_px: int, metric: str) -> None:
    height, width = picture.y.shape[-2:]
    if min(height, width) < least_px:
        raise ImageError(f"{metric} needs sides of {least_px} pixels or more, found {width}x{height}")
