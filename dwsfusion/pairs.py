"""Pairs of infrared and visible pictures on disk.

Known layouts: MSRS (``ROOT/{train,test,detection}/{ir,vi}``), TNO and RoadScene in the same form, M3FD
(``ROOT/{Ir,Vis}``), and any folder that holds one infrared and one visible folder by a usual name.
"""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dwsfusion.errors import ImageError, InputError
from dwsfusion.images import IMAGE_SUFFIXES, Array, check_same_size, read_image

IR_FOLDERS = ("ir", "infrared", "thermal", "inf", "lwir")
VIS_FOLDERS = ("vi", "vis", "visible", "rgb")
MAX_NAME_BYTES = 240
"""Of a name without suffix: the longest that still leaves room for other suffixes."""


@dataclass(frozen=True)
class Pair:
    """One scene seen by both cameras."""

    name: str
    """File name without its suffix, in Unicode's composed form (NFC)."""
    ir: Path
    vis: Path

    def read(self) -> tuple[Array, Array]:
        """Reads infrared and visible.

        Raises:
            ImageError: a file is unreadable, or the two differ in size.
        """
        ir, vis = read_image(self.ir, infrared=True), read_image(self.vis)
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
    folder = _pair_folder(Path(root), split)
    sides = {"infrared": _sub_folder(folder, IR_FOLDERS, "infrared"),
             "visible": _sub_folder(folder, VIS_FOLDERS, "visible")}  # fmt: skip
    (ir_files, skipped_ir), (vis_files, skipped_vis) = (images_by_stem(side) for side in sides.values())
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
        held = "; ".join(f"{what} {_describe(side)}" for what, side in sides.items())
        raise InputError(f"expected pairs with equal names in {folder}, found none: {held}")
    return PairSet(folder, tuple(pairs), tuple(skipped))


def images_by_stem(folder: Path) -> tuple[dict[str, Path], list[Skipped]]:
    """Lists the picture files of a folder by name without suffix, in NFC.

    Skipped are names that stand twice, names that no file of ours could bear, and what is no file.

    Raises:
        InputError: the folder does not exist, or cannot be listed.
    """
    if not folder.is_dir():
        raise InputError(f"expected a folder of pictures at {folder}, found none")
    found: dict[str, list[Path]] = defaultdict(list)
    for path in _listed(folder):
        if _is_picture(path):
            found[unicodedata.normalize("NFC", path.stem)].append(path)
    good: dict[str, Path] = {}
    skipped = []
    for stem, paths in sorted(found.items()):
        if problem := _problem(stem, paths):
            skipped.append(Skipped(ascii(stem)[1:-1] if _is_foreign(stem) else stem, problem))
        else:
            good[stem] = paths[0]
    return good, skipped


def check_apart(out: Path, files: Iterable[Path]) -> None:
    """Sees to it that an output folder lies apart from source files, so that none of them can be replaced.

    Args:
        out: the output folder; it need not exist.
        files: the source files.

    Raises:
        InputError: the output folder is a folder of source files, holds one, or is a link to such a folder.
    """
    here = Path(os.path.realpath(out))  # where links go in a circle, `resolve` fails
    for folder in {path.parent for path in files}:
        there = Path(os.path.realpath(folder))
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
    held = ", ".join(p.name for p in _listed(root) if p.is_dir()) or "no folder"
    raise InputError(f"expected {root}/{split} or {root}/{{ir,vi}}, found {held}: name the split with --split")


def _sub_folder(folder: Path, names: tuple[str, ...], what: str) -> Path:
    found = _find(folder, names)
    if found is None:
        raise InputError(f"expected one {what} folder ({', '.join(names)}) in {folder}, found none")
    return found


def _find(folder: Path, names: tuple[str, ...]) -> Path | None:
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in _listed(folder):
        if path.is_dir():
            by_name[path.name.lower()].append(path)
    found = next((by_name[name] for name in names if name in by_name), [None])
    if len(found) > 1:
        both = " and ".join(sorted(path.name for path in found if path))
        raise InputError(f"expected one such folder in {folder}, found {both}: rename one of them")
    return found[0]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot list the folder {folder}: {error.strerror}: see to its rights") from error


def _describe(folder: Path) -> str:
    """What lies in a folder without a pair: two names, pictures in its sub-folders, suffixes that are not read."""
    listed = _listed(folder)
    pictures = [path for path in listed if _is_picture(path)]
    names = ", ".join(path.name for path in pictures[:2]) + (" …" if len(pictures) > 2 else "")
    inside = [path.name for path in listed if path.is_dir() and any(map(_is_picture, _listed(path)))]
    unread = sorted({path.suffix for path in listed if path.suffix and not path.is_dir() and path not in pictures})
    parts = [f"{len(pictures)} files ({names})" if pictures else "no picture"]
    parts += [f"pictures in its sub-folders {', '.join(inside[:3])}"] if inside else []
    parts += [f"{', '.join(unread[:5])} are not read (but {', '.join(IMAGE_SUFFIXES)})"] if unread else []
    return f"{folder.name}/: {', '.join(parts)}"


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _problem(stem: str, paths: Sequence[Path]) -> str | None:
    """Why the files of one name cannot be used."""
    if len(paths) > 1:
        return f"{len(paths)} files of one name in {paths[0].parent}: " + ", ".join(sorted(p.name for p in paths))
    if _is_foreign(stem):
        return f"{str(paths[0])!a}: the name is no UTF-8: rename the file"
    if len(stem.encode()) > MAX_NAME_BYTES:
        return f"a name of more than {MAX_NAME_BYTES} bytes in {paths[0].parent}: shorten it"
    if not paths[0].is_file():
        return f"{paths[0]}: expected a file, found a folder, a pipe, or a link that leads nowhere"
    return None


def _is_foreign(name: str) -> bool:
    """Whether a name on disk is no text: its bytes are no UTF-8."""
    return any("\ud800" <= letter <= "\udfff" for letter in name)
