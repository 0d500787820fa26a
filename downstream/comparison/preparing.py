"""Makes the inputs of a comparison: sources, what is fused here, and the folders of other methods."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from downstream.comparison.infrared import infrared_files
from downstream.comparison.inputs import BASELINES, DWSFUSION, INFRARED, LATE, VISIBLE, Comparison, Input
from downstream.comparison.named_files import parse_named
from downstream.datasets.data_set import DataSet
from downstream.datasets.opening import open_data_set
from dwsfusion.baselines import BASELINES as RULES
from dwsfusion.checkpoints import PACKAGED
from dwsfusion.depths import look_at_infrared
from dwsfusion.errors import ImageError, InputError
from dwsfusion.folders import fuse_folder
from dwsfusion.fusing import Fuser
from dwsfusion.images import image_size, read_image
from dwsfusion.pairs import Pair, Skipped, images_by_stem
from dwsfusion.progress import Track, silent

_log = logging.getLogger(__name__)
Choose = Callable[[DataSet, Sequence[str]], Iterable[str]]
"""Takes the data set and the names at hand, gives those that are wanted."""


class NothingChosenError(InputError):
    """Not one of the pictures was chosen."""


@dataclass(frozen=True)
class ComparisonConfig:
    """What every comparison is asked; the commands add what is their own."""

    data: Path | None = None
    """Folder of the data set; without it data/MSRS, else the sample scenes."""
    data_set: str | None = None
    """Card of the data set: a name such as MSRS or M3FD, or a YAML file; without it by what lies in the folder, where
    a dataset.yaml comes first."""
    split: str = "test"
    """Which part of the data set."""
    inputs: tuple[str, ...] = ()
    """Further inputs, each NAME=DIR with the data set's file names, or the name of a method to fuse by:
    dwsfusion-task, dwsfusion-both, max+clahe, mean+clahe, max+gamma, mean+gamma."""
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
            data,
            split,
            self.inputs,
            fuser=fuser,
            fused=self.fused,
            card=self.data_set,
            common=self.common,
            choose=choose,
            track=track,
            ir_range=self.ir_range,
        )


def prepare_comparison(
    data: Path,
    split: str,
    extra: Sequence[str],
    *,
    fuser: Fuser,
    fused: Path,
    card: str | None = None,
    common: bool = False,
    choose: Choose | None = None,
    track: Track = silent,
    ir_range: tuple[float, float] | None = None,
) -> Comparison:
    """Builds infrared, visible, mean, max, DWSFusion and every further input over the pairs of one split.

    Args:
        data: the data root.
        split: which part of it; methods' folders may hold one sub-folder a split.
        extra: further inputs, each ``NAME=DIR``, or a rule or packaged weights to fuse by.
        fuser: the network that makes the input ``dwsfusion``.
        fused: where fused pictures are kept, ``fused/DATA/NAME/SPLIT/*.png``; what is there and fits is used.
        card: name or file of the data set's card; without it by what lies there.
        common: compare on the names that all inputs have; else a missing file is an error.
        choose: picks some of the names before anything is fused.
        track: shows progress over pairs under a title.
        ir_range: the infrared counts that every input, infrared itself among them, shows as black and white.

    Raises:
        InputError: an extra input is malformed, missing, or does not have the same pictures.
        NothingChosenError: `choose` chose none.
    """
    kept = fused / data.resolve().name
    source, pair_set = open_data_set(data, split, card, kept / "sources")
    known = {*RULES, *PACKAGED}
    rules = [name for name in dict.fromkeys(extra) if name in known - {*BASELINES, DWSFUSION}]
    named = [item for item in extra if item not in known]
    folders = parse_named(named, {INFRARED, VISIBLE, *BASELINES, *rules, DWSFUSION, LATE})
    others = [_other_input(name, folder, split) for name, folder in folders.items()]
    pairs = _chosen(pair_set.pairs, others if common else (), source, choose)
    if not pairs:
        raise NothingChosenError("expected some of the pictures to be chosen, found none")
    look_at_infrared(pairs, ir_range)
    methods = {name: Fuser.from_pretrained(name, fuser.device) for name in (*BASELINES, *rules)}
    methods = {**methods, DWSFUSION: fuser}
    made, broken = _fuse(pairs, methods, lambda name: kept / name / split, split, track, ir_range)
    pairs = tuple(pair for pair in pairs if pair.name in made[0].files)
    infrared = infrared_files(pairs, ir_range, kept / INFRARED / split)
    sources = [Input(INFRARED, infrared), Input(VISIBLE, {p.name: p.vis for p in pairs})]
    comparison = Comparison(source, (*sources, *made, *others), (*pair_set.skipped, *broken))
    listed = {p.name for p in pair_set.pairs} | {s.name for s in comparison.skipped}
    return _readable(_with_equal_names(comparison, made[0].files.keys(), listed, common), others)


def _chosen(pairs: Sequence[Pair], needed: Sequence[Input], source: DataSet, choose: Choose | None) -> tuple[Pair, ...]:
    """Those of the pairs that are picked among those that the needed inputs have; without a choice, all pairs."""
    if choose is None:
        return tuple(pairs)
    chosen = set(choose(source, [p.name for p in pairs if _all_have(needed, p.name)]))
    return tuple(p for p in pairs if p.name in chosen)


def _other_input(name: str, folder: Path, split: str) -> Input:
    """A method's pictures; its folder may hold a folder a split."""
    files, twice = images_by_stem(folder / split if (folder / split).is_dir() else folder)
    if twice:
        raise InputError(f"input {name}: {twice[0].reason}")
    return Input(name, files)


def _all_have(inputs: Iterable[Input], name: str) -> bool:
    return all(name in item.files for item in inputs)


def _fuse(
    pairs: Sequence[Pair],
    methods: Mapping[str, Fuser],
    folder: Callable[[str], Path],
    split: str,
    track: Track,
    ir_range: tuple[float, float] | None,
) -> tuple[list[Input], list[Skipped]]:
    """What the methods make of the pairs, and the pairs that cannot be read."""
    results = {
        name: fuse_folder(method, track(pairs, f"fusing, {name}, {split}"), folder(name), ir_range=ir_range)
        for name, method in methods.items()
    }
    if not results[DWSFUSION].files:
        first = results[DWSFUSION].skipped[0]
        raise InputError(f"not one pair is usable; the first: {first.name}: {first.reason}")
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
