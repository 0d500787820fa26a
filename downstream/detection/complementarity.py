"""Who sees what: objects that both cameras see, that only one sees, and what becomes of them after fusion.

Objects annotated on infrared alone and on visible alone are matched one to one: same class, IoU of 0.5 or
more, the best overlap first. A matched pair is one object seen by both and takes the mean of its two boxes,
so that neither camera's drawing of it is favoured; the rest are seen by one camera only and keep their box.

An object counts as found where COCOeval's rule gives it a detection at IoU 0.5 among those of an input that
reach the input's confidence of best F1 on the other half of the pictures.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from downstream.comparison.inputs import INFRARED, VISIBLE
from downstream.comparison.uncertainty import FRACTION, Estimate, weightings
from downstream.datasets.card import positions
from downstream.datasets.labels import Labels
from downstream.detection.coco import Coco, Floats, Ints, class_names, ground_truth
from downstream.detection.scores import DetectionScores
from dwsfusion.runs import write_json

GROUPS = ("both", "infrared_only", "visible_only")
MIN_IOU = 0.5
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeenObjects:
    """All objects that any camera sees."""

    truth: Coco
    """COCO ground truth; annotation ids are 1, 2, …"""
    groups: tuple[str, ...]
    """The group of each annotation, in the order of the ids."""
    unlabelled: tuple[str, ...] = ()
    """Pictures that have no objects here because a camera has no label of them."""


def detectable_objects(
    cameras: tuple[Mapping[str, Labels], Mapping[str, Labels]],
    pictures: Mapping[str, Path],
    classes: Sequence[str],
    detectable: Sequence[str],
) -> SeenObjects:
    """Groups the objects that the detectors know by who sees them.

    Args:
        cameras: picture name to the objects annotated on infrared alone, and on visible alone.
        pictures: picture name to a file of its size.
        classes: the names of all classes.
        detectable: the classes that the detectors know; objects of others are left out.
    """
    known = positions(classes, detectable)
    infrared, visible = ({name: labels.of(known) for name, labels in own.items()} for own in cameras)
    seen = seen_objects(infrared, visible, pictures, classes)
    if seen.unlabelled:
        _log.warning("who sees what is told without %s: no label of one camera", ", ".join(seen.unlabelled))
    return seen


def add_complementarity(
    seen: SeenObjects,
    scores: Mapping[str, DetectionScores],
    entries: Mapping[str, dict[str, Any]],
    draws: Ints,
    out: Path,
) -> None:
    """Adds recall by who sees an object to the entries of ``detection.json``, and writes ``complementarity.json``.

    Args:
        seen: the objects.
        scores: input name to those of its first detector.
        entries: input name to its entry.
        draws: ``(R, n)``, resamples of the pictures.
        out: where the file goes.
    """
    hit = {name: own.hit_of(seen.truth) for name, own in scores.items()}
    changes = kept_lost_won(seen, hit)
    for name, entry in entries.items():
        entry["complementarity"] = group_recalls(seen, hit[name], draws)
        entry |= {change: sum(map(len, at.values())) for change, at in changes.get(name, {}).items()}
    images = len(seen.truth["images"]) - len(seen.unlabelled)
    objects = describe_objects(seen, hit)
    write_json(out / "complementarity.json", {"images": images, "objects": objects, "changes": changes})


def seen_objects(
    infrared: Mapping[str, Labels],
    visible: Mapping[str, Labels],
    pictures: Mapping[str, Any],
    classes: Sequence[str],
) -> SeenObjects:
    """Groups the objects of all pictures by who sees them.

    Args:
        infrared: picture name to the objects annotated on infrared alone.
        visible: the same on visible alone. A picture that is missing in one of the two has no objects here.
        pictures: picture name to a file of its size, for every picture of the comparison.
        classes: the names of all classes.
    """
    labels: dict[str, Labels] = {}
    groups: list[str] = []
    unlabelled = tuple(name for name in sorted(pictures) if name not in infrared or name not in visible)
    for name in sorted(pictures):
        if name in unlabelled:
            labels[name] = Labels(np.zeros((0, 4)), np.zeros(0, dtype=np.int64))
        else:
            labels[name], found = group_objects(infrared[name], visible[name])
            groups += found
    return SeenObjects(ground_truth(labels, pictures, classes), tuple(groups), unlabelled)


def group_objects(infrared: Labels, visible: Labels) -> tuple[Labels, list[str]]:
    """Matches the objects of one picture; gives them all, without crowds, and the group of each."""
    infrared, visible = infrared.single, visible.single
    pairs = _match(infrared, visible)
    ir_only = np.setdiff1d(np.arange(len(infrared.classes)), [i for i, _ in pairs]).astype(int)
    vis_only = np.setdiff1d(np.arange(len(visible.classes)), [j for _, j in pairs]).astype(int)
    left, right = [i for i, _ in pairs], [j for _, j in pairs]
    boxes = [(infrared.boxes_xyxy[left] + visible.boxes_xyxy[right]) / 2, infrared.boxes_xyxy[ir_only],
             visible.boxes_xyxy[vis_only]]  # fmt: skip
    classes = [infrared.classes[left], infrared.classes[ir_only], visible.classes[vis_only]]
    groups = [group for group, found in zip(GROUPS, classes, strict=True) for _ in found]
    return Labels(np.vstack(boxes), np.concatenate(classes)), groups


def group_recalls(seen: SeenObjects, found: set[int], counts: Ints) -> dict[str, Any]:
    """The share of each group that was found, with its interval.

    Args:
        seen: the objects.
        found: ids of those that an input's detections match.
        counts: ``(R, n)``, resamples of the pictures.

    Returns:
        ``{GROUP: {"objects": n, "recall": x, "interval": [low, high]}}``; recall is None in an empty group.
    """
    return {group: _recall(seen, group, found, counts) for group in GROUPS}


def kept_lost_won(seen: SeenObjects, found: Mapping[str, set[int]]) -> dict[str, dict[str, dict[str, list[int]]]]:
    """What each fused input keeps, loses and wins against the single modalities.

    Args:
        seen: the objects.
        found: input name to the ids of the objects found in it.

    Returns:
        Fused input to ``{"kept", "lost", "won"}``, each picture file name to object ids: kept are those found in
        infrared or visible and in the fused pictures, lost those found in the former alone, won in the latter.
    """
    single = found[INFRARED] | found[VISIBLE]
    return {
        name: {
            "kept": _by_picture(seen, single & ids),
            "lost": _by_picture(seen, single - ids),
            "won": _by_picture(seen, ids - single),
        }
        for name, ids in found.items()
        if name not in (INFRARED, VISIBLE)
    }


def describe_objects(seen: SeenObjects, found: Mapping[str, set[int]]) -> list[dict[str, Any]]:
    """Every object with its picture, class, group, box (COCO's left, top, width, height) and who finds it."""
    names = class_names(seen.truth)
    return [
        {
            "id": a["id"],
            "image": seen.truth["images"][a["image_id"] - 1]["file_name"],
            "class": names[a["category_id"]],
            "group": group,
            "bbox": a["bbox"],
            "found_in": [name for name, ids in found.items() if a["id"] in ids],
        }
        for a, group in zip(seen.truth["annotations"], seen.groups, strict=True)
    ]


def _match(infrared: Labels, visible: Labels) -> list[tuple[int, int]]:
    """Pairs of positions, one to one, the largest overlap first."""
    if not len(infrared.classes) or not len(visible.classes):
        return []
    from pycocotools import mask  # here, for it comes with an extra

    iou = mask.iou(_xywh(infrared), _xywh(visible), [0] * len(visible.classes))
    iou[infrared.classes[:, None] != visible.classes] = 0
    pairs: list[tuple[int, int]] = []
    while iou.max() >= MIN_IOU:
        i, j = np.unravel_index(iou.argmax(), iou.shape)
        pairs.append((int(i), int(j)))
        iou[i], iou[:, j] = 0, 0
    return pairs


def _xywh(labels: Labels) -> Floats:
    boxes = labels.boxes_xyxy
    return np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])


def _recall(seen: SeenObjects, group: str, found: set[int], draws: Ints) -> dict[str, Any]:
    objects, hits = np.zeros((2, len(seen.truth["images"])), dtype=np.int64)
    for annotation, its_group in zip(seen.truth["annotations"], seen.groups, strict=True):
        if its_group == group:
            objects[annotation["image_id"] - 1] += 1
            hits[annotation["image_id"] - 1] += annotation["id"] in found
    counts = weightings(draws)
    with np.errstate(invalid="ignore"):
        recall = (counts @ hits) / (counts @ objects)
    estimate = Estimate.of(recall, len(draws), FRACTION)
    return {"objects": int(objects.sum()), "recall": estimate.value, "interval": estimate.interval}


def _by_picture(seen: SeenObjects, ids: set[int]) -> dict[str, list[int]]:
    pictures: dict[str, list[int]] = defaultdict(list)
    for annotation in seen.truth["annotations"]:
        if annotation["id"] in ids:
            pictures[seen.truth["images"][annotation["image_id"] - 1]["file_name"]].append(annotation["id"])
    return dict(pictures)
