"""What a training sees: crops of pictures and labels, drawn from a seed and from the labels alone.

Never from the pictures: two inputs trained with one seed see the same scenes in the same order, cut and mirrored
in the same way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from downstream.datasets.card import Ids
from downstream.segmentation.deeplab import STRIDE_PX
from downstream.segmentation.recipe import TrainingConfig
from dwsfusion.errors import InputError
from dwsfusion.images import Array


@dataclass(frozen=True)
class Crop:
    """What is cut from one picture: its scale, its place as a fraction of the room there is, and its side."""

    item: int
    scale: float
    top: float
    left: float
    mirrored: bool
    aim: tuple[int, int] | None = None
    """Row and column in pixels that the crop holds; `top` and `left` then say where in it, as far as there is room."""


def draw_batches(labels: Sequence[Ids], classes: int, config: TrainingConfig, seed: int) -> Iterator[list[Crop]]:
    """Draws order and augmentation of a whole training from a seed, without a look at the pictures.

    Args:
        labels: class ids ``(H, W)`` of every item; 0 is the background.
        classes: the number of classes.
        config: the recipe.
        seed: fixes the draws.

    Raises:
        InputError: fewer than two items (batch normalisation has nothing to average over).
    """
    size = min(config.batch_size, len(labels))
    if size < 2:
        raise InputError(
            f"expected two training pictures or more a batch, found {size}: raise --batch-size, or add some"
        )
    random = np.random.default_rng(seed)
    holders = _holders(labels, classes)
    for _ in range(config.epochs):
        order = random.permutation(len(labels))
        for start in range(0, len(labels) - size + 1, size):
            yield [_draw_crop(int(item), labels, holders, config, random) for item in order[start : start + size]]


def crop_size(pictures: Sequence[Array], wanted: tuple[int, int]) -> tuple[int, int]:
    """Height and width in pixels of all crops: no larger than a picture, in whole multiples of the stride.

    Raises:
        InputError: that leaves nothing.
    """
    sides = np.min([picture.shape[:2] for picture in pictures], axis=0)
    height, width = (min(want, int(side)) // STRIDE_PX * STRIDE_PX for want, side in zip(wanted, sides, strict=True))
    if min(height, width) < STRIDE_PX:
        raise InputError(
            f"expected crops of {STRIDE_PX} pixels or more, found {wanted[1]}x{wanted[0]} asked for and a picture "
            f"of {sides[1]}x{sides[0]}: raise --crop-px, or leave out small pictures"
        )
    return height, width


def cut(picture: Array, label: Ids, crop: Crop, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Cuts, magnifies and mirrors: uint8 ``(h, w, 3)`` and ``(h, w)`` of the crop's size."""
    window = [min(full, round(side / crop.scale)) for full, side in zip(label.shape, size, strict=True)]
    top, left = _corner(crop, label.shape, window)
    place = np.s_[top : top + window[0], left : left + window[1]]
    pixels = torch.from_numpy(np.array(picture[place])).permute(2, 0, 1)[None].float()
    pixels = F.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=True)
    ids = F.interpolate(torch.from_numpy(np.array(label[place]))[None, None], size, mode="nearest-exact")
    both = pixels.round().to(torch.uint8)[0].permute(1, 2, 0), ids[0, 0]
    return (both[0].flip(1), both[1].flip(1)) if crop.mirrored else both


def _holders(labels: Sequence[Ids], classes: int) -> dict[int, list[int]]:
    """The items that show each class but the background, for classes that occur."""
    seen = [np.bincount(label.ravel(), minlength=256) > 0 for label in labels]
    holders = {c: [item for item, own in enumerate(seen) if own[c]] for c in range(1, classes)}
    return {c: items for c, items in holders.items() if items}


def _draw_crop(
    item: int, labels: Sequence[Ids], holders: dict[int, list[int]], config: TrainingConfig, random: np.random.Generator
) -> Crop:
    low, high = np.log(config.crop_scales) - np.log(config.shrink)
    scale, top, left, side = random.random(4)
    aim = None
    if config.aimed and holders and random.random() < config.aimed:
        wanted = int(random.choice(list(holders)))
        item = int(random.choice(holders[wanted]))
        pixel = int(random.choice(np.flatnonzero(labels[item] == wanted)))
        aim = divmod(pixel, labels[item].shape[1])
    return Crop(item, float(np.exp(low + (high - low) * scale)), float(top), float(left), bool(side < 0.5), aim)


def _corner(crop: Crop, sides: Sequence[int], window: Sequence[int]) -> tuple[int, int]:
    """Where a window begins, inside the picture."""
    room = [full - part for full, part in zip(sides, window, strict=True)]
    if crop.aim is None:
        return int(crop.top * (room[0] + 1)), int(crop.left * (room[1] + 1))
    begin = crop.aim[0] - int(crop.top * window[0]), crop.aim[1] - int(crop.left * window[1])
    return min(max(0, begin[0]), room[0]), min(max(0, begin[1]), room[1])
