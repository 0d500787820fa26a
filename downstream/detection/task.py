"""The protocols of a detection comparison: which detector looks at which input.

- ``frozen``: one given detector looks at every input.
- ``retrained``: every input has its own detector, trained on that input.
- ``joint``: one detector, trained on all inputs in equal parts, looks at every input.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import torch

from downstream.comparison.cross_validation import Detector, FoldedDetector
from downstream.comparison.inputs import VISIBLE, Comparison, label_files
from downstream.comparison.jobs import pick_devices
from downstream.comparison.plan import Matrix, divide, train_split
from downstream.comparison.uncertainty import check_resamples, parse_pairs
from downstream.detection.training import RECIPE, train_detectors
from downstream.detection.yolo import Budget, YoloDetector
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped

SAMPLE_SIZE_PX = 256
"""What the small detector of the sample scenes was trained at."""
SAMPLE_TRAINING = {"image_size": SAMPLE_SIZE_PX, "epochs": 12, "learning_rate": 0.006}
"""What suits its training from scratch."""


@dataclass(frozen=True)
class DetectionConfig:
    """How detection is compared."""

    detector: str = "auto"
    """Weights (.pt), by file or published name, or an architecture (.yaml) to train from scratch. auto is
    yolov5su.pt; on the sample scenes, drawings that no published detector knows, sample.pt of this package
    or, to be trained, its architecture tiny.yaml, with the settings that suit it."""
    mapping: Path | None = None
    """For frozen: JSON that says which of the detector's classes count as which of ours, {"theirs": "ours"};
    without it coco_to_msrs.json of this package: person, bicycle and car by their names."""
    protocol: Literal["frozen", "retrained", "joint"] = "frozen"
    """One given detector for all inputs; one trained for each input; one trained on all inputs in equal
    parts."""
    labels: str = "labels"
    """Name of the folder of YOLO label files."""
    image_size: int | None = None
    """The longer side in pixels that pictures are scaled to; without it 640, on the sample scenes 256."""
    epochs: int | None = None
    """Where a detector is trained: how often it sees every train picture; without it 50, on the sample scenes 12."""
    batch_size: int = 16
    """Where a detector is trained: pictures a step."""
    learning_rate: float | None = None
    """Where a detector is trained: of AdamW, at its highest; without it 0.001, on the sample scenes 0.006."""
    seeds: int = 1
    """Where detectors are trained: how many an input, from SEED, SEED + 1, …; a result to quote needs 3."""
    folds: int = 0
    """Where detectors are trained and the data set has no train split: divide the tested pictures into so many
    folds, each predicted by a detector trained on the others. 0 trains on the train split."""
    devices: tuple[str, ...] = ()
    """Where detectors are trained, such as cuda:0 cuda:1: side by side, one detector on each; without it --device."""
    against: tuple[str, ...] = ()
    """Further pairs of inputs to compare, each A:B; every input is compared with the best camera and max."""
    resamples: int = 1000
    """Resamples of the bootstrap over pictures."""

    def settled(self, *, sample: bool) -> "DetectionConfig":
        """The same with the detector chosen; on the sample scenes, with settings that suit it where none were given.

        Raises:
            InputError: settings that belong to another protocol, or no resamples.
        """
        check_resamples(self.resamples)
        if self.protocol == "frozen" and (self.folds or self.devices):
            raise InputError("--folds and --devices belong to training: add --protocol retrained, or joint")
        if self.protocol != "frozen" and self.mapping:
            raise InputError("--mapping belongs to --protocol frozen: a trained detector knows our classes")
        if self.detector != "auto":
            return self
        if not sample:
            return replace(self, detector="yolov5su.pt")
        trained = self.protocol != "frozen"
        suited: dict[str, Any] = SAMPLE_TRAINING if trained else {"image_size": SAMPLE_SIZE_PX}
        unset = {name: value for name, value in suited.items() if getattr(self, name) is None}
        return replace(self, detector="tiny.yaml" if trained else "sample.pt", **unset)

    def budget(self) -> Budget:
        """How long and on what scale a detector is trained; what was not given is as `Budget` has it."""
        given = {field.name: getattr(self, field.name) for field in fields(Budget)}
        return Budget(**{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True)
class Detectors:
    """The detectors of a comparison."""

    by_input: Mapping[str, Sequence[Detector]]
    """Input name to its detectors, one a seed."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """What the protocol says about their training; empty for a given one."""
    skipped: tuple[Skipped, ...] = ()
    """Train pictures that could not be used."""

    @property
    def detectable(self) -> tuple[str, ...]:
        """The classes that the detectors know."""
        return self.by_input[VISIBLE][0].detectable

    @property
    def seconds(self) -> float:
        """How long they have computed until now."""
        return sum(d.seconds for d in {id(d): d for own in self.by_input.values() for d in own}.values())


def make_detectors(
    config: DetectionConfig,
    comparison: Comparison,
    prepare_train: Callable[[], Comparison],
    out: Path,
    *,
    seed: int,
    device: torch.device,
) -> Detectors:
    """Gives every input its detectors: one, or one a seed, from `seed` on, where they are trained.

    Args:
        config: settled.
        comparison: the tested pictures in every input.
        prepare_train: gives the train pictures in the same inputs; called where something is to be trained.
        out: a folder for trained detectors.

    Raises:
        InputError: the detector is not usable, labels are missing, or the train pictures are the tested ones.
    """
    parse_pairs(config.against, [item.name for item in comparison.inputs])
    budget = config.budget()
    if config.protocol == "frozen":
        detector = YoloDetector(config.detector, device, budget.image_size, config.mapping)
        return Detectors({item.name: [detector] for item in comparison.inputs})
    labelled = label_files(comparison, config.labels, ".txt")
    train = comparison.only(labelled) if config.folds else train_split(comparison, prepare_train)
    folds = divide(labelled, config.folds, seed) if config.folds else [[]]
    matrix = Matrix(train.inputs, range(seed, seed + config.seeds), config.protocol == "joint", folds)
    files = train_detectors(
        train, config.labels, config.detector, out, matrix, budget, pick_devices(config.devices, device)
    )
    loaded = {name: YoloDetector(file, device, budget.image_size) for name, file in files.items()}
    training = _training(config, matrix, seed, len(label_files(train, config.labels, ".txt")))
    # With folds the comparison itself meets the bad pictures.
    return Detectors(_by_seed(matrix, loaded), training, () if config.folds else train.skipped)


def _by_seed(matrix: Matrix, loaded: Mapping[str, YoloDetector]) -> dict[str, list[Detector]]:
    """Input name to its detectors, one a seed; those of the folds make one."""
    fold_of, networks = matrix.fold_of(), matrix.by_input(loaded)
    looking: dict[tuple[YoloDetector, ...], Detector] = {
        own: FoldedDetector(own, fold_of) if fold_of else own[0] for by_seed in networks.values() for own in by_seed
    }
    return {name: [looking[own] for own in by_seed] for name, by_seed in networks.items()}


def _training(config: DetectionConfig, matrix: Matrix, seed: int, pictures: int) -> dict[str, Any]:
    training = {
        **asdict(config.budget()),
        "seeds": config.seeds,
        "pictures": pictures,
        **RECIPE,
        **matrix.describe_folds(seed),
    }
    if config.folds:
        training["ranking"] = "the detections of all folds together, by confidence; each fold has its own detector"
    return {"trained_from": config.detector, "training": training}
