"""Own detectors: one an input (protocol ``retrained``), or one for all inputs (protocol ``joint``).

Retrained gives every input a detector that knows its looks, at the cost of one training an input and seed.
Joint trains a single detector on the train pictures of all inputs in equal parts, so that no input is
favoured, and then uses it as a frozen one. Nothing is stopped early and no weights are chosen: every detector is
trained for its whole budget and kept as it is then.
"""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from downstream.comparison.inputs import Input
from downstream.comparison.plan import Place
from downstream.datasets.labels import Labels
from downstream.detection.budget import Budget
from downstream.detection.yolo import find_model, library_version, model_identity
from downstream.detection.yolo_training import train_yolo
from dwsfusion.images import image_size, read_image, rgb_array, write_png
from dwsfusion.progress import Track
from dwsfusion.runs import hash_file, hash_text, write_json, write_lines, write_text

_log = logging.getLogger(__name__)


RECIPE = {
    "early_stopping": "none: every detector is trained for its whole budget",
    "weights": "the last ones; none are chosen by a look at other pictures",
}
"""What `Budget` does not say, in words, for the protocol of a comparison."""


def make_jobs(
    places: Sequence[Place],
    labels: Mapping[str, Labels],
    classes: Sequence[str],
    model: str | Path,
    out: Path,
    budget: Budget,
    device: torch.device,
) -> "list[DetectorJob]":
    """One training for each place of a matrix; what was trained before and still fits counts as done.

    Args:
        places: which detectors.
        labels: train picture to its objects.
        classes: the names of all classes.
        model: initial weights, or an architecture to train from scratch; the same for every input.
        out: a folder for the trained detectors.
        budget: epochs, batch and image size; a joint epoch goes over the pictures of all inputs.
        device: of the kind that they are trained on.

    Raises:
        InputError: there is no such model.
    """
    start = find_model(model)
    pictures = {item.files[name] for place in places for item in place.inputs for name in labels}
    hashes = {path: hash_file(path) for path in pictures}
    texts = {
        name: hash_text(yolo_text(own, image_size(places[0].inputs[0].files[name]))) for name, own in labels.items()
    }
    identity = hash_text(model_identity(start), library_version(), *classes)
    jobs = []
    for place in places:
        own = place.of(labels)
        seen = [f"{item.name} {n} {hashes[item.files[n]]} {texts[n]}" for item in place.inputs for n in own]
        key = hash_text(identity, *seen, repr(budget), str(place.seed), device.type)
        jobs.append(DetectorJob(out / place.name, place.inputs, own, tuple(classes), start, budget, place.seed, key))
    return jobs


@dataclass(frozen=True)
class DetectorJob:
    """The training of one detector into ``folder/detector.pt``, with the losses of each epoch in ``losses.jsonl``;
    ``training.json``, written last, marks it as done."""

    folder: Path
    inputs: Sequence[Input]
    labels: Mapping[str, Labels]
    """Picture name to its objects."""
    classes: tuple[str, ...]
    start: Path
    budget: Budget
    seed: int
    key: str
    """Changes with all that the detector depends on."""

    @property
    def name(self) -> str:
        """What the job is called in messages."""
        return self.folder.name

    @property
    def detector(self) -> Path:
        """The trained weights."""
        return self.folder / "detector.pt"

    def is_done(self) -> bool:
        """Whether the detector is there, trained from the very same."""
        record = self.folder / "training.json"
        return (
            self.detector.is_file()
            and record.is_file()
            and bool(json.loads(record.read_text(encoding="utf-8"))["key"] == self.key)
        )

    def train(self, device: torch.device, track: Track) -> None:
        """Trains the detector; ultralytics says by itself how far it is."""
        _log.info("training %s on %d pictures", self.name, len(self.inputs) * len(self.labels))
        shutil.rmtree(self.folder, ignore_errors=True)
        dataset = write_dataset(self.folder / "data", self.inputs, self.labels, self.classes)
        last, losses = train_yolo(
            dataset, self.start, self.folder / "run", budget=self.budget, seed=self.seed, device=device
        )
        last.replace(self.detector)
        shutil.rmtree(self.folder / "data")
        shutil.rmtree(self.folder / "run")
        write_lines(self.folder / "losses.jsonl", losses)
        about = {"inputs": [i.name for i in self.inputs], "pictures": len(self.inputs) * len(self.labels)}
        write_json(
            self.folder / "training.json",
            {"key": self.key, "start": self.start.name, **about, "budget": self.budget, "seed": self.seed},
        )


def write_dataset(folder: Path, inputs: Sequence[Input], labels: Mapping[str, Labels], classes: Sequence[str]) -> Path:
    """Writes the labelled pictures of some inputs as a data set of ultralytics, all as 8-bit RGB.

    ultralytics finds a picture's labels by replacing ``images`` by ``labels`` in its path.

    Returns:
        The data set's YAML file.
    """
    for item in inputs:
        for name, own in labels.items():
            picture = rgb_array(read_image(item.files[name]))
            write_png(folder / "images" / f"{name}__{item.name}.png", picture)
            write_text(folder / "labels" / f"{name}__{item.name}.txt", yolo_text(own, picture.shape[:2]))
    # ultralytics wants a set to validate on even where nothing is validated: one picture will do.
    first = min((folder / "images").iterdir())
    write_text(folder / "val.txt", f"{first.resolve()}\n")
    names = dict(enumerate(classes))
    dataset = folder / "dataset.yaml"
    write_json(dataset, {"path": folder.resolve(), "train": "images", "val": "val.txt", "names": names})
    return dataset


def yolo_text(labels: Labels, size: tuple[int, ...]) -> str:
    """The objects of a picture of (height, width) pixels as YOLO text; regions that count neither way are left out."""
    height, width = size[:2]
    scale = np.array([width, height, width, height], np.float64)
    boxes = labels.boxes_xyxy[~labels.crowd] / scale
    centres, extents = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return "".join(
        f"{category} " + " ".join(f"{value:.8g}" for value in values) + "\n"
        for category, values in zip(labels.classes[~labels.crowd], np.hstack([centres, extents]), strict=True)
    )
