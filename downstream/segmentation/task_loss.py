"""What frozen segmentation networks make of fused pictures, as a loss for the generator that makes them."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from downstream.datasets.card import IGNORED, Ids, Masks
from downstream.datasets.data_set import DataSet
from downstream.datasets.masks import check_size, read_mask
from downstream.segmentation.classes import hide_classes
from downstream.segmentation.deeplab import MEAN, STD
from downstream.segmentation.networks import load_segmenter
from downstream.segmentation.onnx_gradients import DifferentiableOnnx
from downstream.segmentation.onnx_network import OnnxNetwork
from dwsfusion.errors import InputError
from dwsfusion.images import image_size
from dwsfusion.pairs import Pair
from dwsfusion.runs import hash_text
from dwsfusion.training import Place


def segmentation_loss(
    sources: Sequence[tuple[DataSet, Sequence[Pair]]],
    segmenters: Sequence[Path],
    device: torch.device,
    mapping: Path | None = None,
) -> "SegmentationLoss":
    """The loss of frozen segmentation networks on the pairs of some data sets, those that have masks.

    Args:
        sources: data sets, each with its pairs.
        segmenters: what `load_segmenter` takes.
        device: where to compute.
        mapping: a file that says which of Cityscapes' classes count as which of ours.

    Raises:
        InputError: no network, no pair with a mask, a mask that cannot be read, or data sets whose classes differ.
    """
    if not segmenters:
        raise InputError("--task segmentation needs a network: give a file with --segmenter")
    truth: dict[Pair, Ids] = {}
    cards: dict[tuple[str, ...], Masks] = {}
    for data, pairs in sources:
        if (masks := data.card.masks) is None:
            continue
        files = data.files(masks.path, [pair.name for pair in pairs])
        truth |= {pair: _read(files[pair.name], masks, pair) for pair in pairs if pair.name in files}
        cards |= {masks.names: masks} if files else {}
    if len(cards) != 1:
        found = " and ".join(", ".join(names) for names in cards) or "none"
        raise InputError(f"expected pairs with masks of the same classes, found {found}: see --data")
    (masks,) = cards.values()
    return SegmentationLoss([FrozenSegmenter(each, device, masks, mapping) for each in segmenters], truth)


class FrozenSegmenter:
    """A segmentation network that learns nothing, and its cross-entropy over the classes of a data set.

    Where several of its classes count as one, their probabilities are added; pixels of classes that it cannot name do
    not count.

    Args:
        source: what `load_segmenter` takes; an ONNX file is rebuilt in torch, for onnxruntime gives no gradient.
        device: where to compute.
        masks: the classes of the data set.
        mapping: a file that says which of Cityscapes' classes count as which of ours.

    Raises:
        InputError: there is no such network, or no gradient goes through it.
    """

    def __init__(self, source: Path, device: torch.device, masks: Masks, mapping: Path | None = None) -> None:
        segmenter = load_segmenter(source, device, masks, mapping=mapping)
        network = segmenter.network
        if isinstance(network, OnnxNetwork):
            network = DifferentiableOnnx(network).to(device)
        self.network = network.requires_grad_(False)
        self.identity = segmenter.identity
        self._stride_px = segmenter.given.stride_px if segmenter.given else 1
        self._known = np.unique(segmenter.ids)
        self._outputs = [np.flatnonzero(segmenter.ids == known).tolist() for known in self._known]
        self._position = np.full(256, IGNORED, np.int64)
        self._position[self._known] = range(len(self._known))

    def __call__(self, pictures: Tensor, truth: Ids) -> Tensor:
        """The mean cross-entropy over the pixels that count.

        Args:
            pictures: RGB ``(B, 3, h, w)`` in [0, 1].
            truth: positions of classes, or `IGNORED`, ``(B, H, W)``: the logits are resized to it.
        """
        mean, std = (pictures.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        height, width = pictures.shape[2:]
        stride = self._stride_px
        filled = F.pad((pictures - mean) / std, (0, -width % stride, 0, -height % stride), mode="replicate")
        given = self.network(filled)[:, :, :height, :width]
        logits = torch.stack([given[:, outputs].logsumexp(1) for outputs in self._outputs], dim=1)
        if logits.shape[2:] != truth.shape[1:]:
            logits = F.interpolate(logits, truth.shape[1:], mode="bilinear", align_corners=False)
        target = torch.from_numpy(self._position[hide_classes(truth, self._known)]).to(logits.device)
        counted = (target != IGNORED).sum().clamp(min=1)
        return F.cross_entropy(logits, target, ignore_index=IGNORED, reduction="sum") / counted


class SegmentationLoss:
    """See `dwsfusion.training.TaskLoss`.

    Args:
        segmenters: take turns, a step each.
        masks: pair to its true classes ``(H, W)``.
    """

    name = "segmentation"

    def __init__(self, segmenters: Sequence[FrozenSegmenter], masks: Mapping[Pair, Ids]) -> None:
        self._segmenters, self._masks = tuple(segmenters), dict(masks)
        self.identity = hash_text(*(s.identity for s in segmenters), *(own.tobytes().hex() for own in masks.values()))

    @property
    def labelled(self) -> Collection[Pair]:
        """The pairs with a mask."""
        return self._masks.keys()

    def __call__(self, pictures: Tensor, places: Sequence[Place], step: int) -> Tensor:
        """See `dwsfusion.training.TaskLoss.__call__`."""
        truth = np.stack([cut_mask(self._masks[place.pair], place) for place in places])
        return self._segmenters[step % len(self._segmenters)](pictures, truth)

    def measure(self, picture: Tensor, pair: Pair) -> float:
        """See `dwsfusion.training.TaskLoss.measure`."""
        return fmean(float(segmenter(picture, self._masks[pair][None])) for segmenter in self._segmenters)


def _read(path: Path, masks: Masks, pair: Pair) -> Ids:
    mask = read_mask(path, masks)
    check_size(mask, image_size(pair.vis), path)
    return mask


def cut_mask(mask: Ids, place: Place) -> Ids:
    """The part of a mask that a patch shows."""
    cut = mask[place.top : place.top + place.height, place.left : place.left + place.width]
    return cut[:, ::-1] if place.flipped else cut
