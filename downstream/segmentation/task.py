"""The protocols of a segmentation comparison: which network looks at which input.

- ``frozen``: one given network looks at every input.
- ``retrained``: every input has its own network, trained on that input.
- ``joint``: one network, trained on all inputs in equal parts, looks at every input.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch

from downstream.comparison.inputs import VISIBLE, Comparison, label_files
from downstream.comparison.jobs import Track, pick_devices, silent
from downstream.comparison.plan import Matrix, divide, train_split
from downstream.comparison.uncertainty import INTERVALS, LEVEL, check_resamples, parse_pairs
from downstream.segmentation.classes import MSRS_CLASSES, Ids
from downstream.segmentation.deeplab import MEAN, STD, Segmenter, load_segmenter
from downstream.segmentation.retraining import train_segmenters, usable_labels
from downstream.segmentation.training import RECIPE, TrainingConfig, TrainingOptions
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped

SAMPLE_TRAINING = TrainingConfig(
    "tu-test_resnet", "none", decoder_channels=64, epochs=8, batch_size=4, lr=5e-3, crop_px=(144, 192)
)
"""For the sample scenes: small enough to be trained from scratch on a CPU in minutes."""

PSEUDO_WARNING = "plumbing only: labels are another network's predictions, not a result"


@dataclass(frozen=True)
class SegmentationConfig:
    """How segmentation is compared."""

    protocol: Literal["auto", "frozen", "retrained", "joint"] = "auto"
    """One given network for all inputs; one trained for each input; one trained on all inputs in equal parts.
    auto is retrained; on the sample scenes joint."""
    segmenter: Path | None = None
    """For frozen: the trained DeepLabV3Plus, with the 9 classes of MSRS or the 19 of Cityscapes."""
    mapping: Path | None = None
    """For a frozen network with the classes of Cityscapes: JSON that says which of them count as which of MSRS,
    {"truck": "car"}; what it does not name is as in cityscapes_to_msrs.json of this package."""
    labels: str = "Segmentation_labels"
    """Name of the folder of label pictures (class ids)."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    seeds: int = 3
    """Where networks are trained: how many an input, from SEED, SEED + 1, …; a result to quote needs 3."""
    folds: int = 0
    """Where networks are trained and the data set has no train split: divide the tested pictures into so many
    folds, each predicted by a network trained on the others. 0 trains on the train split."""
    devices: tuple[str, ...] = ()
    """Where networks are trained, such as cuda:0 cuda:1: side by side, one network on each; without it --device."""
    against: tuple[str, ...] = ()
    """Further pairs of inputs to compare, each A:B; every input is compared with the best camera and max."""
    resamples: int = 1000
    """Resamples of the bootstrap over pictures."""

    def settled(self, *, sample: bool) -> "SegmentationConfig":
        """The same with protocol and encoder chosen.

        On the sample scenes what was not given becomes what suits their training from scratch, unless an encoder
        was asked for.

        Raises:
            InputError: settings that belong to another protocol, or no resamples.
        """
        check_resamples(self.resamples)
        protocol = self.protocol if self.protocol != "auto" else "joint" if sample else "retrained"
        if protocol == "frozen" and (self.folds or self.devices):
            raise InputError("--folds and --devices belong to training: add --protocol retrained, or joint")
        if protocol != "frozen" and self.mapping:
            raise InputError("--mapping belongs to --protocol frozen: a trained network knows our classes")
        suited = SAMPLE_TRAINING if sample and self.training.encoder is None else TrainingConfig()
        return replace(self, protocol=protocol, training=self.training.filled(suited))


