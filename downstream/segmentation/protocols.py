"""The protocols of a segmentation comparison: which network looks at which input.

- ``frozen``: one given network looks at every input.
- ``retrained``: every input has its own network, trained on that input.
- ``joint``: one network, trained on all inputs in equal parts, looks at every input.

A trained network is one file, ``NAME-seedK.safetensors``, that appears when it is done and says from what it
was trained. A stopped run takes up at the first network that is missing or was trained from something else.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch

from downstream.inputs import Comparison, Input, label_files
from downstream.segmentation.classes import MSRS_CLASSES, Ids, check_label, read_label
from downstream.segmentation.deeplab import (
    DeepLabConfig,
    Segmenter,
    build_deeplab,
    load_segmenter,
    save_deeplab,
    saved_key,
)
from downstream.segmentation.training import Track, TrainingConfig, silent, train_network
from dwsfusion.errors import ImageError, InputError
from dwsfusion.images import Array, read_image, rgb_array
from dwsfusion.pairs import Skipped
from dwsfusion.runs import fingerprint, hash_file, hash_text

SAMPLE_TRAINING = TrainingConfig(
    "tu-test_resnet", "none", decoder_channels=64, epochs=8, batch_size=4, lr=5e-3, crop_px=(144, 192)
)
"""For the sample scenes: small enough to be trained from scratch on a CPU in minutes."""


@dataclass(frozen=True)
class SegmentationConfig:
    """How segmentation is compared."""

    protocol: Literal["auto", "frozen", "retrained", "joint"] = "auto"
    """One given network for all inputs; one trained for each input; one trained on all inputs in equal parts.
    auto is retrained; on the sample scenes joint."""
    segmenter: Path | None = None
    """For frozen: the trained DeepLabV3Plus, with the 9 classes of MSRS or the 19 of Cityscapes."""
    labels: str = "Segmentation_labels"
    """Name of the folder of label pictures (class ids)."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    seeds: int = 3
    """Where networks are trained: how many an input, from SEED, SEED + 1, …; a result to quote needs 3."""
    resamples: int = 1000
    """Resamples of the bootstrap over pictures."""

    def settled(self, *, sample: bool) -> "SegmentationConfig":
        """The same with protocol and encoder chosen.

        For the sample scenes all that was left at its default becomes what suits their training from scratch,
        unless an encoder was asked for.
        """
        protocol = self.protocol if self.protocol != "auto" else "joint" if sample else "retrained"
        if self.training.encoder != "auto":
            return replace(self, protocol=protocol)
        if not sample:
            return replace(self, protocol=protocol, training=replace(self.training, encoder="mobilenet_v2"))
        default = TrainingConfig()
        unset = [
            f.name for f in dataclasses.fields(default) if getattr(self.training, f.name) == getattr(default, f.name)
        ]
        training = replace(self.training, **{name: getattr(SAMPLE_TRAINING, name) for name in unset})
        return replace(self, protocol=protocol, training=training)


@dataclass(frozen=True)
class Segmenters:
    """The networks of a comparison."""

    by_input: Mapping[str, tuple[Segmenter, ...]]
    """Input name to its networks, one a seed."""
    train_pictures: int = 0
    """How many pictures each input gave to the training."""
    skipped: tuple[Skipped, ...] = ()
    """Train pictures that could not be used."""


def make_segmenters(
    config: SegmentationConfig,
    comparison: Comparison,
    prepare_train: Callable[[], Comparison],
    out: Path,
    *,
    seed: int,
    device: torch.device,
    track: Track = silent,
) -> Segmenters:
    """Gives every input its networks: one, or one a seed where they are trained.

    Args:
        config: protocol and recipe, settled.
        comparison: the tested pictures in every input.
        prepare_train: gives the train pictures in the same inputs; called where something is to be trained.
        out: a folder for trained networks.
        seed: the first seed.
        device: where to compute.
        track: shows the progress of trainings.

    Raises:
        InputError: the network is not usable, there is no seed, labels are missing, or the train pictures are the
            tested ones.
    """
    if config.protocol == "frozen":
        segmenter = _frozen(config, device)
        return Segmenters({item.name: (segmenter,) for item in comparison.inputs})
    if config.seeds < 1:
        raise InputError(f"expected one seed or more, found {config.seeds}")
    label_files(comparison, config.labels, ".png")  # what would else be missed only after the training
    train = prepare_train()
    if train.root.resolve() == comparison.root.resolve():
        raise InputError(
            f"expected train pictures beside the tested ones, found only {train.root}: give a data root "
            "with train/ and test/, or use --protocol frozen"
        )
    seeds = range(seed, seed + config.seeds)
    return _trained(train, config, out, seeds, device, track)


