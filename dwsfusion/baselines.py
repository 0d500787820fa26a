"""Fusion without a network: the rules that a network must beat to be worth its cost."""

import torch
from torch import Tensor, nn


class MeanFusion(nn.Module):
    """The mean of infrared and visible luma."""

    def forward(self, ir: Tensor, vis_y: Tensor) -> Tensor:
        """Fuses ``(B, 1, H, W)`` with ``(B, 1, H, W)``."""
        return (ir + vis_y) / 2


class MaxFusion(nn.Module):
    """The larger of infrared and visible luma at each pixel."""

    def forward(self, ir: Tensor, vis_y: Tensor) -> Tensor:
        """Fuses ``(B, 1, H, W)`` with ``(B, 1, H, W)``."""
        return torch.maximum(ir, vis_y)


BASELINES: dict[str, type[nn.Module]] = {"mean": MeanFusion, "max": MaxFusion}
