"""What the generator is trained for: pure functions of tensors ``(B, 1, H, W)`` in [0, 1]."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from dwsfusion.generator import WeightMaps

CONTENT_WEIGHT = 10.0
MIN_PATCH_PX = 176
"""At the fifth scale, 1/16, the 11-pixel window of MS-SSIM must still fit."""


def content_loss(fused: Tensor, ir: Tensor, vis_y: Tensor) -> dict[str, Tensor]:
    """How far the fused luma is from the brighter source: intensity, gradient and structure.

    Returns:
        Three scalars of 0 or more: ``intensity`` and ``gradient`` (mean absolute differences) and
        ``structure`` (1 - MS-SSIM, Wang et al. 2003, doi:10.1109/ACSSC.2003.1292216).
    """
    brighter = torch.maximum(ir, vis_y)
    steeper = torch.maximum(sobel_magnitude(ir), sobel_magnitude(vis_y))
    similarity = multiscale_structural_similarity_index_measure(fused, brighter, data_range=1.0)
    assert isinstance(similarity, Tensor)  # torchmetrics gives a tuple only when asked for per-picture values
    return {
        "intensity": F.l1_loss(fused, brighter),
        "gradient": F.l1_loss(sobel_magnitude(fused), steeper),
        "structure": 1 - similarity,
    }


def weight_loss(weights: WeightMaps, fused_weights: WeightMaps) -> dict[str, Tensor]:
    """Dual weight supervision: the fused picture is weighed as its sources are, and the two maps add up to one.

    Args:
        weights: of infrared and visible.
        fused_weights: of the fused picture, by the same two estimators.
    """
    return {
        "weight_ir": F.l1_loss(weights.ir, fused_weights.ir),
        "weight_vis": F.l1_loss(weights.vis, fused_weights.vis),
        "complement": F.l1_loss(weights.ir, 1 - weights.vis),
    }


def generator_total(terms: dict[str, Tensor]) -> Tensor:
    """The sum to minimise: ten times the content terms plus the weight terms."""
    content = terms["intensity"] + terms["gradient"] + terms["structure"]
    return CONTENT_WEIGHT * content + terms["weight_ir"] + terms["weight_vis"] + terms["complement"]


def sobel_magnitude(x: Tensor) -> Tensor:
    """|Sobel_x| + |Sobel_y| with a border of zeros: ``(B, 1, H, W)`` to the same, in [0, 8]."""
    sobel_x = x.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack([sobel_x, sobel_x.T])[:, None]  # (2, 1, 3, 3)
    return F.conv2d(x, kernels, padding=1).abs().sum(1, keepdim=True)
