"""The named inputs of a comparison, and the label files that belong to its pictures.

An input is a folder of pictures with the data set's names. Infrared and visible are the sources themselves;
mean, max and DWSFusion are fused here; any other method joins as ``NAME=DIR``.
"""

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dwsfusion.errors import InputError
from dwsfusion.fusing import Fuser, fuse_folder
from dwsfusion.images import image_size
from dwsfusion.pairs import Pair, PairSet, Skipped, find_pairs, images_by_stem
from dwsfusion.runs import fingerprint, hash_text

INFRARED, VISIBLE = "infrared", "visible"
BASELINES = ("mean", "max")
DWSFUSION = "dwsfusion"

_log = logging.getLogger(__name__)
Track = Callable[[Iterable[Pair], str], Iterable[Pair]]


@dataclass(frozen=True)
class Input:
    """One way to show the scenes to a detector or a segmenter."""

    name: str
    files: dict[str, Path]
    """Picture name without suffix to file, sorted by name; the same names in every input of a comparison."""


@dataclass(frozen=True)
class Comparison:
    """Some inputs over the same pictures."""

    root: Path
    """The folder that holds the sources and the label folders, such as ``data/MSRS/test``."""
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

    def only(self, names: Iterable[str]) -> "Comparison":
        """The same inputs over some of the pictures."""
        kept = set(names)
        inputs = tuple(Input(i.name, {n: p for n, p in i.files.items() if n in kept}) for i in self.inputs)
        return replace(self, inputs=inputs)


