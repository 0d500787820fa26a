"""Training of one segmentation network: the same start, budget, order and augmentation for every input.

All that is random comes from the seed alone, never from the pictures: two inputs trained with one seed see
the same scenes in the same order, cut and mirrored in the same way, from the same initial weights. Nothing is
stopped early and no weights are chosen: every network is trained for its whole budget and kept as it is then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from downstream.datasets.card import IGNORED, Ids
from downstream.segmentation.deeplab import STRIDE_PX, to_input
from dwsfusion.errors import InputError
from dwsfusion.images import Array
from dwsfusion.progress import Track, silent

SCALES = (0.75, 1.5)
"""Smallest and largest magnification of a crop."""

RECIPE = {
    "optimizer": "AdamW, learning rate falling to 0 with the 0.9th power of the steps left",
    "loss": "cross-entropy, classes weighted by (share of the train pixels) ** -0.3, 255 ignored",
    "augmentation": f"random crops magnified by {SCALES[0]} to {SCALES[1]}, mirroring; the same for all inputs",
    "early_stopping": "none: every network is trained for its whole budget",
    "weights": "the last ones; none are chosen by a look at other pictures",
}
"""What `TrainingConfig` does not say, in words, for the protocol of a comparison."""


@dataclass(frozen=True)
class TrainingOptions:
    """What is asked of the trainings; None leaves it open."""

    encoder: str | None = None
    """Encoder, by its name in segmentation-models-pytorch; tu-NAME is timm's. Without it mobilenet_v2; on the
    sample scenes a small one, trained from scratch with settings of its own."""
    encoder_weights: str | None = None
    """First weights of the encoder: imagenet (downloaded), FILE (torchvision's or timm's), or none. Without it
    imagenet; on the sample scenes none."""
    decoder_channels: int | None = None
    """Channels of the decoder; fewer are faster. Without it 256; on the sample scenes 64."""
    epochs: int | None = None
    """Times that every picture is seen; without it 100, on the sample scenes 8."""
    batch_size: int | None = None
    """Pictures a step; an incomplete last batch of an epoch is left out. Without it 8; on the sample scenes 4."""
    lr: float | None = None
    """Learning rate of AdamW at the start; it falls to 0 with the 0.9th power of the steps left. Without it 0.001;
    on the sample scenes 0.005."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW."""
    crop_px: tuple[int, int] | None = None
    """Height and width of the crops trained on; at most the smallest picture's, in whole multiples of 16. Without
    it 384 512; on the sample scenes 144 192."""

    def filled(self, rest: "TrainingConfig") -> "TrainingConfig":
        """What was asked for, and the rest from a whole recipe."""
        asked = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(rest, **{name: value for name, value in asked.items() if value is not None})


@dataclass(frozen=True)
class TrainingConfig(TrainingOptions):
    """How networks are trained: the recipe and the budget, equal for every input; nothing is left open."""

    encoder: str = "mobilenet_v2"
    encoder_weights: str = "imagenet"
    decoder_channels: int = 256
    epochs: int = 100
    batch_size: int = 8
    lr: float = 1e-3
    crop_px: tuple[int, int] = (384, 512)


@dataclass(frozen=True)
class Crop:
    """What is cut from one picture: its scale, its place as a fraction of the room there is, and its side."""

    item: int
    scale: float
    top: float
    left: float
    mirrored: bool


def train_network(
    network: nn.Module,
    pictures: Sequence[Array],
    labels: Sequence[Ids],
    classes: int,
    config: TrainingConfig,
    seed: int,
    track: Track = silent,
    what: str = "training",
) -> None:
    """Trains a network in place and leaves it with its last weights: none are chosen by a look elsewhere.

    Args:
        network: takes ``(B, 3, H, W)``, gives logits ``(B, C, H, W)``.
        pictures: uint8 RGB ``(H, W, 3)``; sizes may differ.
        labels: class ids ``(H, W)``; 255 and ids outside the classes are ignored.
        classes: the number of classes C.
        config: the recipe.
        seed: fixes order and augmentation.
        track: shows progress.
        what: what the progress is called.

    Raises:
        InputError: fewer than two pictures, or a crop under 16 pixels.
    """
    device = next(network.parameters()).device
    batches = list(draw_batches(len(pictures), config, seed))
    size = _crop_size(pictures, config.crop_px)
    weights = class_weights(labels, classes).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=len(batches), power=0.9)
    network.train()
    for batch in track(batches, what):
        inputs, targets = _stack([_cut(pictures[c.item], labels[c.item], c, size) for c in batch], classes)
        logits = network(inputs.to(device))
        loss = F.cross_entropy(logits, targets.to(device), weight=weights, ignore_index=IGNORED)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()


