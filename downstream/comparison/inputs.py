"""The named inputs of a comparison, and the label files that belong to its pictures.

An input is a folder of pictures with the data set's names. Infrared and visible are the sources themselves;
mean, max and DWSFusion are fused here; any other method joins as ``NAME=DIR``.
"""

import logging
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from downstream.comparison.infrared import infrared_files
from dwsfusion.depths import look_at_infrared
from dwsfusion.errors import ImageError, InputError
from dwsfusion.fusing import Fuser, fuse_folder
from dwsfusion.images import image_size, read_image
from dwsfusion.pairs import Pair, Skipped, check_apart, find_pairs, images_by_stem
from dwsfusion.progress import Track, silent
from dwsfusion.runs import fingerprint, hash_text

INFRARED, VISIBLE = "infrared", "visible"
SINGLES = (INFRARED, VISIBLE)
BASELINES = ("mean", "max")
DWSFUSION = "dwsfusion"
LATE = "late"
"""No input, but a row beside them: what one network sees in both cameras, put together without a fused picture."""

_log = logging.getLogger(__name__)
Choose = Callable[[Path, Sequence[str]], Collection[str]]
"""Takes the folder of a split and the names at hand, gives those that are wanted."""


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

    def check_apart(self, out: Path, labels: str | None = None) -> None:
        """Sees to it that an output folder is no folder of an input, and neither is nor holds sources or labels.

        Args:
            out: the output folder.
            labels: the folder of labels beside the sources.

        Raises:
            InputError: it is, holds or links to such a folder.
        """
        sources = [*self.input(INFRARED).files.values(), *self.input(VISIBLE).files.values()]
        check_apart(out, sources if labels is None else [*sources, self.root / labels / "any"])
        folders = {path.parent for item in self.inputs for path in item.files.values()}
        check_apart(out, (folder / "any" for folder in folders if folder.resolve() == out.resolve()))

    def only(self, names: Iterable[str]) -> "Comparison":
        """The same inputs over some of the pictures."""
        kept = set(names)
        inputs = tuple(Input(i.name, {n: p for n, p in sorted(i.files.items()) if n in kept}) for i in self.inputs)
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
    ir_range: tuple[float, float] | None = None
    """Infrared counts to show as black and white, for raw 16-bit pictures; without it the type's full range."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    seed: int = 0
    """Fixes training and resamples."""

    def fuser(self) -> Fuser:
        """Loads the network that makes the input ``dwsfusion``."""
        return Fuser.from_pretrained(self.weights or DWSFUSION, self.device)

    def prepare(self, data: Path, fuser: Fuser, split: str, track: Track, choose: Choose | None = None) -> Comparison:
        """Builds the inputs of one split; see `prepare_comparison`."""
        return prepare_comparison(
            data, split, self.inputs, fuser=fuser, fused=self.fused, common=self.common, choose=choose, track=track,
            ir_range=self.ir_range,
        )  # fmt: skip


def prepare_comparison(
    data: Path,
    split: str,
    extra: Sequence[str],
    *,
    fuser: Fuser,
    fused: Path,
    common: bool = False,
    choose: Choose | None = None,
    track: Track = silent,
    ir_range: tuple[float, float] | None = None,
) -> Comparison:
    """Builds infrared, visible, mean, max, DWSFusion and every further input over the pairs of one split.

    Args:
        data: a data root that `find_pairs` understands.
        split: the split; methods' folders may hold one sub-folder a split.
        extra: further inputs, each ``NAME=DIR``.
        fuser: the network that makes the input ``dwsfusion``.
        fused: where fused pictures are kept, ``fused/DATA/NAME/SPLIT/*.png``; what is there and fits is used.
        common: compare on the names that all inputs have, where otherwise a missing file is an error.
        choose: picks some of the names before anything is fused; without it, all.
        track: shows progress over pairs under a title.
        ir_range: the infrared counts that every input, infrared itself among them, shows as black and white.

    Raises:
        InputError: an extra input is malformed, missing, or does not have the same pictures.
    """
    pair_set = find_pairs(data, split)
    others = [_other_input(name, folder) for name, folder in _parse_extra(extra, split).items()]
    pairs = pair_set.pairs
    if choose is not None:
        chosen = set(choose(pair_set.root, [p.name for p in pairs if not common or _all_have(others, p.name)]))
        pairs = tuple(p for p in pairs if p.name in chosen)
    look_at_infrared(pairs, ir_range)
    place = fused / data.resolve().name
    made, broken = _fuse(pairs, fuser, lambda name: place / name / split, split, track, ir_range)
    if not made[0].files:
        raise InputError(f"not one pair is usable; the first: {broken[0].name}: {broken[0].reason}")
    fusible = [pair for pair in pairs if pair.name in made[0].files]
    infrared = infrared_files(fusible, ir_range, place / INFRARED / split)
    sources = [Input(INFRARED, infrared), Input(VISIBLE, {p.name: p.vis for p in fusible})]
    comparison = Comparison(pair_set.root, (*sources, *made, *others), (*pair_set.skipped, *broken))
    known = {p.name for p in pair_set.pairs} | {s.name for s in comparison.skipped}
    return _readable(_with_equal_names(comparison, made[0].files.keys(), known, common), others)


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
    taken = {INFRARED, VISIBLE, *BASELINES, DWSFUSION, LATE}
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


def _all_have(inputs: Iterable[Input], name: str) -> bool:
    return all(name in item.files for item in inputs)


def _fuse(
    pairs: Sequence[Pair],
    fuser: Fuser,
    folder: Callable[[str], Path],
    split: str,
    track: Track,
    ir_range: tuple[float, float] | None,
) -> tuple[list[Input], list[Skipped]]:
    """Mean, max and DWSFusion of the pairs, and the pairs that cannot be read."""
    methods = {**{name: Fuser.from_pretrained(name, fuser.device) for name in BASELINES}, DWSFUSION: fuser}
    results = {
        name: fuse_folder(method, track(pairs, f"fusing, {name}, {split}"), folder(name), ir_range=ir_range)
        for name, method in methods.items()
    }
    return [Input(name, result.files) for name, result in results.items()], results[DWSFUSION].skipped


def _with_equal_names(
    comparison: Comparison, expected: Collection[str], known: Collection[str], common: bool
) -> Comparison:
    """Keeps the expected pictures, of which every input must have all, or with `common` those that all have."""
    shared = set(expected)
    for item in comparison.inputs:
        missing = sorted(set(expected) - item.files.keys())
        foreign = sorted(item.files.keys() - set(known))
        if (missing or foreign) and not common:
            raise InputError(
                f"input {item.name}: {len(missing)} pictures missing ({_some(missing)}), {len(foreign)} unknown "
                f"({_some(foreign)}): complete the folder, or compare the common names with --common"
            )
        shared &= item.files.keys()
    if not shared:
        raise InputError("the inputs have no picture name in common")
    if len(shared) != len(expected):
        _log.warning("comparing the %d of %d pictures that all inputs have", len(shared), len(expected))
    return comparison.only(shared)


def _readable(comparison: Comparison, others: Iterable[Input]) -> Comparison:
    """Leaves out, of all inputs, the pictures that cannot be read in one of the further inputs.

    The sources were read when they were fused, and what was fused here is whole.
    """
    broken: dict[str, str] = {}
    with ThreadPoolExecutor() as readers:
        for item in others:
            files = comparison.input(item.name).files
            sources = comparison.input(INFRARED).files
            problems = readers.map(_problem, files.values(), (sources[name] for name in files))
            broken |= {n: f"input {item.name}: {p}" for n, p in zip(files, problems, strict=True) if p is not None}
    if len(broken) == len(comparison.names):
        raise InputError(f"not one picture is readable in all inputs; the first: {next(iter(broken.values()))}")
    skipped = (*comparison.skipped, *(Skipped(name, reason) for name, reason in sorted(broken.items())))
    return replace(comparison.only(set(comparison.names) - broken.keys()), skipped=skipped)


def _problem(path: Path, source: Path) -> str | None:
    """Why a picture cannot be read; one of another size than its source belongs to other labels."""
    try:
        height, width = read_image(path).shape[:2]
    except ImageError as error:
        return str(error)
    wanted = image_size(source)
    if (height, width) != wanted:
        raise InputError(
            f"{path} is {width}x{height} pixels, but the labels belong to {wanted[1]}x{wanted[0]}: "
            "resize it to the source's size"
        )
    return None


def _some(names: Sequence[str]) -> str:
    return "none" if not names else ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
