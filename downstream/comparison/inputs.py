"""The named inputs of a comparison, and the label files that belong to its pictures.

An input is a folder of pictures with the data set's names. Infrared and visible are the sources themselves;
mean, max and DWSFusion are fused by `preparing`; any other method joins as ``NAME=DIR``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from downstream.datasets.data_set import DataSet
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped, check_apart
from dwsfusion.runs import fingerprint, hash_text

INFRARED, VISIBLE = "infrared", "visible"
SINGLES = (INFRARED, VISIBLE)
BASELINES = ("mean", "max")
DWSFUSION = "dwsfusion"
LATE = "late"
"""No input, but a row beside them: what one network sees in both cameras, put together without a fused picture."""


@dataclass(frozen=True)
class Input:
    """One way to show the scenes to a detector or a segmenter."""

    name: str
    files: dict[str, Path]
    """Picture name without suffix to file, sorted by name; the same names in every input of a comparison."""


@dataclass(frozen=True)
class Comparison:
    """Some inputs over the same pictures."""

    data: DataSet
    """Whose pictures they are."""
    inputs: tuple[Input, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures, sorted."""
        return tuple(self.inputs[0].files)

    def input(self, name: str) -> Input:
        """The input of that name."""
        return next(i for i in self.inputs if i.name == name)

    def fingerprint(self) -> str:
        """A hash over all pictures of all inputs."""
        return hash_text(*(fingerprint(item.files.values()) for item in self.inputs))

    @property
    def root(self) -> Path:
        """The data root."""
        return self.data.root

    def check_apart(self, out: Path) -> None:
        """Sees to it that an output folder is no folder of an input, and neither is nor holds sources or labels.

        Args:
            out: the output folder.

        Raises:
            InputError: it is, holds or links to such a folder.
        """
        sources = [*self.input(INFRARED).files.values(), *self.input(VISIBLE).files.values()]
        check_apart(out, [*sources, *(folder / "any" for folder in self.data.label_folders())])
        folders = {path.parent for item in self.inputs for path in item.files.values()}
        check_apart(out, (folder / "any" for folder in folders if folder.resolve() == out.resolve()))

    def only(self, names: Iterable[str]) -> "Comparison":
        """The same inputs over some of the pictures."""
        kept = set(names)
        inputs = tuple(Input(i.name, {n: p for n, p in sorted(i.files.items()) if n in kept}) for i in self.inputs)
        return replace(self, inputs=inputs)


def label_files(comparison: Comparison, pattern: str) -> dict[str, Path]:
    """Label files of a comparison's pictures: name to file, only those that exist.

    Args:
        comparison: the pictures.
        pattern: where a picture's label lies, as a card has it.

    Raises:
        InputError: the folder is missing, or holds no label for any of the pictures.
    """
    files = comparison.data.files(pattern, comparison.names)
    if not files:
        raise missing_labels(comparison.data, pattern)
    return files


def missing_labels(data: DataSet, pattern: str) -> InputError:
    """Says what was found in place of labels."""
    folder = data.folder(pattern)
    if folder.is_dir():
        return InputError(f"expected labels named as the pictures in {folder} ({pattern}), found none that fits")
    near = next(parent for parent in folder.parents if parent.is_dir())
    held = ", ".join(sorted(p.name for p in near.iterdir() if p.is_dir())) or "no folder"
    return InputError(f"expected labels in {folder}, found only {held}: name others with --labels")