def _frozen(config: SegmentationConfig, device: torch.device) -> Segmenter:
    if config.segmenter is None:
        raise InputError(
            "the protocol frozen needs a trained network: give --segmenter FILE (a DeepLabV3Plus with the "
            "9 classes of MSRS or the 19 of Cityscapes), or train one with --protocol retrained or joint"
        )
    encoder = config.training.encoder
    return load_segmenter(config.segmenter, device, encoder)


@dataclass(frozen=True)
class _Diet:
    """What one network is trained on: its inputs, in the order in which their pictures are numbered."""

    inputs: tuple[Input, ...]
    labels: Mapping[str, Path]
    """Names of the pictures, the same in all inputs, and their label files."""

    def read(self) -> tuple[list[Array], list[Ids]]:
        """All pictures, input by input, and their labels."""
        pictures = [rgb_array(read_image(item.files[name])) for item in self.inputs for name in self.labels]
        return pictures, [read_label(path) for path in self.labels.values()] * len(self.inputs)

    def fingerprint(self) -> str:
        """Changes with any picture or label."""
        folders = [[item.files[name] for name in self.labels] for item in self.inputs]
        return hash_text(*(fingerprint(files) for files in [self.labels.values(), *folders]))


def _trained(
    train: Comparison, config: SegmentationConfig, out: Path, seeds: range, device: torch.device, track: Track
) -> Segmenters:
    """Trains a network for each input, or for all of them, and each seed, where it is not there yet."""
    labels, skipped = _usable(train, label_files(train, config.labels, ".png"))
    groups = {"joint": train.inputs} if config.protocol == "joint" else {i.name: (i,) for i in train.inputs}
    cells = [(name, seed) for name in groups for seed in seeds]
    trained: dict[str, list[Segmenter]] = {name: [] for name in groups}
    for number, (name, seed) in enumerate(cells, start=1):
        path, what = (
            out / f"{name}-seed{seed}.safetensors",
            f"train {name}, seed {seed} ({number} of {len(cells)})",
        )
        _train_cell(path, _Diet(groups[name], labels), config.training, seed, device, track, what)
        trained[name].append(load_segmenter(path, device))
    by_input = {i.name: tuple(trained[i.name if i.name in trained else "joint"]) for i in train.inputs}
    return Segmenters(by_input, len(labels), tuple(skipped))


def _train_cell(
    path: Path, diet: _Diet, config: TrainingConfig, seed: int, device: torch.device, track: Track, what: str
) -> None:
    """Trains one network into its file, unless the file was trained from the very same."""
    recipe = dataclasses.asdict(config)
    if Path(config.encoder_weights).is_file():
        recipe["encoder_weights"] = hash_file(Path(config.encoder_weights))
    key = hash_text(json.dumps(recipe, sort_keys=True), str(seed), diet.fingerprint())
    if saved_key(path) == key:
        return
    shape = DeepLabConfig(config.encoder, len(MSRS_CLASSES), config.decoder_channels)
    pictures, labels = diet.read()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        network = build_deeplab(shape, config.encoder_weights).to(device)
        train_network(network, pictures, labels, config, seed, track, what)
    save_deeplab(path, network, shape, key)


def _usable(train: Comparison, labels: Mapping[str, Path]) -> tuple[dict[str, Path], list[Skipped]]:
    """Parts the labels of pictures that every input can read, so that all train on the same, from the others."""
    usable, skipped = {}, []
    for name, path in labels.items():
        try:
            label = read_label(path)
            for item in train.inputs:
                check_label(label, read_image(item.files[name]).shape[:2], path)
        except ImageError as error:
            skipped.append(Skipped(name, str(error)))
        else:
            usable[name] = path
    return usable, skipped
