"""Metrics of grey levels and their joint distribution.

Every metric is a pure function of `Picture`s and gives ``(B,)``, one value a picture.
"""

import torch
from torch import Tensor

from dwsfusion.quality.picture import Picture, mean_pixels, ratio, sum_pixels

LEVELS = 256


def entropy(fused: Picture) -> Tensor:
    """EN: entropy of the grey levels, -Σ p log2 p, in bits, 0 to 8; a constant picture has 0.

    Source: Roberts et al., 2008, doi:10.1117/1.2945910.
    """
    return _entropy(fused.once(_histogram))


def standard_deviation(fused: Picture) -> Tensor:
    """SD: standard deviation of the grey levels, √(mean (F - mean F)²), in levels, 0 to 127.5."""
    return mean_pixels(fused.once(_centred).square()).sqrt()


def spatial_frequency(fused: Picture) -> Tensor:
    """SF: √(RF² + CF²) with the mean squares RF², CF² of differences along rows and columns, in levels, 0 to 361.

    Source: Eskicioglu and Fisher, 1995, doi:10.1109/26.477498.
    Differs from it: divides by the number of differences, H (W - 1), where it has H W.
    """
    y = fused.y
    rows, columns = y[..., 1:] - y[..., :-1], y[..., 1:, :] - y[..., :-1, :]
    return (mean_pixels(rows.square()) + mean_pixels(columns.square())).sqrt()


def average_gradient(fused: Picture) -> Tensor:
    """AG: mean of √((Δx² + Δy²) / 2) over (H - 1)(W - 1) pixels, Δ to the next pixel, in levels, 0 to 255.

    Source: Cui et al., 2015, doi:10.1016/j.optcom.2014.12.032.
    """
    corner = fused.y[..., :-1, :-1]
    squares = (fused.y[..., :-1, 1:] - corner).square() + (fused.y[..., 1:, :-1] - corner).square()
    return mean_pixels((squares / 2).sqrt())


def average_gradient_central(fused: Picture) -> Tensor:
    """AG by central differences (one-sided at the border) over all H W pixels, in levels, 0 to 255."""
    down, right = torch.gradient(fused.y, dim=(-2, -1))
    return mean_pixels(((down.square() + right.square()) / 2).sqrt())


def mutual_information(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """MI: information that the fused picture shares with either source, I(A; F) + I(B; F), in bits, 0 to 16.

    I(A; F) = H(A) + H(F) - H(A, F) over the joint histogram of 256 × 256 levels.

    Source: Qu et al., 2002, doi:10.1049/el:20020212.
    """
    return _information(ir, fused) + _information(vis, fused)


def correlation(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """CC: mean of the linear correlations of the fused picture with either source, -1 to 1; 0 with a constant one.

    Source: Deshmukh and Bhosale, 2010, Image fusion and image quality assessment of fused images.
    """
    f = fused.once(_centred)
    return (_pearson(ir.once(_centred), f) + _pearson(vis.once(_centred), f)) / 2


def sum_of_correlations_of_differences(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """SCD: r(A, F - B) + r(B, F - A) with linear correlations r, -2 to 2; r is 0 where one is constant.

    Source: Aslantas and Bendes, 2015, doi:10.1016/j.aeue.2015.09.004.
    """
    a, b, f = ir.once(_centred), vis.once(_centred), fused.once(_centred)
    return _pearson(a, f - b) + _pearson(b, f - a)


def mean_squared_error(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """MSE: mean squared difference to the sources, (MSE(A, F) + MSE(B, F)) / 2, in squared levels, 0 to 65025."""
    return (mean_pixels((ir.y - fused.y).square()) + mean_pixels((vis.y - fused.y).square())) / 2


def peak_signal_to_noise(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """PSNR: 10 log10(255² / MSE) with the mean MSE of the two sources, in dB, 0 upwards.

    Three equal pictures have the PSNR of one pixel that is one level off: higher than any others, and finite.
    """
    return 20 * torch.tensor(255.0).log10().item() + _noise_db(fused, ir, vis)


def peak_signal_to_noise_authors(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """PSNR as DWSFusion's authors have it: the MSE of pictures 0..1 against a peak of 255, so 48.13 dB too high."""
    return 40 * torch.tensor(255.0).log10().item() + _noise_db(fused, ir, vis)


def peak_signal_to_noise_own_peak(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """PSNR against the brightest level of the fused picture instead of 255; an all-black one has peak 1."""
    peak = fused.y.amax((1, 2, 3)).clamp(min=1)
    return 20 * peak.log10() + _noise_db(fused, ir, vis)


def mutual_information_nats(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """MI in nats, ln 2 = 0.693 times that in bits; 0 to 11.1."""
    return mutual_information(fused, ir, vis) * torch.tensor(2.0).log().item()


def _noise_db(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    one_level_off = 1 / (2 * fused.y[0].numel())
    return -10 * mean_squared_error(fused, ir, vis).clamp(min=one_level_off).log10()


def _centred(y: Tensor) -> Tensor:
    return y - mean_pixels(y).to(y.dtype)[:, None, None, None]


def _pearson(a: Tensor, b: Tensor) -> Tensor:
    """Linear correlation of centred pictures."""
    return ratio(sum_pixels(a * b), (sum_pixels(a.square()) * sum_pixels(b.square())).sqrt(), otherwise=0)


def _histogram(y: Tensor) -> Tensor:
    return _count(y.flatten(1).int(), LEVELS)


def _information(source: Picture, fused: Picture) -> Tensor:
    pairs = source.y.flatten(1).int() * LEVELS + fused.y.flatten(1).int()
    joint = _entropy(_count(pairs, LEVELS**2))
    return _entropy(source.once(_histogram)) + _entropy(fused.once(_histogram)) - joint


def _count(values: Tensor, bins: int) -> Tensor:
    """How often each value occurs in each picture: whole numbers ``(B, N)`` to ``(B, bins)``."""
    first = torch.arange(len(values), device=values.device)[:, None] * bins
    return torch.bincount((values + first).flatten(), minlength=len(values) * bins).view(-1, bins)


def _entropy(counts: Tensor) -> Tensor:
    """Entropy in bits of ``(B, bins)`` counts."""
    share = counts / counts.sum(1, keepdim=True)
    return torch.special.entr(share).sum(1) / torch.tensor(2.0).log().item()
