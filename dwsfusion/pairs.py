"""Pairs of infrared and visible pictures on disk.

Known layouts: MSRS (``ROOT/{train,test,detection}/{ir,vi}``), TNO and RoadScene in the same form, M3FD
(``ROOT/{Ir,Vis}``), and any folder that holds one infrared and one visible folder by a usual name.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dwsfusion.errors import ImageError, InputError
from dwsfusion.images import IMAGE_SUFFIXES, Array, check_same_size, read_image

IR_FOLDERS = ("ir", "infrared", "thermal", "inf")
VIS_FOLDERS = ("vi", "vis", "visible", "rgb")


@dataclass(frozen=True)
class Pair:
    """One scene seen by both cameras."""

    name: str
    """File name without its suffix."""
    ir: Path
    vis: Path

    def read(self) -> tuple[Array, Array]:
        """Reads infrared and visible.

        Raises:
            ImageError: a file is unreadable, or the two differ in size.
        """
        ir, vis = read_image(self.ir), read_image(self.vis)
        check_same_size(ir, vis)
        return ir, vis


@dataclass(frozen=True)
class Skipped:
    """A picture that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class PairSet:
    """The pairs of one folder, sorted by name, and what could not be paired."""

    root: Path
    """The folder that holds the infrared and the visible folder."""
    pairs: tuple[Pair, ...]
    skipped: tuple[Skipped, ...] = ()

    def files(self) -> list[Path]:
        """All picture files, infrared and visible."""
        return [path for pair in self.pairs for path in (pair.ir, pair.vis)]


def find_pairs(root: Path, split: str = "test") -> PairSet:
    """Finds the pairs of ``root/split``, or of ``root`` itself where it holds the two folders directly.

    Raises:
        InputError: there is no such folder, no infrared or visible folder in it, or not one pair.
    """
    folder = _pair_folder(root, split)
    ir_files, skipped_ir = images_by_stem(_sub_folder(folder, IR_FOLDERS, "infrared"))
    vis_files, skipped_vis = images_by_stem(_sub_folder(folder, VIS_FOLDERS, "visible"))
    skipped = [*skipped_ir, *skipped_vis]
    ambiguous = {s.name for s in skipped}
    pairs = []
    for name in sorted(ir_files.keys() | vis_files.keys()):
        if name in ir_files and name in vis_files:
            pairs.append(Pair(name, ir_files[name], vis_files[name]))
        elif name not in ambiguous:
            there, missing = ("infrared", "visible") if name in ir_files else ("visible", "infrared")
            skipped.append(Skipped(name, f"{there} picture without its {missing} partner"))
    if not pairs:
        raise InputError(f"expected pairs with equal names in {folder}, found none ({len(skipped)} single files)")
    return PairSet(folder, tuple(pairs), tuple(skipped))


def images_by_stem(folder: Path) -> tuple[dict[str, Path], list[Skipped]]:
    """Lists the picture files of a folder by name without suffix; a name that stands twice is skipped.

    Raises:
        InputError: the folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(f"expected a folder of pictures at {folder}, found none")
    found: dict[str, list[Path]] = defaultdict(list)
    for path in folder.iterdir():
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
            found[path.stem].append(path)
    twice = [
        Skipped(stem, f"{len(paths)} files of one name in {folder}: " + ", ".join(sorted(p.name for p in paths)))
        for stem, paths in sorted(found.items())
        if len(paths) > 1
    ]
    return {stem: paths[0] for stem, paths in sorted(found.items()) if len(paths) == 1}, twice


def check_apart(out: Path, files: Iterable[Path]) -> None:
    """Sees to it that an output folder lies apart from source files, so that none of them can be replaced.

    Args:
        out: the output folder; it need not exist.
        files: the source files.

    Raises:
        InputError: the output folder is a folder of source files, holds one, or is a link to such a folder.
    """
    here = out.resolve()
    for folder in {path.parent for path in files}:
        there = folder.resolve()
        if here == there or here in there.parents:
            what = "is" if here == there else "holds"
            raise InputError(f"the output folder {out} {what} the source folder {there}: choose another with --out")


def readable(pairs: Iterable[Pair]) -> tuple[list[Pair], list[Skipped]]:
    """Reads every pair once and parts the good ones from the bad."""
    good, bad = [], []
    for pair in pairs:
        try:
            pair.read()
        except ImageError as error:
            bad.append(Skipped(pair.name, str(error)))
        else:
            good.append(pair)
    return good, bad


def _pair_folder(root: Path, split: str) -> Path:
    if not root.is_dir():
        raise InputError(f"expected a data folder at {root}, found none: see data/README.md for how to get MSRS")
    if (root / split).is_dir():
        return root / split
    if _find(root, IR_FOLDERS) and _find(root, VIS_FOLDERS):
        return root
    held = ", ".join(sorted(p.name for p in root.iterdir() if p.is_dir())) or "no folder"
    raise InputError(f"expected {root}/{split} or {root}/{{ir,vi}}, found {held}: name the split with --split")


def _sub_folder(folder: Path, names: tuple[str, ...], what: str) -> Path:
    found = _find(folder, names)
    if found is None:
        raise InputError(f"expected one {what} folder ({', '.join(names)}) in {folder}, found none")
    return found


def _find(folder: Path, names: tuple[str, ...]) -> Path | None:
    by_name = {p.name.lower(): p for p in folder.iterdir() if p.is_dir()}
    return next((by_name[name] for name in names if name in by_name), None)
