"""Segmentation on every input of a comparison: predictions, figures, differences, files."""

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from downstream.inputs import INFRARED, VISIBLE, Comparison, Input, is_night, label_files
from downstream.report.tables import write_csv
from downstream.segmentation.classes import (
    CITYSCAPES_TO_MSRS,
    MSRS_CLASSES,
    Ids,
    check_label,
    hide_classes,
    read_label,
)
from downstream.segmentation.confusion import METRICS, Counts, confusion_matrix, estimates
from downstream.segmentation.deeplab import MEAN, STD, Segmenter
from downstream.segmentation.protocols import SegmentationConfig, Segmenters
from downstream.segmentation.summary import csv_rows
from downstream.segmentation.training import RECIPE, Track, silent
from downstream.uncertainty import LEVEL, Estimate, differences, resample_counts
from dwsfusion.errors import ImageError, InputError
from dwsfusion.images import image_size, png_text, read_image, write_png
from dwsfusion.pairs import Skipped
from dwsfusion.runs import hash_file, hash_text, write_json

SINGLES = (INFRARED, VISIBLE)
BASELINE = "max"
COMPARED = ("miou", "miou_foreground")
SOURCE_KEY = "dwsfusion-source"
PSEUDO_WARNING = "plumbing only: labels are another network's predictions, not a result"
_log = logging.getLogger(__name__)


def compare_segmentation(
    comparison: Comparison,
    segmenters: Segmenters,
    out: Path,
    config: SegmentationConfig,
    *,
    about: Mapping[str, Any],
    seed: int = 0,
    track: Track = silent,
) -> dict[str, Any]:
    """Segments every input and writes figures and predictions.

    Writes ``segmentation.json``, ``segmentation.csv``, ``predictions/NAME/*.png`` (class ids; of further
    seeds in ``predictions/NAME/seedK/``) and ``confusion/NAME.npz`` (``names``, and ``matrices``, one a
    picture, ``(n, 9, 9)``, or ``(seeds, n, 9, 9)`` with several seeds). A prediction that is there and was
    made by the same network from the same file is used.

    Args:
        comparison: the inputs; pictures without a label are left out.
        segmenters: the networks of each input; figures are means over them.
        out: the output folder.
        config: labels, resamples, and how the networks came about.
        about: what else to keep in the protocol, such as the data set's name.
        seed: fixes the resamples; the first seed of the networks.
        track: shows the progress of predictions.

    Returns:
        What ``segmentation.json`` holds.

    Raises:
        InputError: there are no labels, or not one picture is usable.
    """
    measurable = segmenters.by_input[VISIBLE][0].ids
    files = label_files(comparison, config.labels, ".png")
    unlabelled = len(comparison.names) - len(files)
    if unlabelled:
        _log.info("comparing the %d pictures that have a label; %d have none", len(files), unlabelled)
    truths, skipped = _read_truths(comparison, files, measurable)
    skipped = [*comparison.skipped, *segmenters.skipped, *skipped]
    counted = {
        item.name: _count_all(item, segmenters.by_input[item.name], truths, out, seed, skipped, track)
        for item in comparison.inputs
    }
    names = [name for name in truths if all(name in matrices for matrices in counted.values())]
    if not names:
        raise InputError(f"not one picture is usable; the first: {skipped[0].name}: {skipped[0].reason}")
    matrices = {name: np.stack([found[n] for n in names], axis=1) for name, found in counted.items()}
    figures = {name: _figures(m, names, config.resamples, seed) for name, m in matrices.items()}
    protocol = {
        **about,
        **_protocol(config, segmenters, seed, measurable),
        "without_label": unlabelled,
        "classes_without_truth": _absent(matrices[VISIBLE], measurable),
        "skipped": [asdict(s) for s in skipped],
    }
    return _write_result(out, protocol, names, matrices, figures)


def predict_file(segmenter: Segmenter, picture: Path, out: Path) -> Ids:
    """Gives the class ids of a picture file, and keeps them as a PNG that says what it was made from.

    Raises:
        ImageError: the picture is not readable.
    """
    source = hash_text(segmenter.identity, hash_file(picture))
    if png_text(out).get(SOURCE_KEY) == source:
        with contextlib.suppress(ImageError):  # a damaged mask is made anew
            return read_label(out)
    ids = segmenter.predict(read_image(picture))
    write_png(out, ids, {SOURCE_KEY: source})
    return ids


def _write_result(
    out: Path,
    protocol: Mapping[str, Any],
    names: Sequence[str],
    matrices: Mapping[str, Counts],
    figures: Mapping[str, Mapping[str, Mapping[str, Estimate]]],
) -> dict[str, Any]:
    result = {
        "protocol": protocol,
        "images": len(names),
        "classes": list(MSRS_CLASSES),
        "inputs": {name: _entry(matrices[name], names, f) for name, f in figures.items()},
        "differences": differences({n: f["all"] for n, f in figures.items()}, COMPARED, SINGLES, BASELINE),
    }
    for name, found in matrices.items():
        _write_matrices(out / "confusion" / f"{name}.npz", found, names)
    write_json(out / "segmentation.json", result)
    write_csv(out / "segmentation.csv", csv_rows(result))
    return result


