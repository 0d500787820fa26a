"""Segmentation on every input of a comparison: predictions, figures, differences, files.

The output folder holds ``segmentation.json``, ``segmentation.csv``, ``pictures.csv``, ``predictions/NAME/*.png``
(class ids; of further seeds in ``predictions/NAME/seedK/``) and ``confusion/NAME.npz`` (``names``, and ``matrices``,
one a picture, ``(n, 9, 9)``, or ``(seeds, n, 9, 9)`` with several seeds). A prediction that is there and was made by
the same network from the same file is used.
"""

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from downstream.comparison.inputs import SINGLES, VISIBLE, Comparison, Input, label_files
from downstream.comparison.jobs import Track, silent
from downstream.comparison.timing import Stopwatch
from downstream.comparison.uncertainty import differences, parse_pairs
from downstream.segmentation.classes import MSRS_CLASSES, Ids, check_label, hide_classes, read_label
from downstream.segmentation.confusion import Counts, confusion_matrix
from downstream.segmentation.deeplab import Segmenter
from downstream.segmentation.scores import compare_pictures, compared, entry, group_estimates
from downstream.segmentation.table import csv_rows
from downstream.segmentation.task import SegmentationConfig, Segmenters, describe_protocol
from dwsfusion.errors import ImageError, InputError
from dwsfusion.images import image_size, png_text, read_image, write_png
from dwsfusion.pairs import Skipped
from dwsfusion.runs import hash_file, hash_text, write_csv, write_json

BASELINE = "max"
SOURCE_KEY = "dwsfusion-source"
_log = logging.getLogger(__name__)


def compare_segmentation(
    comparison: Comparison,
    segmenters: Segmenters,
    out: Path,
    config: SegmentationConfig,
    *,
    about: Mapping[str, Any],
    seed: int = 0,
    clock: Stopwatch | None = None,
    track: Track = silent,
) -> dict[str, Any]:
    """Segments every input, writes figures and predictions, and gives what ``segmentation.json`` holds.

    Args:
        comparison: the inputs; pictures without a label are left out.
        segmenters: the networks of each input; figures are means over them.
        out: the output folder.
        config: labels, resamples, and how the networks came about.
        about: what else to keep in the protocol, such as the data set's name.
        seed: fixes the resamples; the first seed of the networks.
        clock: takes the time of each step.
        track: shows the progress of predictions.

    Raises:
        InputError: there are no labels, not one picture is usable, or an unknown input is asked for.
    """
    clock = clock or Stopwatch()
    with clock.step("predict"):
        matrices, names, left_out = _count_inputs(comparison, segmenters, out, config, seed, track)
    clock.in_models += segmenters.seconds
    with clock.step("bootstrap"):
        figures = _figures(matrices, names, out, config, seed)
    protocol = {**about, **describe_protocol(config, segmenters, seed), **left_out}
    result = {"protocol": protocol, "images": len(names), "classes": list(MSRS_CLASSES), **figures}
    write_json(out / "segmentation.json", result)
    write_csv(out / "segmentation.csv", csv_rows(result))
    return result


def predict_file(segmenter: Segmenter, picture: Path, out: Path) -> Ids:
    """Gives the class ids of a picture file, and keeps them as a PNG that says what it was made from.

    Raises:
        ImageError: the picture is not readable.
    """
    source = hash_text(*segmenter.settings, hash_file(picture))
    if png_text(out).get(SOURCE_KEY) == source:
        with contextlib.suppress(ImageError):  # a damaged mask is made anew
            return read_label(out)
    ids = segmenter.predict(read_image(picture))
    write_png(out, ids, {SOURCE_KEY: source})
    return ids