def draw_batches(items: int, config: TrainingConfig, seed: int) -> Iterator[list[Crop]]:
    """Draws order and augmentation of a whole training from a seed, without a look at the pictures.

    Raises:
        InputError: fewer than two items (batch normalisation has nothing to average over).
    """
    size = min(config.batch_size, items)
    if size < 2:
        raise InputError(
            f"expected two training pictures or more a batch, found {size}: raise --batch-size, or add some"
        )
    random = np.random.default_rng(seed)
    for _ in range(config.epochs):
        order = random.permutation(items)
        for start in range(0, items - size + 1, size):
            yield [_draw_crop(int(item), random) for item in order[start : start + size]]


def class_weights(labels: Sequence[Ids], classes: int) -> Tensor:
    """Weights ``(C,)`` of the cross-entropy that let rare classes count: the share of the pixels to the power -0.3.

    The milder power was chosen on held-out train pictures of the sample scenes: with weights that make rare
    classes count as much as the background, short trainings see rare classes everywhere.
    """
    counts = np.zeros(256, dtype=np.int64)
    for label in labels:
        counts += np.bincount(label.ravel(), minlength=256)
    counts = counts[:classes]
    share = counts / max(1, counts.sum())
    return torch.from_numpy(np.maximum(share, 1e-6) ** -0.3).float()


def _draw_crop(item: int, random: np.random.Generator) -> Crop:
    low, high = np.log(SCALES)
    scale, top, left, side = random.random(4)
    return Crop(item, float(np.exp(low + (high - low) * scale)), float(top), float(left), bool(side < 0.5))


def _crop_size(pictures: Sequence[Array], wanted: tuple[int, int]) -> tuple[int, int]:
    """Height and width in pixels of all crops: no larger than a picture, in whole multiples of the stride."""
    sides = np.min([picture.shape[:2] for picture in pictures], axis=0)
    height, width = (min(want, int(side)) // STRIDE_PX * STRIDE_PX for want, side in zip(wanted, sides, strict=True))
    if min(height, width) < STRIDE_PX:
        raise InputError(
            f"expected crops of {STRIDE_PX} pixels or more, found {wanted[1]}x{wanted[0]} asked for and a picture "
            f"of {sides[1]}x{sides[0]}: raise --crop-px, or leave out small pictures"
        )
    return height, width


def _cut(picture: Array, label: Ids, crop: Crop, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Cuts, magnifies and mirrors: uint8 ``(h, w, 3)`` and ``(h, w)`` of the crop's size."""
    window = [min(full, round(side / crop.scale)) for full, side in zip(picture.shape[:2], size, strict=True)]
    top = int(crop.top * (picture.shape[0] - window[0] + 1))
    left = int(crop.left * (picture.shape[1] - window[1] + 1))
    place = np.s_[top : top + window[0], left : left + window[1]]
    pixels = torch.from_numpy(np.array(picture[place])).permute(2, 0, 1)[None].float()
    pixels = F.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=True)
    ids = F.interpolate(torch.from_numpy(np.array(label[place]))[None, None], size, mode="nearest-exact")
    both = pixels.round().to(torch.uint8)[0].permute(1, 2, 0), ids[0, 0]
    return (both[0].flip(1), both[1].flip(1)) if crop.mirrored else both


def _stack(cuts: Sequence[tuple[Tensor, Tensor]], classes: int) -> tuple[Tensor, Tensor]:
    targets = torch.stack([label for _, label in cuts]).long()
    return to_input(torch.stack([pixels for pixels, _ in cuts])), targets.masked_fill(targets >= classes, IGNORED)