def _read_truths(
    comparison: Comparison, files: Mapping[str, Path], measurable: Ids
) -> tuple[dict[str, Ids], list[Skipped]]:
    """Reads the labels, with what the networks cannot name marked as ignored."""
    truths, skipped = {}, []
    for name, path in files.items():
        try:
            label = read_label(path)
            check_label(label, image_size(comparison.input(VISIBLE).files[name]), path)
        except ImageError as error:
            skipped.append(Skipped(name, str(error)))
        else:
            truths[name] = hide_classes(label, measurable)
    return truths, skipped


def _count_all(
    item: Input,
    segmenters: Sequence[Segmenter],
    truths: Mapping[str, Ids],
    out: Path,
    seed: int,
    skipped: list[Skipped],
    track: Track,
) -> dict[str, Counts]:
    """Confusion matrices ``(seeds, 9, 9)`` of an input's pictures; a bad picture is added to the skipped."""
    folder = out / "predictions" / item.name
    folders = [folder, *(folder / f"seed{seed + k}" for k in range(1, len(segmenters)))]
    counted = {}
    for name in track(list(truths), f"segment {item.name}"):
        try:
            guesses = [
                predict_file(segmenter, item.files[name], place / f"{name}.png")
                for segmenter, place in zip(segmenters, folders, strict=True)
            ]
        except (ImageError, FileNotFoundError) as error:
            skipped.append(Skipped(name, str(error)))
        else:
            counted[name] = np.stack([confusion_matrix(truths[name], g, len(MSRS_CLASSES)) for g in guesses])
    return counted


def _figures(matrices: Counts, names: Sequence[str], resamples: int, seed: int) -> dict[str, dict[str, Estimate]]:
    """Estimates over all pictures, and over those of day and night where there are any."""
    night = [is_night(name) for name in names]
    groups = {
        "all": list(range(len(names))),
        "day": [i for i, dark in enumerate(night) if dark is False],
        "night": [i for i, dark in enumerate(night) if dark is True],
    }
    return {
        group: estimates(matrices[:, chosen], resample_counts(len(chosen), resamples, seed))
        for group, chosen in groups.items()
        if chosen
    }


def _entry(matrices: Counts, names: Sequence[str], figures: Mapping[str, Mapping[str, Estimate]]) -> dict[str, Any]:
    """What ``segmentation.json`` says about an input."""
    everything = figures["all"]
    intervals = {metric: e.interval for metric, e in everything.items()}
    seeds = {metric: [float(v) for v in f(matrices.sum(1))] for metric, f in METRICS.items()}
    spread = {metric: max(values) - min(values) for metric, values in seeds.items()}
    counts = {
        "day": sum(is_night(n) is False for n in names),
        "night": sum(is_night(n) is True for n in names),
    }
    return {
        **{metric: everything[metric].value for metric in METRICS},
        "per_class": {name: everything[name].value for name in MSRS_CLASSES},
        "interval": intervals,
        **({"seeds": seeds, "spread": spread} if len(matrices) > 1 else {}),
        **{group: _group(figures.get(group), count) for group, count in counts.items()},
    }


def _group(found: Mapping[str, Estimate] | None, images: int) -> dict[str, Any] | None:
    if found is None:
        return None
    intervals = {metric: found[metric].interval for metric in METRICS}
    return {**{metric: found[metric].value for metric in METRICS}, "interval": intervals, "images": images}


def _absent(matrices: Counts, measurable: Ids) -> list[str]:
    """Classes that no pixel of the truth has: an input is charged for them where it predicts them."""
    pixels = matrices[0].sum((0, 2))
    return [MSRS_CLASSES[i] for i in sorted(set(measurable.tolist())) if pixels[i] == 0]


def _protocol(config: SegmentationConfig, segmenters: Segmenters, seed: int, measurable: Ids) -> dict[str, Any]:
    by_input = segmenters.by_input
    able = [name for i, name in enumerate(MSRS_CLASSES) if i in measurable]
    cityscapes = {"cityscapes_to_msrs": dict(CITYSCAPES_TO_MSRS)} if len(measurable) != len(MSRS_CLASSES) else {}
    training = {
        **asdict(config.training),
        **RECIPE,
        "pictures": segmenters.train_pictures,
        "seeds": config.seeds,
    }
    return {
        "name": config.protocol,
        "network": "DeepLabV3Plus",
        **({"training": training} if config.protocol != "frozen" else {"segmenter": str(config.segmenter)}),
        "networks": {name: [s.identity for s in own] for name, own in by_input.items()},
        "normalisation": {"mean": MEAN, "std": STD, "infrared": "three equal channels"},
        "labels": config.labels,
        **({"warning": PSEUDO_WARNING} if "pseudo" in config.labels.lower() else {}),
        "measurable": able,
        "not_measurable": [name for name in MSRS_CLASSES if name not in able],
        **cityscapes,
        "ignored": "truth of 255, outside the classes, or of a class that is not measurable",
        "figures": "IoU of summed confusion matrices; a class in neither truth nor prediction is left out",
        "bootstrap": {"resamples": config.resamples, "level": LEVEL, "seed": seed},
    }


def _write_matrices(path: Path, matrices: Counts, names: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with beside.open("wb") as file:
        np.savez_compressed(file, matrices=matrices[0] if len(matrices) == 1 else matrices, names=np.array(names))
    beside.replace(path)