def _count_inputs(
    comparison: Comparison, segmenters: Segmenters, out: Path, config: SegmentationConfig, seed: int, track: Track
) -> tuple[dict[str, Counts], list[str], dict[str, Any]]:
    """Predicts; gives each input's matrices ``(seeds, n, 9, 9)``, the n pictures, and what was left out."""
    parse_pairs(config.against, [item.name for item in comparison.inputs])
    files = label_files(comparison, config.labels, ".png")
    unlabelled = len(comparison.names) - len(files)
    if unlabelled:
        _log.info("comparing the %d pictures that have a label; %d have none", len(files), unlabelled)
    truths, skipped = _read_truths(comparison, files, segmenters.ids)
    skipped = [*comparison.skipped, *skipped]
    counted = {i.name: _count_all(i, segmenters, truths, out, seed, skipped, track) for i in comparison.inputs}
    names = [name for name in truths if all(name in found for found in counted.values())]
    if not names:
        raise InputError(f"not one picture is usable; the first: {skipped[0].name}: {skipped[0].reason}")
    matrices = {name: np.stack([found[n] for n in names], axis=1) for name, found in counted.items()}
    left_out = {
        "without_label": unlabelled,
        "classes_without_truth": _absent(matrices[VISIBLE], segmenters.ids),
        "skipped": [asdict(s) for s in (*_once(skipped), *segmenters.skipped)],
    }
    return matrices, names, left_out


def _once(skipped: Sequence[Skipped]) -> list[Skipped]:
    """Names a picture that fails in several inputs once, with the first reason."""
    return list({s.name: s for s in reversed(skipped)}.values())[::-1]


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
    segmenters: Segmenters,
    truths: Mapping[str, Ids],
    out: Path,
    seed: int,
    skipped: list[Skipped],
    track: Track,
) -> dict[str, Counts]:
    """Confusion matrices ``(seeds, 9, 9)`` of an input's pictures; a bad picture is added to the skipped."""
    folder = out / "predictions" / item.name
    seeds = len(segmenters.by_input[item.name])
    folders = [folder, *(folder / f"seed{seed + k}" for k in range(1, seeds))]
    counted = {}
    for name in track(list(truths), f"segment {item.name}"):
        try:
            guesses = [
                predict_file(segmenter, item.files[name], place / f"{name}.png")
                for segmenter, place in zip(segmenters.of(item.name, name), folders, strict=True)
            ]
        except (ImageError, FileNotFoundError) as error:
            skipped.append(Skipped(name, str(error)))
        else:
            counted[name] = np.stack([confusion_matrix(truths[name], g, len(MSRS_CLASSES)) for g in guesses])
    return counted


def _figures(
    matrices: Mapping[str, Counts], names: Sequence[str], out: Path, config: SegmentationConfig, seed: int
) -> dict[str, Any]:
    """The entries of the inputs with their intervals, the differences, and what happens to single pictures."""
    estimates = {name: group_estimates(m, names, config.resamples, seed) for name, m in matrices.items()}
    asked = parse_pairs(config.against, list(matrices))
    everything = {name: compared(found["all"]) for name, found in estimates.items()}
    metrics = list(next(iter(everything.values())))
    entries = {name: entry(matrices[name], names, found) for name, found in estimates.items()}
    for name, found in matrices.items():
        _write_matrices(out / "confusion" / f"{name}.npz", found, names)
    changes, rows = compare_pictures(entries, matrices, names)
    write_csv(out / "pictures.csv", rows)
    return {
        "inputs": entries,
        "differences": differences(everything, metrics, SINGLES, BASELINE, asked),
        "largest_changes": changes,
    }


def _absent(matrices: Counts, measurable: Ids) -> list[str]:
    """Classes that no pixel of the truth has: an input is charged for them where it predicts them."""
    pixels = matrices[0].sum((0, 2))
    return [MSRS_CLASSES[i] for i in sorted(set(measurable.tolist())) if pixels[i] == 0]


def _write_matrices(path: Path, matrices: Counts, names: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with beside.open("wb") as file:
        np.savez_compressed(file, matrices=matrices[0] if len(matrices) == 1 else matrices, names=np.array(names))
    beside.replace(path)
