"""Metrics of edges: how much of the sources' gradients the fused picture keeps, and what it adds."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from dwsfusion.quality.picture import Picture, ratio, sum_pixels


class _Edges(NamedTuple):
    """Strength and orientation, radians in (-π/2, π/2], of the gradient at each pixel."""

    strength: Tensor
    angle: Tensor


def qabf(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """Qabf: share of the sources' edges that the fused picture keeps, 0 to 0.987; 1 where the sources have no edge.

    Σ (Qaf ga + Qbf gb) / Σ (ga + gb) with Sobel strengths g. Qaf is the product of two sigmoids: 0.9994 / (1 +
    exp(-15 (G - 0.5))) of the ratio G ≤ 1 of the strengths, and 0.9879 / (1 + exp(-22 (A - 0.8))) of the nearness
    A = 1 - |αa - αf| / (π/2) of the orientations. Outside the picture is black.

    Source: Xydeas and Petrović, 2000, doi:10.1049/el:20000267.
    Differs from much-copied programs: they take the strength itself for G where the two strengths are equal, which
    moves the result by less than 0.0006.
    """
    f, a, b = fused.once(_edges), ir.once(_edges), vis.once(_edges)
    kept = sum_pixels(_kept(a, f) * a.strength) + sum_pixels(_kept(b, f) * b.strength)
    return ratio(kept, sum_pixels(a.strength) + sum_pixels(b.strength), otherwise=1)


def nabf(fused: Picture, ir: Picture, vis: Picture) -> Tensor:
    """Nabf: share of edges that fusion made up, 0 to 1; lower is better.

    Σ n ((1 - Qaf) wa + (1 - Qbf) wb) / Σ (wa + wb), n = 1 where the fused edge is stronger than both sources', with
    weights w = g^1.5 where g ≥ 2, else 0.001. Q is the geometric mean of the sigmoids 0.9999 / (1 + exp(-19 (G - 0.5)))
    and 0.9995 / (1 + exp(-22 (A - 0.5))). Sobel strengths g are an eighth of Qabf's; the border is mirrored.

    Source: Petrović and Xydeas, 2005, doi:10.1109/ICCV.2005.175 (fusion artefacts), as modified by Shreyamsha
    Kumar, 2013, doi:10.1007/s11760-012-0361-x.
    """
    f, a, b = fused.once(_mirrored_edges), ir.once(_mirrored_edges), vis.once(_mirrored_edges)
    weight_a, weight_b = _weights(a), _weights(b)
    lost = (1 - _kept_mean(a, f)) * weight_a + (1 - _kept_mean(b, f)) * weight_b
    added = (f.strength > a.strength) & (f.strength > b.strength)
    return sum_pixels(lost * added) / (sum_pixels(weight_a) + sum_pixels(weight_b))


def _kept(source: _Edges, fused: _Edges) -> Tensor:
    strength = 0.9994 * torch.sigmoid(15 * (_strength_ratio(source, fused) - 0.5))
    nearness = 1 - (source.angle - fused.angle).abs() / (math.pi / 2)
    return strength * (0.9879 * torch.sigmoid(22 * (nearness - 0.8)))


def _kept_mean(source: _Edges, fused: _Edges) -> Tensor:
    strength = 0.9999 * torch.sigmoid(19 * (_strength_ratio(source, fused) - 0.5))
    nearness = ((source.angle - fused.angle).abs() - math.pi / 2).abs() * (2 / math.pi)
    return (strength * (0.9995 * torch.sigmoid(22 * (nearness - 0.5)))).sqrt()


def _strength_ratio(a: _Edges, b: _Edges) -> Tensor:
    """The weaker by the stronger; 0 where there is no edge in either."""
    larger = torch.maximum(a.strength, b.strength)
    return torch.minimum(a.strength, b.strength) / torch.where(larger == 0, 1, larger)


def _weights(edges: _Edges) -> Tensor:
    return torch.where(edges.strength >= 2, edges.strength**1.5, 0.001)


def _edges(y: Tensor) -> _Edges:
    right, up = _sobel(functional.pad(y, (1, 1, 1, 1)))
    # Upright edges, and flat spots, have π/2.
    angle = torch.where(right == 0, math.pi / 2, torch.atan(up / torch.where(right == 0, 1, right)))
    return _Edges(torch.hypot(right, up), angle)


def _mirrored_edges(y: Tensor) -> _Edges:
    right, up = _sobel(functional.pad(y, (1, 1, 1, 1), mode="reflect"))
    # The orientation is measured from the other axis here; flat spots have 0.
    angle = torch.where((right == 0) & (up == 0), 0, torch.atan(-right / up))
    return _Edges(torch.hypot(right, up) / 8, angle)


def _sobel(padded: Tensor) -> tuple[Tensor, Tensor]:
    """Differences to the right and upwards, smoothed across by 1, 2, 1; a pixel less on every side."""
    top, middle, bottom = padded[..., :-2, :], padded[..., 1:-1, :], padded[..., 2:, :]
    down = top + 2 * middle + bottom
    right = down[..., 2:] - down[..., :-2]
    difference = top - bottom
    return right, difference[..., :-2] + 2 * difference[..., 1:-1] + difference[..., 2:]
