"""Networks trained for a comparison, each kept in one file, ``NAME-seedK.safetensors``.

A file appears when its network is done, and says from what it was trained; beside it, ``NAME-seedK.jsonl`` has the
loss of each epoch. A stopped run takes up at the first
network that is missing or was trained from something else.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from downstream.comparison.inputs import Comparison, Input
from downstream.comparison.plan import Place
from downstream.datasets.card import Masks
from downstream.datasets.masks import check_size, read_mask
from downstream.segmentation.deeplab import (
    build_deeplab,
    library_version,
    save_deeplab,
    saved_key,
)
from downstream.segmentation.recipe import TrainingConfig
from downstream.segmentation.training import train_network
from dwsfusion.errors import ImageError
from dwsfusion.images import read_image, rgb_array
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track
from dwsfusion.runs import hash_file, hash_text, write_lines


def make_jobs(
    places: Sequence[Place],
    labels: Mapping[str, Path],
    masks: Masks,
    config: TrainingConfig,
    out: Path,
    device: torch.device,
) -> "list[SegmenterJob]":
    """One training for each place of a matrix; what was trained before and still fits counts as done.

    Args:
        places: which networks.
        labels: names of the train pictures, and their label files.
        masks: how label files are read.
        config: the recipe.
        out: a folder for the networks.
        device: of the kind that they are trained on.
    """
    recipe = dataclasses.asdict(config)
    if Path(config.encoder_weights).is_file():
        recipe["encoder_weights"] = hash_file(Path(config.encoder_weights))
    pictures = {item.files[name] for place in places for item in place.inputs for name in labels}
    hashes = {path: hash_file(path) for path in (*labels.values(), *pictures)}
    jobs = []
    for place in places:
        own = place.of(labels)
        seen = [f"{name} {hashes[item.files[name]]} {hashes[own[name]]}" for item in place.inputs for name in own]
        key = hash_text(
            json.dumps(recipe, sort_keys=True), str(place.seed), device.type, library_version(), repr(masks), *seen
        )
        jobs.append(SegmenterJob(out / f"{place.name}.safetensors", place.inputs, own, masks, config, place.seed, key))
    return jobs


@dataclass(frozen=True)
class SegmenterJob:
    """The training of one network into its file."""

    path: Path
    inputs: Sequence[Input]
    labels: Mapping[str, Path]
    """Names of the pictures, the same in all inputs, and their label files."""
    masks: Masks
    config: TrainingConfig
    seed: int
    key: str
    """Changes with all that the network depends on."""

    @property
    def name(self) -> str:
        """What the job is called in messages."""
        return self.path.stem

    def is_done(self) -> bool:
        """Whether the network is there, trained from the very same."""
        return saved_key(self.path) == self.key

    def train(self, device: torch.device, track: Track) -> None:
        """Trains the network."""
        shape = self.config.shape(len(self.masks.classes))
        pictures = [rgb_array(read_image(item.files[name])) for item in self.inputs for name in self.labels]
        labels = [read_mask(path, self.masks) for path in self.labels.values()] * len(self.inputs)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            network = build_deeplab(shape, self.config.encoder_weights).to(device)
            losses = train_network(
                network, pictures, labels, shape.classes, self.config, self.seed, track, f"train {self.name}"
            )
        rows = [{"epoch": epoch, "loss": loss} for epoch, loss in enumerate(losses, start=1)]
        write_lines(self.path.with_suffix(".jsonl"), rows)
        save_deeplab(self.path, network, shape, self.key)


def usable_labels(train: Comparison, labels: Mapping[str, Path], masks: Masks) -> tuple[dict[str, Path], list[Skipped]]:
    """Parts the labels of pictures that every input can read, so that all train on the same, from the others."""
    usable, skipped = {}, []
    for name, path in labels.items():
        try:
            label = read_mask(path, masks)
            for item in train.inputs:
                check_size(label, read_image(item.files[name]).shape[:2], path)
        except ImageError as error:
            skipped.append(Skipped(name, f"train picture: {error}"))
        else:
            usable[name] = path
    return usable, skipped


def count_classes(labels: Iterable[Path], masks: Masks) -> dict[str, dict[str, int]]:
    """In how many label pictures each class is seen, and on how many pixels.

    Raises:
        ImageError: a label is not readable.
    """
    ids = [read_mask(path, masks).ravel() for path in labels]
    pixels = np.stack([np.bincount(own, minlength=256)[: len(masks.names)] for own in ids])
    seen = (pixels > 0).sum(0).tolist(), pixels.sum(0).tolist()
    return {name: {"pictures": n, "pixels": k} for name, n, k in zip(masks.names, *seen, strict=True)}
