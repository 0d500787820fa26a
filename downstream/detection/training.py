"""Own detectors: one an input (protocol ``retrained``), or one for all inputs (protocol ``joint``).

Retrained gives every input a detector that knows its looks, at the cost of one training an input and seed.
Joint trains a single detector on the train pictures of all inputs in equal parts, so that no input is
favoured, and then uses it as a frozen one.
"""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from downstream.detection.coco import CLASSES, read_all_labels
from downstream.detection.yolo import Budget, find_model, model_identity, train_yolo
from downstream.inputs import Comparison, Input, label_files
from dwsfusion.images import read_image, rgb_array, write_png
from dwsfusion.runs import fingerprint, hash_text, write_json, write_text

_log = logging.getLogger(__name__)


def train_detectors(
    train: Comparison,
    labels: str,
    model: str | Path,
    out: Path,
    *,
    joint: bool,
    budget: Budget,
    seeds: Sequence[int],
    device: torch.device,
) -> dict[str, list[Path]]:
    """Trains the detectors of a comparison; what was trained before and still fits is used again.

    Args:
        train: the train pictures in every input.
        labels: name of the label folder beside the pictures.
        model: initial weights, or an architecture to train from scratch; the same for every input.
        out: a folder for the trained detectors.
        joint: one detector for all inputs, where otherwise every input has its own.
        budget: epochs, batch and image size; a joint epoch goes over the pictures of all inputs.
        seeds: one detector for each.
        device: where to compute.

    Returns:
        Input name to its detectors, one a seed.

    Raises:
        InputError: labels or model are missing or malformed.
    """
    start = find_model(model)
    files = label_files(train, labels, ".txt")
    read_all_labels(files, train.inputs[0].files)
    groups = {"joint": train.inputs} if joint else {item.name: (item,) for item in train.inputs}
    trained = {
        name: [_train(out / f"{name}-seed{seed}", items, files, start, budget, seed, device) for seed in seeds]
        for name, items in groups.items()
    }
    return {item.name: trained["joint" if joint else item.name] for item in train.inputs}


def _train(
    folder: Path,
    inputs: Sequence[Input],
    labels: Mapping[str, Path],
    start: Path,
    budget: Budget,
    seed: int,
    device: torch.device,
) -> Path:
    """Trains one detector into ``folder/detector.pt``; ``training.json``, written last, marks it as done."""
    pictures = [item.files[name] for item in inputs for name in labels]
    key = hash_text(
        model_identity(start), *(i.name for i in inputs), fingerprint(pictures), fingerprint(labels.values()),
        repr(budget), str(seed), device.type,
    )  # fmt: skip
    record, kept = folder / "training.json", folder / "detector.pt"
    if record.is_file() and kept.is_file() and json.loads(record.read_text(encoding="utf-8"))["key"] == key:
        return kept
    _log.info("training %s on %d pictures", folder.name, len(pictures))
    shutil.rmtree(folder, ignore_errors=True)
    dataset = write_dataset(folder / "data", inputs, labels)
    last = train_yolo(dataset, start, folder / "run", budget=budget, seed=seed, device=device)
    last.replace(kept)
    shutil.rmtree(folder / "data")
    shutil.rmtree(folder / "run")
    write_json(
        record,
        {"key": key, "start": start.name, "inputs": [i.name for i in inputs], "pictures": len(pictures),
         "budget": budget, "seed": seed},
    )  # fmt: skip
    return kept


def write_dataset(folder: Path, inputs: Sequence[Input], labels: Mapping[str, Path]) -> Path:
    """Writes the labelled pictures of some inputs as a data set of ultralytics, all as 8-bit RGB.

    ultralytics finds a picture's labels by replacing ``images`` by ``labels`` in its path.

    Returns:
        The data set's YAML file.
    """
    for item in inputs:
        for name, path in labels.items():
            write_png(folder / "images" / f"{name}__{item.name}.png", rgb_array(read_image(item.files[name])))
            write_text(folder / "labels" / f"{name}__{item.name}.txt", path.read_text(encoding="utf-8"))
    # ultralytics wants a set to validate on even where nothing is validated: one picture will do.
    first = min((folder / "images").iterdir())
    write_text(folder / "val.txt", f"{first.resolve()}\n")
    names = dict(enumerate(CLASSES))
    dataset = folder / "dataset.yaml"
    write_json(dataset, {"path": folder.resolve(), "train": "images", "val": "val.txt", "names": names})
    return dataset
