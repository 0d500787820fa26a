"""What a frozen network makes of fused pictures, as a loss for the generator.

The core knows no task: who trains hands in objects that take fused pictures in colour and say where in their scenes
they were cut; what is true there, they know. Against one network's taste, pictures are disturbed before it sees them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dwsfusion.pairs import Pair

_OF_PICTURES, _OF_BATCH = 3, 4
"""Streams of a step's random numbers; 0 is the patches' own, 1 and 2 the critics'."""
_STRIDE_PX = 32


@dataclass(frozen=True)
class Place:
    """Where in a pair a patch was cut, in pixels."""

    pair: Pair
    top: int
    left: int
    height: int
    width: int
    flipped: bool = False
    """Left to right, after it was cut."""


class TaskLoss(Protocol):
    """How far a frozen network is from the truth on fused pictures. It has nothing that learns."""

    @property
    def name(self) -> str:
        """What the term is called."""

    @property
    def identity(self) -> str:
        """Changes with the networks, the labels and the settings; a training goes on only where it is the same."""

    @property
    def labelled(self) -> Collection[Pair]:
        """The pairs whose truth it knows."""

    def __call__(self, pictures: Tensor, places: Sequence[Place], step: int) -> Tensor:
        """The loss of a batch.

        Args:
            pictures: RGB ``(B, 3, h, w)`` in [0, 1], each patch resized to one size.
            places: where they were cut, B of them, all in labelled pairs.
            step: of the training: where there are several networks, they take turns.

        Returns:
            A scalar, with a gradient to the pictures alone.
        """

    def measure(self, picture: Tensor, pair: Pair) -> float:
        """The loss of a whole picture ``(1, 3, H, W)``, the mean over all networks."""


@dataclass(frozen=True)
class Disturbance:
    """What may happen to a fused picture before a network sees it; 0 for nothing of a kind."""

    resize: float = 0.25
    """Sides grow or shrink by a factor up to 1 + this, the same for a batch, to multiples of 32 pixels."""
    blur_px: float = 1.0
    """Largest deviation of a Gaussian, in pixels of the patch; half of the patches stay sharp."""
    noise: float = 0.02
    """Largest deviation of Gaussian noise on each channel of each pixel, of 1."""
    contrast: float = 0.2
    """Distances from the picture's mean grow or shrink by up to this share."""
    brightness: float = 0.1
    """Largest shift of all levels, of 1."""


def disturb(pictures: Tensor, chances: "Chances", config: Disturbance) -> Tensor:
    """Blurs, shifts, stretches, roughens and resizes pictures, with gradients.

    Args:
        pictures: ``(B, 3, h, w)`` in [0, 1].
        chances: random numbers.
        config: how far each goes.

    Returns:
        ``(B, 3, h', w')`` in [0, 1], sides multiples of 32 pixels.
    """
    blur, contrast, brightness, noise = (chances.of_pictures(pictures, kind) for kind in range(4))
    if config.blur_px:
        pictures = _blurred(pictures, config.blur_px * (2 * blur - 1).clamp(min=0).flatten())
    mean = pictures.mean((1, 2, 3), keepdim=True)
    stretched = (pictures - mean) * (1 + config.contrast * (2 * contrast - 1)) + mean
    shifted = stretched + config.brightness * (2 * brightness - 1)
    if config.noise:
        shifted = shifted + config.noise * noise * chances.noise(pictures)
    factor = (1 + config.resize) ** (2 * chances.of_batch() - 1)
    size = [max(1, round(side * factor / _STRIDE_PX)) * _STRIDE_PX for side in pictures.shape[2:]]
    clamped = shifted.clamp(0, 1)
    if size == list(pictures.shape[2:]):
        return clamped
    return F.interpolate(clamped, size, mode="bilinear", align_corners=False, antialias=True)


class Chances:
    """Random numbers that follow from seed, step and a picture's place in the whole batch, whoever computes it.

    Args:
        seed, step: of the training.
        places: which pictures of the batch are meant.
    """

    def __init__(self, seed: int, step: int, places: Sequence[int]) -> None:
        self._seed, self._step, self._places = seed, step, places

    def of_batch(self) -> float:
        """A number from 0 to 1."""
        return float(np.random.default_rng((self._seed, self._step, _OF_BATCH)).random())

    def of_pictures(self, pictures: Tensor, kind: int) -> Tensor:
        """Numbers from 0 to 1, ``(B, 1, 1, 1)``; of a kind each their own."""
        drawn = [self._random(place).random(kind + 1)[kind] for place in self._places]
        return pictures.new_tensor(drawn).view(-1, 1, 1, 1)

    def noise(self, pictures: Tensor) -> Tensor:
        """Gaussian noise of deviation 1, in the shape of the pictures."""
        shape = pictures.shape[1:]
        drawn = [self._random(place, 1).standard_normal(shape, np.float32) for place in self._places]
        return torch.from_numpy(np.stack(drawn)).to(pictures)

    def _random(self, *more: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, self._step, _OF_PICTURES, *more))


def _blurred(pictures: Tensor, deviations_px: Tensor) -> Tensor:
    """Each picture ``(3, h, w)`` with a Gaussian of its own deviation ``(B,)``; none where that is 0."""
    reach = max(1, int(np.ceil(3 * float(deviations_px.max()))))
    steps = torch.arange(-reach, reach + 1, device=pictures.device, dtype=pictures.dtype)
    window = torch.exp(-(steps**2) / (2 * deviations_px.clamp(min=1e-3)[:, None] ** 2))  # (B, K)
    window = window / window.sum(1, keepdim=True)
    b, c, h, w = pictures.shape
    kernel = window.repeat_interleave(c, 0)  # (B C, K)
    padded = F.pad(pictures, (reach,) * 4, mode="replicate").reshape(1, b * c, h + 2 * reach, w + 2 * reach)
    rows = F.conv2d(padded, kernel[:, None, :, None], groups=b * c)
    return F.conv2d(rows, kernel[:, None, None, :], groups=b * c).reshape(b, c, h, w)
