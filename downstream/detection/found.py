"""Which objects each input finds: who sees what, and the pictures on which fusion changes the most."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from downstream.comparison.inputs import SINGLES, VISIBLE, Comparison, label_files
from downstream.comparison.per_picture import best_single, largest_changes
from downstream.detection.average_precision import found_objects
from downstream.detection.coco import Coco, Ints, Results, read_all_labels
from downstream.detection.complementarity import (
    SeenObjects,
    describe_objects,
    group_recalls,
    kept_lost_won,
    seen_objects,
)
from dwsfusion.runs import write_csv, write_json

_log = logging.getLogger(__name__)
Confidences = Mapping[str, float | None]
Predictions = Mapping[str, Results]


def read_seen(comparison: Comparison, detectable: Sequence[str]) -> SeenObjects | None:
    """Reads what each camera sees, where both have labels of their own; else None.

    Args:
        comparison: the inputs.
        detectable: the classes that the detectors know; objects of others are left out.

    Raises:
        InputError: a label is malformed, or one of the folders has none for any of the pictures.
    """
    pictures = comparison.input(VISIBLE).files
    folders = [f"labels_{name}" for name in SINGLES]
    absent = [folder for folder in folders if not (comparison.root / folder).is_dir()]
    if absent:
        _log.info("no %s in %s: who sees what is left out", " and ".join(absent), comparison.root)
        return None
    infrared, visible = (
        {name: found.of(detectable) for name, found in read_all_labels(files, pictures).items()}
        for files in (label_files(comparison, folder, ".txt") for folder in folders)
    )
    seen = seen_objects(infrared, visible, pictures)
    if seen.unlabelled:
        _log.warning("who sees what is told without %s: no label of one camera", ", ".join(seen.unlabelled))
    return seen


def add_complementarity(
    entries: Mapping[str, dict[str, Any]],
    seen: SeenObjects,
    predictions: Predictions,
    confidences: Confidences,
    counts: Ints,
    out: Path,
) -> None:
    """Adds recall by who sees an object to the entries of ``detection.json``.

    Args:
        entries: input name to its entry.
        seen: the objects.
        predictions: input name to the predictions of its first detector.
        confidences: input name to the confidence from which on a detection counts.
        counts: ``(R, n)``, resamples of the pictures.
        out: where ``complementarity.json`` goes.
    """
    found = _found(seen.truth, predictions, confidences)
    changes = kept_lost_won(seen, found)
    for name, entry in entries.items():
        entry["complementarity"] = group_recalls(seen, found[name], counts)
        entry |= {change: sum(map(len, at.values())) for change, at in changes.get(name, {}).items()}
    images = len(seen.truth["images"]) - len(seen.unlabelled)
    objects = describe_objects(seen, found)
    write_json(out / "complementarity.json", {"images": images, "objects": objects, "changes": changes})


def compare_pictures(
    entries: Mapping[str, Mapping[str, Any]],
    truth: Coco,
    predictions: Predictions,
    confidences: Confidences,
    out: Path,
) -> dict[str, Any]:
    """Counts, picture by picture, the annotated objects that fusion keeps, loses and wins against one camera.

    Writes ``pictures.csv``, a row a fused input and picture.

    Returns:
        What ``detection.json`` says about the largest gains and losses.
    """
    found = _found(truth, predictions, confidences)
    against = best_single({name: entry["map50"] for name, entry in entries.items()}, SINGLES)
    rows = {name: _rows(truth, found[against], ids) for name, ids in found.items() if name not in SINGLES}
    write_csv(out / "pictures.csv", [{"input": name, **row} for name, own in rows.items() for row in own])
    return {
        "against": against,
        "change": "objects won less objects lost, at each input's confidence of best F1",
        "inputs": {name: largest_changes(own) for name, own in rows.items()},
    }


def _rows(truth: Coco, before: set[int], after: set[int]) -> list[dict[str, Any]]:
    picture_of = {a["id"]: a["image_id"] for a in truth["annotations"]}
    kept, lost, won = (Counter(picture_of[i] for i in ids) for ids in (before & after, before - after, after - before))
    return [
        {
            "image": Path(image["file_name"]).stem,
            "change": won[image["id"]] - lost[image["id"]],
            "kept": kept[image["id"]],
            "lost": lost[image["id"]],
            "won": won[image["id"]],
        }
        for image in truth["images"]
    ]


def _found(truth: Coco, predictions: Predictions, confidences: Confidences) -> dict[str, set[int]]:
    """Ids of the objects that each input finds."""
    return {name: _found_by(truth, results, confidences[name]) for name, results in predictions.items()}


def _found_by(truth: Coco, results: Sequence[dict[str, Any]], confidence: float | None) -> set[int]:
    if confidence is None:
        return set()
    return found_objects(truth, [r for r in results if r["score"] >= confidence])
