"""What frozen detectors make of fused pictures, as a loss for the generator that makes them."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from downstream.datasets.box_files import read_objects
from downstream.datasets.card import Boxes
from downstream.datasets.data_set import DataSet
from downstream.datasets.labels import Floats, Labels
from downstream.detection.class_ids import class_ids
from downstream.detection.label_sets import find_label_set
from downstream.detection.yolo import find_model, library_version, load_with_loss, model_identity
from dwsfusion.errors import InputError
from dwsfusion.pairs import Pair
from dwsfusion.runs import hash_text
from dwsfusion.training import Place

STRIDE_PX = 32
_LETTERBOX = 114 / 255
"""The grey that ultralytics fills pictures up with."""
_LEAST_VISIBLE = 0.25
"""Share of a box that a patch must show for it to count as an object there."""
_LEAST_SIDE_PX = 3.0


def detection_loss(
    sources: Sequence[tuple[DataSet, Sequence[Pair]]],
    detectors: Sequence[str | Path],
    labels: str | None,
    device: torch.device,
    mapping: Path | None = None,
) -> "DetectionLoss":
    """The loss of frozen detectors on the pairs of some data sets, those that have labels.

    Args:
        sources: data sets, each with its pairs.
        detectors: weights files or names.
        labels: which label set, as `find_label_set` takes it.
        device: where to compute.
        mapping: a file that says otherwise which classes of the detectors count as which of ours.

    Raises:
        InputError: no detector, no pair with labels, or data sets whose classes differ.
    """
    if not detectors:
        raise InputError("--task detection needs a detector: give weights with --detector")
    objects: dict[Pair, Labels] = {}
    cards: dict[tuple[str, ...], Boxes] = {}
    for data, pairs in sources:
        if data.card.boxes is None:
            continue
        read = read_objects(data, find_label_set(data, labels), {pair.name: pair.vis for pair in pairs})
        objects |= {pair: read[pair.name] for pair in pairs if pair.name in read}
        cards |= {data.card.boxes.names: data.card.boxes} if read else {}
    if len(cards) != 1:
        found = " and ".join(", ".join(names) for names in cards) or "none"
        raise InputError(f"expected pairs with boxes of the same classes, found {found}: see --data and --labels")
    (boxes,) = cards.values()
    return DetectionLoss([FrozenDetector(each, device, boxes, mapping) for each in detectors], objects)


class FrozenDetector:
    """A detector that learns nothing, and the loss that it was trained by, over the classes of a data set alone.

    Where several of its classes count as one, the likeliest of them does; others are cut away, as when it is scored.

    Args:
        model: a weights file, or a name as `find_model` takes it.
        device: where to compute.
        boxes: the classes of the data set, and which of a detector's count as them.
        mapping: a file that says otherwise which count as which.

    Raises:
        InputError: there is no such detector, it is trained by another loss, or knows none of the classes.
    """

    def __init__(self, model: str | Path, device: torch.device, boxes: Boxes, mapping: Path | None = None) -> None:
        file = find_model(model)
        self.network, names, self._loss = load_with_loss(file, len(boxes.names), device)
        self._ids = class_ids(names, boxes, mapping, file)
        self._known = sorted(set(self._ids.values()))
        self._classes = len(boxes.names)
        self.identity = hash_text(model_identity(file), str(sorted(self._ids.items())), library_version())

    def __call__(self, pictures: Tensor, objects: Sequence[Labels]) -> Tensor:
        """The sum of the loss's three parts (boxes, classes, distribution), a mean over the objects of the batch.

        Args:
            pictures: RGB ``(B, 3, H, W)`` in [0, 1], sides multiples of 32 pixels.
            objects: in pixels of these pictures, B of them.
        """
        seen = dict(self.network(pictures))
        lowest = seen["scores"].detach().amin() - 20  # of a class that the detector does not know: never seen
        scores = lowest.expand(len(pictures), self._classes, seen["scores"].shape[2]).clone()
        for position in self._known:
            own = [i for i, known in self._ids.items() if known == position]
            scores[:, position] = seen["scores"][:, own].amax(1)
        seen["scores"] = scores
        parts, _ = self._loss(seen, _batch(objects, pictures, self._known))
        return parts.sum() / len(pictures)


class DetectionLoss:
    """See `dwsfusion.training.TaskLoss`.

    Args:
        detectors: take turns, a step each.
        labels: pair to its objects; one without objects is a picture where nothing is to be seen.
    """

    name = "detection"

    def __init__(self, detectors: Sequence[FrozenDetector], labels: Mapping[Pair, Labels]) -> None:
        self._detectors, self._labels = tuple(detectors), dict(labels)
        objects = (own.boxes_xyxy.tobytes() + own.classes.tobytes() + own.crowd.tobytes() for own in labels.values())
        self.identity = hash_text(*(d.identity for d in self._detectors), *(each.hex() for each in objects))

    @property
    def labelled(self) -> Collection[Pair]:
        """The pairs with labels."""
        return self._labels.keys()

    def __call__(self, pictures: Tensor, places: Sequence[Place], step: int) -> Tensor:
        """See `dwsfusion.training.TaskLoss.__call__`."""
        size = (pictures.shape[2], pictures.shape[3])
        objects = [cut_objects(self._labels[place.pair], place, size) for place in places]
        return self._detectors[step % len(self._detectors)](pictures, objects)

    def measure(self, picture: Tensor, pair: Pair) -> float:
        """See `dwsfusion.training.TaskLoss.measure`; sides are filled up to multiples of 32 with grey."""
        height, width = picture.shape[2:]
        filled = F.pad(picture, (0, -width % STRIDE_PX, 0, -height % STRIDE_PX), value=_LETTERBOX)
        objects = [self._labels[pair].single]
        return fmean(float(detector(filled, objects)) for detector in self._detectors)


def cut_objects(labels: Labels, place: Place, size: tuple[int, int]) -> Labels:
    """The objects of a patch, in its pixels; those of which it shows too little are left out, and crowds.

    Args:
        labels: of the whole picture.
        place: where the patch was cut.
        size: height and width that it was resized to.
    """
    whole = labels.single
    corner = np.array([place.left, place.top] * 2, np.float64)
    extent = np.array([place.width, place.height] * 2, np.float64)
    cut = (whole.boxes_xyxy - corner).clip(0, extent)
    if place.flipped:
        cut[:, [0, 2]] = place.width - cut[:, [2, 0]]
    scaled = cut * np.array([size[1], size[0]] * 2) / extent
    shown = _areas(cut) >= _LEAST_VISIBLE * _areas(whole.boxes_xyxy)
    large = (scaled[:, 2:] - scaled[:, :2]).min(1, initial=np.inf) >= _LEAST_SIDE_PX
    return Labels(scaled[shown & large], whole.classes[shown & large])


def _areas(boxes_xyxy: Floats) -> Floats:
    areas: Floats = np.prod(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], axis=1)
    return areas


def _batch(objects: Sequence[Labels], pictures: Tensor, known: Sequence[int]) -> dict[str, Tensor]:
    """Objects as ultralytics' losses take them, those of classes that the detector knows."""
    each = [own.of(known) for own in objects]
    height, width = pictures.shape[2:]
    boxes = np.concatenate([own.boxes_xyxy for own in each]) / [width, height, width, height]
    centred = np.hstack([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]])
    numbers = np.repeat(np.arange(len(each)), [len(own.classes) for own in each])
    return {
        "batch_idx": torch.from_numpy(numbers).to(pictures),
        "cls": torch.from_numpy(np.concatenate([own.classes for own in each])).to(pictures),
        "bboxes": torch.from_numpy(centred).to(pictures),
    }
