"""The critics of the adversarial loss: Wasserstein scores with a gradient penalty, in training only.

All pictures are float luma ``(B, 1, H, W)`` in [0, 1].
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

PENALTY_WEIGHT = 10.0
_CHANNELS = (1, 4, 8, 16)


class Critic(nn.Sequential):
    """How much a picture looks like one of a modality: higher for real ones.

    Args:
        patch: height and width of the pictures that it will see, in pixels.

    Differs from the authors' program: the last layer is kept and learns; theirs is made anew at every call.
    """

    def __init__(self, patch: tuple[int, int]) -> None:
        layers: list[nn.Module] = []
        for channels, filters in pairwise(_CHANNELS):
            layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU(), nn.AvgPool2d(2)]
        h, w = (side // 2 ** (len(_CHANNELS) - 1) for side in patch)
        super().__init__(*layers, nn.Flatten(), nn.Linear(_CHANNELS[-1] * h * w, 1))  # (B, 1)


def critic_loss(critic: Critic, real: Tensor, fused: Tensor, mix: Tensor) -> dict[str, Tensor]:
    """What a critic minimises.

    Args:
        critic: of one modality.
        real: pictures of that modality.
        fused: fused pictures, detached from the generator.
        mix: ``(B, 1, 1, 1)`` in [0, 1], where between the two the slope is taken.

    Returns:
        ``distance``, mean score of the fused less that of the real, and ``penalty``, 0 or more: how far the slope's
        norm is from 1.

    Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", arXiv:1704.00028.
    """
    between = (mix * real + (1 - mix) * fused).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return {"distance": critic(fused).mean() - critic(real).mean(), "penalty": penalty}


def adversarial_loss(score: Tensor) -> Tensor:
    """What the generator minimises: minus the mean score ``(B, 1)`` of its pictures."""
    return -score.mean()
