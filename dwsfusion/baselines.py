"""Fusion without a network: the rules that a network must beat to be worth its cost.

Each is a rule on luma, plain or after a plain remedy for dark visible pictures: a fixed gamma curve, or CLAHE. Remedies
look at the visible picture alone; the infrared one goes in as it is.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

GAMMA = 2.2
"""The curve is y ** (1 / GAMMA): black and white stay, a grey of 0.1 becomes 0.35."""
CLIP_LIMIT = 2.0
"""Of CLAHE: no level counts more than so many times the mean count of a level; what is above goes to all alike."""
TILES = 8
"""Of CLAHE: the picture is parted into so many tiles along each side, each with a curve of its own."""


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


class Remedied(nn.Module):
    """A rule after a remedy for the visible picture.

    Args:
        rule: fuses two pictures.
        remedy: gives the visible luma ``(B, 1, H, W)`` in [0, 1] otherwise, in the same range.
    """

    def __init__(self, rule: nn.Module, remedy: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.rule, self.remedy = rule, remedy

    def forward(self, ir: Tensor, vis_y: Tensor) -> Tensor:
        """Fuses ``(B, 1, H, W)`` with ``(B, 1, H, W)``."""
        fused: Tensor = self.rule(ir, self.remedy(vis_y))
        return fused


def gamma(y: Tensor) -> Tensor:
    """Brightens luma in [0, 1] of any shape by the curve y ** (1 / `GAMMA`)."""
    return y.clamp(0, 1) ** (1 / GAMMA)


def clahe(y: Tensor) -> Tensor:
    """Contrast-limited adaptive histogram equalisation of luma ``(B, 1, H, W)`` in [0, 1], by OpenCV.

    In 256 levels, as pictures have them; each picture for itself. It knows no gradient.

    Source: Zuiderveld 1994, "Contrast Limited Adaptive Histogram Equalization", Graphics Gems IV, 474-485.
    """
    import cv2  # here, for what only computes need not wait for it

    equalise = cv2.createCLAHE(clipLimit=CLIP_LIMIT, tileGridSize=(TILES, TILES)).apply
    levels = (y.detach().clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    equalised = np.stack([equalise(picture) for picture in levels[:, 0]])[:, None]
    return torch.from_numpy(equalised).to(y.device, y.dtype) / 255


BASELINES: Mapping[str, Callable[[], nn.Module]] = {
    "mean": MeanFusion,
    "max": MaxFusion,
    "mean+gamma": partial(Remedied, MeanFusion(), gamma),
    "max+gamma": partial(Remedied, MaxFusion(), gamma),
    "mean+clahe": partial(Remedied, MeanFusion(), clahe),
    "max+clahe": partial(Remedied, MaxFusion(), clahe),
}
"""Name to what makes the method; comparisons show the first two unasked."""