@dataclass(frozen=True)
class Segmenters:
    """The networks of a comparison."""

    by_input: Mapping[str, tuple[tuple[Segmenter, ...], ...]]
    """Input name to its networks: a tuple a seed, in it one network a fold."""
    fold_of: Mapping[str, int] = field(default_factory=dict)
    """Picture name to the fold that tests it; empty without folds."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """What the protocol says about their training; empty for a given one."""
    skipped: tuple[Skipped, ...] = ()
    """Train pictures that could not be used."""

    def of(self, name: str, picture: str) -> list[Segmenter]:
        """The networks that look at a picture of an input, one a seed."""
        return [folds[self.fold_of.get(picture, 0)] for folds in self.by_input[name]]

    @property
    def ids(self) -> Ids:
        """The classes that the networks can name."""
        return self.by_input[VISIBLE][0][0].ids

    @property
    def seconds(self) -> float:
        """How long they have computed until now."""
        return sum(s.seconds for s in {s for own in self.by_input.values() for folds in own for s in folds})


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
        InputError: the network is not usable, there is no seed, labels are missing, or none but the tested pictures.
    """
    parse_pairs(config.against, [item.name for item in comparison.inputs])
    if config.protocol == "frozen":
        segmenter = _frozen(config, device)
        return Segmenters({item.name: ((segmenter,),) for item in comparison.inputs})
    files = label_files(comparison, config.labels, ".png")  # what would else be missed only after the training
    train = comparison if config.folds else train_split(comparison, prepare_train)
    usable, skipped = usable_labels(train, files if config.folds else label_files(train, config.labels, ".png"))
    folds = divide(usable, config.folds, seed) if config.folds else [[]]
    matrix = Matrix(train.inputs, range(seed, seed + config.seeds), config.protocol == "joint", folds)
    recipe = config.training.filled(TrainingConfig())
    networks = train_segmenters(matrix, usable, recipe, out, pick_devices(config.devices, device), track)
    counts = {"pictures": len(usable), "seeds": config.seeds}
    training = {**asdict(recipe), **RECIPE, **counts, **matrix.describe_folds(seed)}
    # With folds the comparison itself meets the bad pictures.
    unusable = () if config.folds else (*train.skipped, *skipped)
    return Segmenters(matrix.by_input(networks), matrix.fold_of(), training, unusable)


def describe_protocol(config: SegmentationConfig, segmenters: Segmenters, seed: int) -> dict[str, Any]:
    """What ``segmentation.json`` says about how its figures came about."""
    able = [name for i, name in enumerate(MSRS_CLASSES) if i in segmenters.ids]
    mapping = segmenters.by_input[VISIBLE][0][0].mapping
    frozen = config.protocol == "frozen"
    return {
        "name": config.protocol,
        "network": "DeepLabV3Plus",
        **({"segmenter": str(config.segmenter)} if frozen else {"training": segmenters.training}),
        "networks": {n: [s.identity for f in own for s in f] for n, own in segmenters.by_input.items()},
        "normalisation": {
            "rule": "fixed: ImageNet's mean and deviation for every input",
            "mean": MEAN,
            "std": STD,
            "infrared": "three equal channels",
        },
        "labels": config.labels,
        **({"warning": PSEUDO_WARNING} if "pseudo" in config.labels.lower() else {}),
        "measurable": able,
        "not_measurable": [name for name in MSRS_CLASSES if name not in able],
        **({"cityscapes_to_msrs": mapping} if mapping else {}),
        "ignored": "truth of 255, outside the classes, or of a class that is not measurable",
        "figures": "IoU of summed confusion matrices; a class in neither truth nor prediction is left out",
        "bootstrap": {"resamples": config.resamples, "level": LEVEL, "seed": seed, "intervals": INTERVALS},
    }


def _frozen(config: SegmentationConfig, device: torch.device) -> Segmenter:
    if config.segmenter is None:
        raise InputError(
            "the protocol frozen needs a trained network: give --segmenter FILE (a DeepLabV3Plus with the "
            "9 classes of MSRS or the 19 of Cityscapes), or train one with --protocol retrained or joint"
        )
    return load_segmenter(config.segmenter, device, config.training.filled(TrainingConfig()).encoder, config.mapping)
