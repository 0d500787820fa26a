"""What the generator is trained for: pure functions of tensors ``(B, 1, H, W)`` in [0, 1]."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from dwsfusion.generator import WeightMaps

MIN_PATCH_PX = 176
"""At the fifth scale, 1/16, the 11-pixel window of MS-SSIM must still fit."""
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5
_LEAST = 1e-6
"""Less is no similarity: towards 0 the roots of MS-SSIM grow too steep."""


@dataclass(frozen=True)
class LossWeights:
    """What each term of the generator's loss counts. The defaults are the published loss; 0 leaves a term out."""

    intensity: float = 10.0
    """Mean distance from the brighter source."""
    gradient: float = 10.0
    """Mean distance from the steeper source's gradient magnitude."""
    structure: float = 10.0
    """1 - MS-SSIM with the brighter source."""
    dual: float = 1.0
    """Dual weight supervision: distance between the maps of the fused picture and those of its sources."""
    complement: float = 1.0
    """Distance of the two maps' sum from 1."""
    adversarial: float = 0.1
    """The critics' opinion; 0 trains without critics."""
    sources: float = 0.0
    """1 - MS-SSIM with either source, mean of both. Not in the paper."""
    edges: float = 0.0
    """Mean distance from the signed gradient of the steeper source; magnitudes lose the sign. Not in the paper."""


class WeighsAndFuses(Protocol):
    """What a `Generator` does in two steps."""

    def weights(self, ir: Tensor, vis_y: Tensor) -> WeightMaps:
        """Pictures ``(B, 1, H, W)`` to their weight maps."""

    def cross_and_fuse(self, ir: Tensor, vis_y: Tensor, weights: WeightMaps) -> Tensor:
        """Pictures ``(B, 1, H, W)`` and their weight maps to the fused luma."""


def generator_terms(
    generator: WeighsAndFuses, ir: Tensor, vis_y: Tensor, weights: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """The fused luma and the own terms of a generator, or of an engine that runs one, all but ``adversarial``."""
    maps = generator.weights(ir, vis_y)
    fused = generator.cross_and_fuse(ir, vis_y, maps)
    terms = content_loss(fused, ir, vis_y, weights)
    if weights.dual:
        terms["dual"] = weight_loss(maps, generator.weights(fused, fused))
    if weights.complement:
        terms["complement"] = complement_loss(maps)
    return fused, terms


def content_loss(fused: Tensor, ir: Tensor, vis_y: Tensor, weights: LossWeights) -> dict[str, Tensor]:
    """How far the fused luma is from its sources; the terms whose weight is not 0.

    Returns:
        Scalars of 0 or more: ``intensity``, ``gradient``, ``structure``, ``sources``, ``edges``. MS-SSIM is that of
        Wang et al. 2003, doi:10.1109/ACSSC.2003.1292216.
    """
    terms = {}
    brighter = torch.maximum(ir, vis_y)
    if weights.intensity:
        terms["intensity"] = F.l1_loss(fused, brighter)
    if weights.gradient or weights.edges:
        of_fused, of_ir, of_vis = sobel(fused), sobel(ir), sobel(vis_y)  # (B, 2, H, W) each
        strong_ir, strong_vis = _magnitude(of_ir), _magnitude(of_vis)
        if weights.gradient:
            terms["gradient"] = F.l1_loss(_magnitude(of_fused), torch.maximum(strong_ir, strong_vis))
        if weights.edges:
            terms["edges"] = F.l1_loss(of_fused, torch.where(strong_ir > strong_vis, of_ir, of_vis))
    if weights.structure:
        terms["structure"] = 1 - ms_ssim(fused, brighter).mean()
    if weights.sources:
        terms["sources"] = 1 - (ms_ssim(fused, ir) + ms_ssim(fused, vis_y)).mean() / 2
    return terms


def weight_loss(weights: WeightMaps, fused_weights: WeightMaps) -> Tensor:
    """Dual weight supervision: the fused picture is weighed as its sources are.

    Args:
        weights: of infrared and visible.
        fused_weights: of the fused picture, by the same two estimators.
    """
    return F.l1_loss(weights.ir, fused_weights.ir) + F.l1_loss(weights.vis, fused_weights.vis)


def complement_loss(weights: WeightMaps) -> Tensor:
    """How far the maps of infrared and visible are from adding up to one."""
    return F.l1_loss(weights.ir, 1 - weights.vis)


def total_loss(terms: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """The sum to minimise: every term times its weight."""
    return torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()


def sobel(x: Tensor) -> Tensor:
    """Sobel differences to the right and downwards, with a border of zeros: ``(B, 1, H, W)`` to ``(B, 2, H, W)``."""
    padded = F.pad(x, (1, 1, 1, 1))
    rows = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    columns = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    return torch.cat([rows[..., 2:] - rows[..., :-2], columns[..., 2:, :] - columns[..., :-2, :]], dim=1)


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """MS-SSIM of each picture, ``(B,)`` in [0, 1]: five scales, range 1; means under 1e-6 count as 0.

    Source: Wang et al. 2003, doi:10.1109/ACSSC.2003.1292216.
    """
    found = a.new_ones(len(a))
    for scale, weight in enumerate(_SCALE_WEIGHTS, start=1):
        luminance, structure = _similarity(a, b)
        last = scale == len(_SCALE_WEIGHTS)
        part = (luminance * structure if last else structure).mean((1, 2, 3))
        found = found * (part > _LEAST) * part.clamp(min=_LEAST) ** weight
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return found


def _magnitude(gradient: Tensor) -> Tensor:
    """|Sobel_x| + |Sobel_y|: ``(B, 2, H, W)`` to ``(B, 1, H, W)``, in [0, 8]."""
    return gradient.abs().sum(1, keepdim=True)


def _similarity(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The two factors of SSIM wherever the window lies wholly inside: luminance, contrast and structure."""
    c1, c2 = 0.01**2, 0.03**2
    # As products with banded matrices the windows cost a fraction of a convolution, and so do their gradients.
    rows, columns = (_windows(size, a.device, a.dtype) for size in a.shape[-2:])
    moments = rows.T @ torch.cat([a, b, a * a, b * b, a * b], dim=1) @ columns  # (B, 5, H - 10, W - 10)
    mean_a, mean_b, aa, bb, ab = moments.split(1, dim=1)
    product, squares = mean_a * mean_b, mean_a.square() + mean_b.square()
    return (2 * product + c1) / (squares + c1), (2 * (ab - product) + c2) / (aa + bb - squares + c2)


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _windows(size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Gaussian windows at every place where they fit, ``(size, size - 10)``."""
    steps = torch.arange(_WINDOW, dtype=torch.float64) - _WINDOW // 2
    window = torch.exp(-(steps**2) / (2 * _SIGMA**2))
    matrix = torch.zeros(size, size - _WINDOW + 1, dtype=torch.float64)
    for place in range(matrix.shape[1]):
        matrix[place : place + _WINDOW, place] = window / window.sum()
    return matrix.to(device, dtype)
