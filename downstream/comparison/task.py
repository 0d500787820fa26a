"""What a comparison asks of a task: what is true, what networks see, and what that is worth.

A task is one class. `downstream.comparison.networks.make_networks` calls the methods under "networks" and
`downstream.comparison.run.compare` those under "figures", each in the order in which they stand here; nobody else
has to know the task. `docs/add-a-task.md` shows one.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch

from downstream.comparison.config import TaskConfig
from downstream.comparison.cross_validation import AnyNetwork, Folded, Networks
from downstream.comparison.grid_config import GridConfig, Grids
from downstream.comparison.inputs import Comparison, Input, label_files
from downstream.comparison.jobs import Job
from downstream.comparison.plan import Place
from downstream.comparison.scores import Ints, Scores, metric_rows, picture_changes
from downstream.comparison.uncertainty import Estimate
from downstream.datasets.card import Card
from downstream.datasets.data_set import DataSet
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track

Truth = TypeVar("Truth")
"""What is true of the pictures."""
Seen = TypeVar("Seen")
"""What is kept of the prediction of one picture."""
AnyScores = TypeVar("AnyScores", bound=Scores)


class Task(ABC, Generic[Truth, AnyNetwork, Seen, AnyScores]):
    """One way to ask what pictures are worth to a machine.

    Args:
        config: settled: nothing in it is left open.
        card: of the data set, for tasks that know its classes.
    """

    name: ClassVar[str]
    """Of its files (``NAME.json``, ``NAME.csv``) and in commands."""
    titles: ClassVar[Mapping[str, str]]
    """The figures that stand for the whole, and what tables call them; other figures of `Scores` are details."""
    primary: ClassVar[str]
    """The metric by which cameras and single pictures are compared."""
    by_objects: ClassVar[bool] = True
    """Whether the figures count objects, so that a single one can turn a small difference; pixels add up smoothly."""
    suffix: ClassVar[str]
    """Of a label file: ``.txt``."""
    classes: tuple[str, ...] = ()
    """Names of the classes, where there are any."""
    trained: ClassVar[str] = "models"
    """The folder of trained networks in the output folder."""
    change: ClassVar[str]
    """What `picture_rows` calls a change, in words."""

    def __init__(self, config: TaskConfig, card: Card | None = None) -> None:
        self.config = config

    @property
    def metrics(self) -> tuple[str, ...]:
        """The figures that stand for the whole."""
        return tuple(self.titles)

    def label_name(self, data: DataSet) -> str:
        """What the labels are called in a protocol."""
        return self.config.labels or "labels"

    def labels(self, comparison: Comparison) -> Mapping[str, Any]:
        """Picture name to its label file, or to what is read of it; of those pictures that have one.

        Raises:
            InputError: there is none, or one is malformed in a way that puts the others in doubt.
        """
        return label_files(comparison, f"{{split}}/{self.config.labels or 'labels'}/{{name}}{self.suffix}")

    # Networks.

    @abstractmethod
    def frozen(self, device: torch.device) -> AnyNetwork:
        """The given network that looks at every input; raises InputError where there is none, or it is not usable."""

    def check_start(self, device: torch.device) -> AnyNetwork | None:
        """Sees to it, before any picture is fused, that there will be networks: gives the given one.

        Raises:
            InputError: there is none, or what is to be trained cannot be built.
        """
        return self.frozen(device) if self.config.protocol == "frozen" else None

    def usable_labels(
        self, train: Comparison, labels: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Sequence[Skipped]]:
        """Parts the labels of train pictures that all inputs can be trained on from the pictures left out.

        Raises:
            InputError: a label is malformed.
        """
        raise InputError(f"{self.name} has no training: use --protocol frozen")

    def jobs(
        self, places: Sequence[Place], labels: Mapping[str, Any], out: Path, device: torch.device
    ) -> Sequence[Job]:
        """One training for each place of the matrix, of these labelled pictures, on such a device, into a folder."""
        raise InputError(f"{self.name} has no training: use --protocol frozen")

    def load(self, job: Any, device: torch.device) -> AnyNetwork:
        """The network of a job that is done."""
        raise InputError(f"{self.name} has no training: use --protocol frozen")

    def recipe(self) -> Mapping[str, Any]:
        """How networks are trained, for the protocol; without seeds, pictures and folds."""
        return {}

    def train_counts(self, labels: Mapping[str, Path]) -> Mapping[str, Any]:
        """What the protocol says of the labels trained on, such as how many a class has."""
        return {}

    # Figures.

    @abstractmethod
    def read_truth(
        self, comparison: Comparison, labels: Mapping[str, Any], network: AnyNetwork, out: Path
    ) -> tuple[Truth, Sequence[Skipped]]:
        """Reads what is true of the pictures that have a label.

        Args:
            comparison: the inputs over these pictures.
            labels: what `labels` gives of them.
            network: one of those that will look; what it cannot name is not to be held against it.
            out: the output folder.

        Returns:
            The truth, and pictures whose label cannot be used.

        Raises:
            InputError: a label is malformed in a way that puts the others in doubt.
        """

    @abstractmethod
    def predict(
        self, truth: Truth, networks: Folded[AnyNetwork], item: Input, folder: Path, seed: int | None, track: Track
    ) -> tuple[Mapping[str, Seen], Sequence[Skipped]]:
        """Looks at the pictures of an input; what was seen before by the same network on the same file is read.

        Args:
            truth: of these pictures.
            networks: who looks at what.
            item: the input, over the pictures to look at.
            folder: where predictions are kept.
            seed: that the networks were trained from; None for the first one, or where nothing was trained.
            track: shows progress.

        Returns:
            What is kept of each picture's prediction, and pictures that cannot be read.
        """

    def predict_late(
        self,
        networks: Folded[AnyNetwork],
        cameras: tuple[Input, Input],
        seen: tuple[Mapping[str, Seen], Mapping[str, Seen]],
        truth: Truth,
        folder: Path,
        seed: int | None,
        track: Track,
    ) -> Mapping[str, Seen] | None:
        """Late fusion: what the same networks see in infrared and in visible, put together; None where there is none.

        Args:
            networks: who looks at what, in both cameras.
            cameras: infrared and visible, over the pictures that both can read.
            seen: what was kept of each camera's predictions; the rest as in `predict`.
        """
        return None

    def row_names(self, taken: Collection[str]) -> tuple[str, ...]:
        """Names of the rows that other programs' predictions make.

        Args:
            taken: the names of all other rows.

        Raises:
            InputError: one is malformed or taken.
        """
        return ()

    def read_rows(self, truth: Truth, comparison: Comparison, folder: Path) -> Mapping[str, Mapping[str, Seen]]:
        """Reads other programs' predictions, checked like inputs: row to what is kept of each picture's prediction.

        Args:
            truth: of the pictures that have labels.
            comparison: all pictures.
            folder: where predictions are kept.

        Raises:
            InputError: there are none, or they are of other pictures, sizes or classes.
        """
        return {}

    @abstractmethod
    def score(self, truth: Truth, network: AnyNetwork, seen: Mapping[str, Seen]) -> AnyScores:
        """What the predictions of the pictures, in the order of their names, are worth."""

    def support(self, scores: AnyScores) -> Mapping[str, int]:
        """How many pictures show what a figure measures, for figures that not every picture bears on: AP of a class."""
        return {}

    def entry(self, estimates: Mapping[str, Estimate], scores: Sequence[AnyScores], draws: Ints) -> Mapping[str, Any]:
        """What ``NAME.json`` says about an input beside its metrics, their intervals, seeds and groups.

        Args:
            estimates: all figures over all pictures.
            scores: of each seed.
            draws: ``(R, n)``, resamples of the pictures.
        """
        return {}

    def picture_rows(
        self, names: Sequence[str], scores: Sequence[AnyScores], single: Sequence[AnyScores]
    ) -> list[dict[str, Any]]:
        """One row a picture: its name as ``image``, and its ``change`` against a camera, more being better.

        Args:
            names: the pictures.
            scores: of each seed of a fused input.
            single: of each seed of the camera.
        """
        return picture_changes(names, scores, single, self.primary)

    def finish(
        self,
        truth: Truth,
        names: Sequence[str],
        scores: Mapping[str, Sequence[AnyScores]],
        entries: Mapping[str, dict[str, Any]],
        draws: Ints,
        out: Path,
    ) -> None:
        """Writes what the task keeps beside its figures, and adds to the entries what needs all inputs."""
        return

    @abstractmethod
    def protocol(self, networks: Networks[AnyNetwork], scores: Mapping[str, Sequence[AnyScores]]) -> Mapping[str, Any]:
        """How the figures came about, beside what `downstream.comparison.run` says for every task."""

    @abstractmethod
    def table(self, result: Mapping[str, Any]) -> tuple[str, list[dict[str, str]], list[str]]:
        """What ``NAME.json`` holds as a table of finished texts: its title, a row an input, notes below."""

    def details(self, result: Mapping[str, Any]) -> tuple[str, list[dict[str, str]]] | None:
        """What does not belong at a glance as a second table: its title, a row an input."""
        return None

    def csv_rows(self, result: Mapping[str, Any]) -> list[dict[str, Any]]:
        """One row an input, fractions at full precision: the metrics with their intervals."""
        return metric_rows(result, self.metrics)

    # Finished runs.

    @classmethod
    @abstractmethod
    def reopen(cls, folder: Path, inputs: Sequence[str]) -> tuple[tuple[str, ...], dict[str, list[AnyScores]]]:
        """Reads the scores of a finished comparison again.

        Args:
            folder: its output folder.
            inputs: which inputs; those that it does not have are left out.

        Returns:
            The pictures, and input name to the scores of each seed.

        Raises:
            InputError: the comparison is not there or is not finished.
        """

    @classmethod
    def drawable(cls, folder: Path) -> Collection[str]:
        """Names of the pictures that a finished comparison can be drawn of.

        Raises:
            InputError: the comparison is not there or is not finished, or the task draws nothing.
        """
        raise InputError(f"there are no grids of {cls.name}")

    @classmethod
    def grids(cls, comparison: Comparison, config: GridConfig) -> Grids:
        """What draws a finished comparison's pictures.

        Raises:
            InputError: the comparison is not there or is not finished, or the task draws nothing.
        """
        raise InputError(f"there are no grids of {cls.name}")
