"""Detection on every input of a comparison: predictions, figures, differences, files."""

import importlib.metadata
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from downstream.complementarity import (
    MIN_IOU,
    SeenObjects,
    describe_objects,
    group_recalls,
    lost_and_won,
    seen_objects,
)
from downstream.detection.coco import (
    CLASSES,
    Coco,
    Detections,
    Ints,
    Labels,
    Results,
    ground_truth,
    read_all_labels,
    results_of,
)
from downstream.detection.precision import (
    MAX_DETECTIONS,
    Matches,
    best_confidence,
    estimate_precision,
    found_objects,
    match,
)
from downstream.detection.protocols import DetectionConfig
from downstream.detection.summary import csv_rows
from downstream.detection.yolo import YoloDetector
from downstream.inputs import INFRARED, VISIBLE, Comparison, Input, is_night, label_files
from downstream.report.tables import write_csv
from downstream.uncertainty import LEVEL, Estimate, differences, resample_counts
from dwsfusion.pairs import Skipped
from dwsfusion.runs import fingerprint, hash_file, hash_text, write_json, write_text

METRICS = ("map", "map50")
SINGLES = (INFRARED, VISIBLE)
BASELINE = "max"
Track = Callable[[Iterable[Detections], str, int], Iterable[Detections]]
_log = logging.getLogger(__name__)


def compare_detection(
    comparison: Comparison,
    detectors: Mapping[str, Sequence[YoloDetector]],
    out: Path,
    config: DetectionConfig,
    *,
    about: Mapping[str, Any],
    seed: int = 0,
    track: Track = lambda items, what, total: items,
) -> dict[str, Any]:
    """Detects on every input and writes figures and predictions.

    Writes ``detection.json``, ``detection.csv``, ``complementarity.json``, ``ground_truth.json`` and
    ``predictions/NAME.json``; a second detector of an input, trained from another seed, has
    ``predictions/NAME-2.json`` and so on. Predictions that are there and fit are used.

    Args:
        comparison: the inputs.
        detectors: input name to its detectors; figures are means over them.
        out: the output folder.
        config: labels, resamples, and how the detectors came about.
        about: what else to keep in the protocol, such as the data set's name.
        seed: fixes the resamples.
        track: wraps the predictions of one input to show progress.

    Returns:
        What ``detection.json`` holds.

    Raises:
        InputError: labels are missing or malformed, or a picture is unreadable.
    """
    comparison, objects = _labelled(comparison, config.labels)
    pictures = comparison.input(VISIBLE).files
    truth = ground_truth(objects, pictures)
    write_json(out / "ground_truth.json", truth)
    predicted = {i.name: _predict_all(detectors[i.name], i, out / "predictions", track) for i in comparison.inputs}
    matched = {
        name: [match(truth, found, d.detectable) for d, found in zip(detectors[name], predictions, strict=True)]
        for name, predictions in predicted.items()
    }
    counts = resample_counts(len(comparison.names), config.resamples, seed)
    figures = {name: _Figures(matches, comparison.names, counts) for name, matches in matched.items()}
    entries = {name: f.entry() for name, f in figures.items()}
    _add_complementarity(entries, comparison, predicted, matched, counts, out)
    result = {
        "protocol": {**about, **_protocol(comparison, detectors, config, seed)},
        "images": len(comparison.names),
        "classes": list(CLASSES),
        "inputs": entries,
        "differences": differences({name: f.all for name, f in figures.items()}, METRICS, SINGLES, BASELINE),
    }
    write_json(out / "detection.json", result)
    write_csv(out / "detection.csv", csv_rows(result))
    return result


def predict_input(detector: YoloDetector, item: Input, file: Path, track: Track) -> Results:
    """Detects on every picture of an input, or reads what was found before by the same detector on the same
    files.

    Beside the predictions lies a hidden file with a hash of what they come from and of what they are, so that
    neither a changed picture nor a changed predictions file goes unnoticed.
    """
    mark = file.with_name(f".{file.stem}.key")
    source = hash_text(json.dumps(detector.settings, sort_keys=True), fingerprint(item.files.values()))
    if file.is_file() and mark.is_file() and mark.read_text() == hash_text(source, hash_file(file)):
        kept: Results = json.loads(file.read_text(encoding="utf-8"))
        return kept
    found = results_of(track(detector.predict(item.files.values()), f"detect on {item.name}", len(item.files)))
    write_text(file, json.dumps(found))
    write_text(mark, hash_text(source, hash_file(file)))
    return found


class _Figures:
    """The estimates of one input: overall, by class, by day and by night; means over its detectors."""

    def __init__(self, matches: Sequence[Sequence[Matches]], names: Sequence[str], counts: Ints) -> None:
        night = np.array([is_night(name) is True for name in names])
        day = np.array([is_night(name) is False for name in names])
        everything = np.ones(len(names), dtype=bool)
        each = [estimate_precision(m, everything, counts) for m in matches]
        self.objects = [int(m.objects.sum()) for m in matches[0]]
        self.all = _means([means for means, _ in each])
        self.classes = [_means(list(of_class)) for of_class in zip(*(classes for _, classes in each), strict=True)]
        self.seeds = {metric: [means[metric].value for means, _ in each] for metric in METRICS}
        self.groups = {"day": _group(matches, day, counts), "night": _group(matches, night, counts)}

    def entry(self) -> dict[str, Any]:
        """What ``detection.json`` says about the input."""
        per_class = {
            name: {**_plain(estimates), "objects": objects}
            for name, estimates, objects in zip(CLASSES, self.classes, self.objects, strict=True)
        }
        seeds = {"seeds": self.seeds} if len(self.seeds["map"]) > 1 else {}
        return {**_plain(self.all), **seeds, "per_class": per_class, **self.groups}


