"""Which of a data set's label sets is meant, and the objects of a comparison's pictures by it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from downstream.comparison.inputs import Comparison, missing_labels
from downstream.datasets.box_files import read_objects
from downstream.datasets.card import UNION, Boxes, LabelSet
from downstream.datasets.data_set import DataSet
from downstream.datasets.labels import Labels, report
from downstream.detection.complementarity import group_objects
from dwsfusion.errors import InputError

_ARRAYS = ("boxes_xyxy", "classes")


def read_labelled(comparison: Comparison, asked: str | None) -> dict[str, Labels]:
    """Reads the objects of the pictures that have labels.

    Args:
        comparison: the pictures.
        asked: a label set of the card, another folder beside it, or ``union``: all that either camera's labels hold;
            without it the first set of the card that is there.

    Raises:
        InputError: no picture has labels, or one is malformed.
    """
    data, pictures = comparison.data, comparison.inputs[0].files
    if asked == UNION:
        return _union(data, pictures)
    label_set = find_label_set(data, asked)
    labels = read_objects(data, label_set, pictures)
    if not labels:
        raise missing_labels(data, label_set.path)
    report(labels, f"labels {label_set_name(data, asked)}")
    return labels


def read_cameras(data: DataSet, pictures: Mapping[str, Path]) -> tuple[dict[str, Labels], dict[str, Labels]] | None:
    """Reads what is annotated on infrared alone and on visible alone; None where a camera has no labels.

    Args:
        data: the data set.
        pictures: picture name to a file of its size.

    Raises:
        InputError: a label is malformed.
    """
    boxes = data.card.boxes
    if boxes is None or boxes.cameras is None:
        return None
    infrared, visible = (read_objects(data, boxes.labels[name], pictures) for name in boxes.cameras)
    return (infrared, visible) if infrared and visible else None


def find_label_set(data: DataSet, asked: str | None) -> LabelSet:
    """The label set that is asked for.

    Raises:
        InputError: the card has no boxes.
    """
    sets = boxes_of(data).labels
    if asked is not None and asked in sets:
        return sets[asked]
    first = next(iter(sets.values()))
    if asked is not None:
        folder, slash, file = first.path.rpartition("/")
        return replace(first, path=f"{folder.rpartition('/')[0]}/{asked}{slash}{file}".lstrip("/"))
    there = (own for own in sets.values() if data.folder(own.path).is_dir() and any(data.folder(own.path).iterdir()))
    return next(there, first)


def label_set_name(data: DataSet, asked: str | None) -> str:
    """What the label set is called that `find_label_set` gives."""
    if asked is not None:
        return asked
    found = find_label_set(data, None)
    return next(name for name, own in boxes_of(data).labels.items() if own == found)


def boxes_of(data: DataSet) -> Boxes:
    """The boxes of a data set's card.

    Raises:
        InputError: it has none.
    """
    if data.card.boxes is None:
        raise InputError(
            f"the card of {data.card.name} has no boxes: say in {data.root}/dataset.yaml where they lie, or name "
            "another card with --data-set"
        )
    return data.card.boxes


def _union(data: DataSet, pictures: Mapping[str, Path]) -> dict[str, Labels]:
    cameras = read_cameras(data, pictures)
    if cameras is None:
        raise InputError(
            f"--labels {UNION} needs labels of each camera alone, but {data.root} or the card of {data.card.name} has "
            "none: name another label set"
        )
    return union_of(cameras, pictures)


def union_of(cameras: tuple[Mapping[str, Labels], Mapping[str, Labels]], pictures: Iterable[str]) -> dict[str, Labels]:
    """All objects of those pictures that both cameras have labels of; what both hold counts once, as the mean box.

    Args:
        cameras: picture name to what is annotated on infrared alone, and on visible alone.
        pictures: their names.
    """
    infrared, visible = cameras
    both = (name for name in pictures if name in infrared and name in visible)
    return {name: _with_crowds(infrared[name], visible[name]) for name in both}


def _with_crowds(infrared: Labels, visible: Labels) -> Labels:
    """All objects of a picture once, and every region where either camera's labels hold nothing against a detector."""
    parts = [group_objects(infrared, visible)[0], *(own for own in (infrared, visible) if own.crowd.any())]
    chosen = [np.ones(len(parts[0].classes), bool), *(own.crowd for own in parts[1:])]
    boxes, classes = ([getattr(p, what)[c] for p, c in zip(parts, chosen, strict=True)] for what in _ARRAYS)
    crowd = np.concatenate([p.crowd[c] for p, c in zip(parts, chosen, strict=True)])
    return Labels(np.vstack(boxes), np.concatenate(classes), crowd)
