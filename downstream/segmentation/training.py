"""Training of one segmentation network: the same start, budget, order and augmentation for every input.

All that is random comes from the seed alone, never from the pictures: two inputs trained with one seed see
the same scenes in the same order, cut and mirrored in the same way, from the same initial weights. Nothing is
stopped early and no weights are chosen: every network is trained for its whole budget and kept as it is then.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from downstream.datasets.card import IGNORED, Ids
from downstream.segmentation.crops import crop_size, cut, draw_batches
from downstream.segmentation.deeplab import to_input
from downstream.segmentation.recipe import TrainingConfig
from dwsfusion.images import Array
from dwsfusion.progress import Track, silent


def train_network(
    network: nn.Module,
    pictures: Sequence[Array],
    labels: Sequence[Ids],
    classes: int,
    config: TrainingConfig,
    seed: int,
    track: Track = silent,
    what: str = "training",
) -> list[float]:
    """Trains a network in place and leaves it with its last weights: none are chosen by a look elsewhere.

    Args:
        network: takes ``(B, 3, H, W)``, gives logits ``(B, C, H, W)``.
        pictures: uint8 RGB ``(H, W, 3)``; sizes may differ.
        labels: class ids ``(H, W)``; 255 and ids that are no class are ignored.
        classes: how many.
        config: the recipe.
        seed: fixes order and augmentation.
        track: shows progress.
        what: under this title.

    Returns:
        The mean loss of each epoch.

    Raises:
        InputError: fewer than two pictures, or a crop under 16 pixels.
    """
    device = next(network.parameters()).device
    batches = list(draw_batches(labels, classes, config, seed))
    size = crop_size(pictures, config.crop_px)
    weights = class_weights(labels, classes).to(device)
    network.train()
    if config.fixed_stride:
        fix_early(network.get_submodule("encoder"), config.fixed_stride)
    optimizer = torch.optim.AdamW(_groups(network, config), lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=len(batches), power=0.9)
    losses = []
    for batch in track(batches, what):
        inputs, targets = _stack([cut(pictures[c.item], labels[c.item], c, size) for c in batch], classes)
        logits = network(inputs.to(device))
        loss = F.cross_entropy(logits, targets.to(device), weight=weights, ignore_index=IGNORED)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())  # fetched at the end: a GPU need not be waited for
    return [float(own.mean()) for own in torch.stack(losses).cpu().tensor_split(config.epochs)]


def fix_early(encoder: nn.Module, stride: int) -> None:
    """Takes an encoder's first layers out of the training, and puts its batch norms at rest.

    What edges and textures look like is known from ImageNet, and the first layers, on the largest maps, take most of
    a step's time. Batches of a few crops give no better statistics than those that came with the weights.

    Args:
        encoder: takes ``(B, 3, H, W)``, in training mode.
        stride: layers whose output has sides of 1/stride of the picture's, or larger, are fixed.
    """
    side = 64
    early: list[nn.Module] = []

    def note(layer: nn.Module, _: object, output: Tensor) -> None:
        if output.shape[-1] * stride >= side:
            early.append(layer)

    layers = [m for m in encoder.modules() if next(m.parameters(recurse=False), None) is not None]
    for layer in encoder.modules():
        if isinstance(layer, _BatchNorm):
            layer.eval()
    hooks = [layer.register_forward_hook(note) for layer in layers]
    with torch.no_grad():
        encoder(next(encoder.parameters()).new_zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    for layer in early:
        layer.requires_grad_(False)


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


def _groups(network: nn.Module, config: TrainingConfig) -> list[dict[str, Any]]:
    """The trained parameters of the encoder, with their own rate, and all others."""
    trained = [(name.startswith("encoder."), p) for name, p in network.named_parameters() if p.requires_grad]
    encoder, rest = ([p for inside, p in trained if inside is wanted] for wanted in (True, False))
    return [{"params": encoder, "lr": config.lr * config.encoder_lr}, {"params": rest}]


def _stack(cuts: Sequence[tuple[Tensor, Tensor]], classes: int) -> tuple[Tensor, Tensor]:
    targets = torch.stack([label for _, label in cuts]).long()
    return to_input(torch.stack([pixels for pixels, _ in cuts])), targets.masked_fill(targets >= classes, IGNORED)