@dataclass(frozen=True)
class ComparisonConfig:
    """What every comparison is asked; the commands add what is their own."""

    data: Path | None = None
    """Folder with SPLIT/{ir,vi} and labels; without it data/MSRS, else the sample scenes."""
    split: str = "test"
    """Which part of the data set."""
    inputs: tuple[str, ...] = ()
    """Further inputs, each NAME=DIR with the data set's file names."""
    common: bool = False
    """Compare on the pictures that all inputs have; otherwise a missing one is an error."""
    weights: Path | None = None
    """Weights of DWSFusion, ours (.safetensors) or the authors' (.pth); without it those of this package."""
    fused: Path = Path("out/fused")
    """Where fused pictures are kept."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    seed: int = 0
    """Fixes training and resamples."""

    def fuser(self) -> Fuser:
        """Loads the network that makes the input ``dwsfusion``."""
        return Fuser.from_pretrained(self.weights or DWSFUSION, self.device)

    def prepare(self, data: Path, fuser: Fuser, split: str, track: Track) -> Comparison:
        """Builds the inputs of one split; see `prepare_comparison`."""
        return prepare_comparison(
            data, split, self.inputs, fuser=fuser, fused=self.fused, common=self.common, track=track
        )


def is_night(name: str) -> bool | None:
    """Whether a picture was taken by night, from the last letter of its MSRS name; None where it does not say."""
    return {"N": True, "D": False}.get(name[-1:])


def prepare_comparison(
    data: Path,
    split: str,
    extra: Sequence[str],
    *,
    fuser: Fuser,
    fused: Path,
    common: bool = False,
    track: Track = lambda pairs, _: pairs,
) -> Comparison:
    """Builds infrared, visible, mean, max, DWSFusion and every further input over the pairs of one split.

    Args:
        data: a data root that `find_pairs` understands.
        split: the split; methods' folders may hold one sub-folder a split.
        extra: further inputs, each ``NAME=DIR``.
        fuser: the network that makes the input ``dwsfusion``.
        fused: where fused pictures are kept, ``fused/DATA/NAME/SPLIT/*.png``; what is there and fits is used.
        common: compare on the names that all inputs have, where otherwise a missing file is an error.
        track: shows progress over pairs under a title.

    Raises:
        InputError: an extra input is malformed, missing, or does not have the same pictures.
    """
    pair_set = find_pairs(data, split)
    folders = _parse_extra(extra, split)
    skipped = list(pair_set.skipped)
    made = []
    for name, method in [
        *((b, Fuser.from_pretrained(b, fuser.device)) for b in BASELINES),
        (DWSFUSION, fuser),
    ]:
        folder = fused / data.resolve().name / name / split
        result = fuse_folder(method, track(pair_set.pairs, f"fusing, {name}, {split}"), folder)
        skipped = [*pair_set.skipped, *result.skipped]
        made.append(Input(name, result.files))
    kept = made[0].files.keys()
    sources = [
        Input(INFRARED, {p.name: p.ir for p in pair_set.pairs if p.name in kept}),
        Input(VISIBLE, {p.name: p.vis for p in pair_set.pairs if p.name in kept}),
    ]
    others = [_other_input(name, folder) for name, folder in folders.items()]
    comparison = Comparison(pair_set.root, (*sources, *made, *others), tuple(skipped))
    return _with_equal_names(comparison, pair_set, common)


def label_files(comparison: Comparison, folder: str, suffix: str) -> dict[str, Path]:
    """Label files of a comparison's pictures: name to ``root/folder/NAME.suffix``, only those that exist.

    Raises:
        InputError: the folder is missing, or holds no label for any of the pictures.
    """
    directory = comparison.root / folder
    if not directory.is_dir():
        held = ", ".join(sorted(p.name for p in comparison.root.iterdir() if p.is_dir()))
        raise InputError(f"expected labels in {directory}, found only {held}: name the folder with --labels")
    files = {name: directory / f"{name}{suffix}" for name in comparison.names}
    found = {name: path for name, path in files.items() if path.is_file()}
    if not found:
        raise InputError(f"expected {suffix} labels named as the pictures in {directory}, found none that fits")
    return found


def _parse_extra(extra: Sequence[str], split: str) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    taken = {INFRARED, VISIBLE, *BASELINES, DWSFUSION}
    for item in extra:
        name, equals, folder = item.partition("=")
        if not equals or not re.fullmatch(r"[\w.+-]+", name):
            raise InputError(f"expected NAME=DIR with a plain name, found {item!r}")
        if name in taken:
            raise InputError(f"the input name {name!r} is taken: choose another")
        taken.add(name)
        folders[name] = Path(folder) / split if (Path(folder) / split).is_dir() else Path(folder)
    return folders


def _other_input(name: str, folder: Path) -> Input:
    files, twice = images_by_stem(folder)
    if twice:
        raise InputError(f"input {name}: {twice[0].reason}")
    return Input(name, files)


def _with_equal_names(comparison: Comparison, pair_set: PairSet, common: bool) -> Comparison:
    expected = set(comparison.names)
    known = {p.name for p in pair_set.pairs} | {s.name for s in comparison.skipped}
    shared = set(expected)
    for item in comparison.inputs:
        missing, foreign = sorted(expected - item.files.keys()), sorted(item.files.keys() - known)
        if (missing or foreign) and not common:
            raise InputError(
                f"input {item.name}: {len(missing)} pictures missing ({_some(missing)}), {len(foreign)} unknown "
                f"({_some(foreign)}): complete the folder, or compare the common names with --common"
            )
        shared &= item.files.keys()
    if not shared:
        raise InputError("the inputs have no picture name in common")
    if shared != expected:
        _log.warning("comparing the %d of %d pictures that all inputs have", len(shared), len(expected))
    comparison = comparison.only(sorted(shared))
    _check_sizes(comparison)
    return replace(comparison, inputs=tuple(Input(i.name, dict(sorted(i.files.items()))) for i in comparison.inputs))


def _check_sizes(comparison: Comparison) -> None:
    sizes = {name: image_size(path) for name, path in comparison.inputs[0].files.items()}
    for item in comparison.inputs[1:]:
        for name, path in item.files.items():
            size = image_size(path)
            if size != sizes[name]:
                raise InputError(
                    f"input {item.name}: {path} is {size[1]}x{size[0]} pixels, but the labels belong to "
                    f"{sizes[name][1]}x{sizes[name][0]}: resize it to the source's size"
                )


def _some(names: Sequence[str]) -> str:
    return "none" if not names else ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
