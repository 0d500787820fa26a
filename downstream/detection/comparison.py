"""Detection on every input of a comparison: predictions, figures, differences, files.

The output folder holds ``detection.json``, ``detection.csv``, ``pictures.csv``, ``complementarity.json``,
``ground_truth.json`` and ``predictions/NAME.json``; detectors trained from further seeds have
``predictions/seedK/NAME.json``. Predictions that are there and fit are used.
"""

import importlib.metadata
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from downstream.comparison.cross_validation import Detector
from downstream.comparison.inputs import SINGLES, VISIBLE, Comparison, Input, label_files
from downstream.comparison.timing import Stopwatch
from downstream.comparison.uncertainty import INTERVALS, LEVEL, differences, parse_pairs, resample_counts
from downstream.detection.average_precision import MAX_DETECTIONS, SIZES, best_confidence
from downstream.detection.coco import (
    CLASSES,
    Coco,
    Detections,
    Results,
    ground_truth,
    read_all_labels,
    results_of,
)
from downstream.detection.complementarity import MIN_IOU, SeenObjects
from downstream.detection.found import add_complementarity, compare_pictures, read_seen
from downstream.detection.scores import COMPARED, Figures, Matching
from downstream.detection.table import csv_rows
from downstream.detection.task import DetectionConfig, Detectors
from dwsfusion.runs import fingerprint, hash_file, hash_text, write_csv, write_json, write_text

BASELINE = "max"
_log = logging.getLogger(__name__)
Track = Callable[[Iterable[Detections], str, int], Iterable[Detections]]


def compare_detection(
    comparison: Comparison,
    detectors: Detectors,
    out: Path,
    config: DetectionConfig,
    *,
    about: Mapping[str, Any],
    seed: int = 0,
    clock: Stopwatch | None = None,
    track: Track = lambda items, what, total: items,
) -> dict[str, Any]:
    """Detects on every input, writes figures and predictions, and gives what ``detection.json`` holds.

    Args:
        comparison: the inputs.
        detectors: the detectors of each input; figures are means over them.
        out: the output folder.
        config: labels, resamples, and how the detectors came about.
        about: what else to keep in the protocol, such as the data set's name.
        seed: fixes the resamples; the first seed of the detectors.
        clock: takes the time of each step.
        track: wraps the predictions of one input to show progress.

    Raises:
        InputError: labels are missing or malformed, or an unknown input is asked for.
    """
    clock = clock or Stopwatch()
    parse_pairs(config.against, [item.name for item in comparison.inputs])
    comparison, truth, unlabelled = _labelled(comparison, config.labels, out)
    seen = read_seen(comparison, detectors.detectable)
    with clock.step("predict"):
        predicted = _predict_all(detectors, comparison, out / "predictions", seed, track)
    clock.in_models += detectors.seconds
    with clock.step("score"):
        found = {name: Matching(truth, p, detectors.detectable) for name, p in predicted.items()}
    figures = _figures(comparison, truth, seen, predicted, found, out, config, seed, clock)
    protocol = {**about, **_protocol(comparison, detectors, config, seed), "without_label": unlabelled}
    return _written(out, {"protocol": protocol, **figures})


def predict_input(detector: Detector, item: Input, file: Path, track: Track) -> Results:
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


def _figures(
    comparison: Comparison,
    truth: Coco,
    seen: SeenObjects | None,
    predicted: Mapping[str, Sequence[Results]],
    found: Mapping[str, Matching],
    out: Path,
    config: DetectionConfig,
    seed: int,
    clock: Stopwatch,
) -> dict[str, Any]:
    """The entries of the inputs with their intervals, the differences, and what happens to single objects."""
    counts = resample_counts(len(comparison.names), config.resamples, seed)
    with clock.step("bootstrap"):
        figures = {name: Figures(matching, comparison.names, counts) for name, matching in found.items()}
        compared = {name: f.compared() for name, f in figures.items()}
        asked = parse_pairs(config.against, list(figures))
        rows = differences(compared, COMPARED, SINGLES, BASELINE, asked)
    with clock.step("objects"):
        confidences = {name: best_confidence(matching.all[0]) for name, matching in found.items()}
        entries = {name: {**f.entry(), "confidence": confidences[name]} for name, f in figures.items()}
        first = {name: predictions[0] for name, predictions in predicted.items()}
        if seen:
            add_complementarity(entries, seen, first, confidences, counts, out)
        changes = compare_pictures(entries, truth, first, confidences, out)
    return {
        "images": len(comparison.names),
        "classes": list(CLASSES),
        "inputs": entries,
        "differences": rows,
        "largest_changes": changes,
    }


def _written(out: Path, result: dict[str, Any]) -> dict[str, Any]:
    write_json(out / "detection.json", result)
    write_csv(out / "detection.csv", csv_rows(result))
    return result


def _labelled(comparison: Comparison, folder: str, out: Path) -> tuple[Comparison, Coco, int]:
    """Keeps the pictures that have a label file, and counts the others."""
    files = label_files(comparison, folder, ".txt")
    unlabelled = len(comparison.names) - len(files)
    if unlabelled:
        _log.info("comparing the %d pictures that have a label; %d have none", len(files), unlabelled)
    kept = comparison.only(files)
    pictures = kept.input(VISIBLE).files
    truth = ground_truth(read_all_labels(files, pictures), pictures)
    write_json(out / "ground_truth.json", truth)
    return kept, truth, unlabelled


def _predict_all(
    detectors: Detectors, comparison: Comparison, folder: Path, seed: int, track: Track
) -> dict[str, list[Results]]:
    """The predictions of each input, one entry a detector."""
    return {
        item.name: [
            predict_input(detector, item, (folder / f"seed{seed + k}" if k else folder) / f"{item.name}.json", track)
            for k, detector in enumerate(detectors.by_input[item.name])
        ]
        for item in comparison.inputs
    }


def _protocol(comparison: Comparison, detectors: Detectors, config: DetectionConfig, seed: int) -> dict[str, Any]:
    return {
        "name": config.protocol,
        **detectors.by_input[VISIBLE][0].settings,
        **detectors.training,
        "detectors": {name: [d.identity for d in own] for name, own in detectors.by_input.items()},
        "normalisation": "fixed: grey levels / 255 for every input; infrared as three equal channels",
        "classes_kept": "by name: " + ", ".join(f"{i} {name}" for i, name in enumerate(CLASSES)),
        "labels": config.labels,
        "evaluator": f"pycocotools {importlib.metadata.version('pycocotools')} COCOeval",
        "max_detections_scored": MAX_DETECTIONS,
        "sizes_px2": {size: list(area) for size, area in SIZES.items()},
        "complementarity": f"objects matched at IoU {MIN_IOU}, recall at the confidence of each input's "
        "best F1, first detector of each input; without classes that the detector does not know",
        "bootstrap": {"resamples": config.resamples, "level": LEVEL, "seed": seed, "intervals": INTERVALS},
        "skipped": [asdict(s) for s in (*comparison.skipped, *detectors.skipped)],
    }