def _group(matches: Sequence[Sequence[Matches]], chosen: NDArray[np.bool_], counts: Ints) -> dict[str, Any] | None:
    """The figures over some of the pictures; None where there is no such picture."""
    if not chosen.any():
        return None
    means = _means([estimate_precision(m, chosen, counts)[0] for m in matches])
    return {**_plain(means), "images": int(chosen.sum())}


def _means(estimates: Sequence[Mapping[str, Estimate]]) -> dict[str, Estimate]:
    """The mean over detectors of each estimate."""
    return {metric: _mean([e[metric] for e in estimates]) for metric in estimates[0]}


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    values = [e.value for e in estimates if e.value is not None]
    samples = np.mean([e.samples for e in estimates], axis=0)
    return Estimate(float(np.mean(values)) if len(values) == len(estimates) else None, samples)


def _plain(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    intervals = {metric: e.interval for metric, e in estimates.items()}
    return {**{metric: e.value for metric, e in estimates.items()}, "interval": intervals}


def _labelled(comparison: Comparison, folder: str) -> tuple[Comparison, dict[str, Labels]]:
    """Keeps the pictures that have a label file; the others are skipped and named."""
    files = label_files(comparison, folder, ".txt")
    missing = tuple(Skipped(n, f"no {folder}/{n}.txt") for n in comparison.names if n not in files)
    kept = replace(comparison.only(files), skipped=(*comparison.skipped, *missing))
    return kept, read_all_labels(files, kept.input(VISIBLE).files)


def _predict_all(detectors: Sequence[YoloDetector], item: Input, folder: Path, track: Track) -> list[Results]:
    names = [item.name, *(f"{item.name}-{number}" for number in range(2, len(detectors) + 1))]
    return [
        predict_input(detector, item, folder / f"{name}.json", track)
        for detector, name in zip(detectors, names, strict=True)
    ]


def _add_complementarity(
    entries: dict[str, dict[str, Any]],
    comparison: Comparison,
    predicted: Mapping[str, Sequence[Results]],
    matched: Mapping[str, Sequence[Sequence[Matches]]],
    counts: Ints,
    out: Path,
) -> None:
    """Adds recall by who sees an object, from the first detector of each input, where the labels are
    there."""
    seen = _seen(comparison)
    if seen is None:
        return
    confidences = {name: best_confidence(matches[0]) for name, matches in matched.items()}
    found = {name: _found(seen.truth, predicted[name][0], confidence) for name, confidence in confidences.items()}
    changes = lost_and_won(seen, found)
    for name, entry in entries.items():
        entry["confidence"] = confidences[name]
        entry["complementarity"] = group_recalls(seen, found[name], counts)
        entry |= {change: sum(map(len, at.values())) for change, at in changes.get(name, {}).items()}
    write_json(out / "complementarity.json", {"objects": describe_objects(seen, found), "changes": changes})


def _seen(comparison: Comparison) -> SeenObjects | None:
    pictures = comparison.input(VISIBLE).files
    folders = [f"labels_{name}" for name in SINGLES]
    absent = [folder for folder in folders if not (comparison.root / folder).is_dir()]
    if absent:
        _log.info("no %s in %s: who sees what is left out", " and ".join(absent), comparison.root)
        return None
    infrared, visible = (read_all_labels(label_files(comparison, f, ".txt"), pictures) for f in folders)
    return seen_objects(infrared, visible, pictures)


def _found(truth: Coco, predictions: Results, confidence: float | None) -> set[int]:
    if confidence is None:
        return set()
    return found_objects(truth, [p for p in predictions if p["score"] >= confidence])


def _protocol(
    comparison: Comparison,
    detectors: Mapping[str, Sequence[YoloDetector]],
    config: DetectionConfig,
    seed: int,
) -> dict[str, Any]:
    training = {
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "learning_rate": config.learning_rate,
        "seeds": config.seeds,
    }
    return {
        "name": config.protocol,
        **detectors[VISIBLE][0].settings,
        **({"trained_from": config.detector, "training": training} if config.protocol != "frozen" else {}),
        "detectors": {name: [d.identity for d in own] for name, own in detectors.items()},
        "classes_kept": "by name: " + ", ".join(f"{i} {name}" for i, name in enumerate(CLASSES)),
        "labels": config.labels,
        "evaluator": f"pycocotools {importlib.metadata.version('pycocotools')} COCOeval",
        "max_detections_scored": MAX_DETECTIONS,
        "complementarity": f"objects matched at IoU {MIN_IOU}, recall at the confidence of each input's "
        "best F1, first detector of each input",
        "bootstrap": {"resamples": config.resamples, "level": LEVEL, "seed": seed},
        "skipped": [asdict(s) for s in comparison.skipped],
    }
