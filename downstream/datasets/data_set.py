"""A data set on disk: its card, its root and one of its splits; which files belong to which picture."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from string import Formatter

import numpy as np
from numpy.typing import NDArray

from downstream.datasets.card import Card
from dwsfusion.errors import InputError
from dwsfusion.images import IMAGE_SUFFIXES
from dwsfusion.pairs import Pair, PairSet, Skipped, find_pairs

_ANY_PICTURE = ".*"


@dataclass(frozen=True)
class DataSet:
    """One split of a data set."""

    card: Card
    root: Path
    split: str = ""
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Picture name to the words that its paths are made of; a picture that is not there is ``{name}`` itself."""

    def path(self, pattern: str, picture: str = "") -> Path:
        """Where a file lies. ``{split}/`` at the start falls away where ROOT holds no such folder."""
        return self.root / self.resolved(pattern).format_map(self.parts.get(picture, {"name": picture}))

    def resolved(self, pattern: str) -> str:
        """A pattern with the split's own name in it."""
        split = self.card.layout.splits.get(self.split, self.split)
        whole = self.split and (self.root / split).is_dir()
        return (pattern if whole else pattern.removeprefix("{split}/")).replace("{split}", split)

    def files(self, pattern: str, pictures: Iterable[str]) -> dict[str, Path]:
        """The files of pictures, those that exist; a pattern that ends in ``.*`` takes any picture suffix."""
        found = {}
        for picture in pictures:
            path = self.path(pattern, picture)
            if path.suffix == _ANY_PICTURE:
                path = next((p for s in IMAGE_SUFFIXES if (p := path.with_suffix(s)).is_file()), path)
            if path.is_file():
                found[picture] = path
        return found

    def folder(self, pattern: str) -> Path:
        """The deepest folder that all files of a pattern share."""
        steps = self.resolved(pattern).split("/")
        fixed = next((i for i, step in enumerate(steps) if "{" in step), len(steps) - 1)
        return self.root.joinpath(*steps[: min(fixed, len(steps) - 1)])

    def label_folders(self) -> list[Path]:
        """The folders with labels of any kind that are there."""
        boxes, masks = self.card.boxes, self.card.masks
        patterns = [*(own.path for own in boxes.labels.values())] if boxes else []
        patterns += [masks.path] if masks else []
        beside = self.root / self.split if (self.root / self.split).is_dir() else self.root
        others = (path for path in beside.glob("*abel*") if path.is_dir())
        return [folder for folder in (*map(self.folder, patterns), *others) if folder != self.root and folder.is_dir()]

    def names_in(self, pattern: str) -> set[str] | None:
        """The names in a text file, one a line; None where there is no such file.

        Raises:
            InputError: it is not readable.
        """
        path = self.path(pattern)
        if not path.is_file():
            return None
        try:
            return {line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()}
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"expected a text file with a name a line at {path}, found: {error}") from error

    def name_of(self, entry: str) -> str:
        """The picture that an entry of somebody's list means: its name, or a file or path that fits a pattern."""
        layout = self.card.layout
        stem = re.sub(r"\.\w{2,4}$", "", entry)
        for pattern in (layout.infrared, layout.visible, layout.four_channels):
            last = pattern.rpartition("/")[2].rpartition(".")[0]
            match = re.fullmatch(_regex(last), stem.rpartition("/")[2]) if last else None
            if match and not _words(layout.name) - match.groupdict().keys():
                return layout.name.format_map(match.groupdict())
        return stem.replace("/", "_") if "/" in layout.infrared and _words(layout.name) - {"name"} else Path(stem).name

    def groups(self, names: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
        """Group to which of the pictures belong to it, ``(n,)``; a group may be empty.

        Raises:
            InputError: the list of a group is missing.
        """
        return {group: np.array([name in of for name in names], bool) for group, of in self._groups(names).items()}

    def scenes(self, names: Sequence[str]) -> dict[str, str] | None:
        """Picture to its scene; None where the card does not tell scenes."""
        if not self.card.scene:
            return None
        return {name: self.card.scene.format_map({**self.parts.get(name, {}), "name": name}) for name in names}

    def _groups(self, names: Sequence[str]) -> dict[str, set[str]]:
        found = {}
        for group, rule in self.card.groups.items():
            listed = self.names_in(rule.list) if rule.list else set()
            if listed is None:
                raise InputError(f"expected the names of group {group} in {self.path(rule.list)}, found no such file")
            own = {self.name_of(entry) for entry in listed}
            found[group] = {n for n in names if n in own or any(fnmatchcase(n, fitting) for fitting in rule.names)}
        return found


def find_data_set(card: Card, root: Path, split: str) -> tuple[DataSet, PairSet]:
    """Finds the pairs of a split as a card says.

    Args:
        card: with a pattern of infrared and of visible, or with the plain layout.
        root: the data root.
        split: which part.

    Raises:
        InputError: there are no such folders, or not one pair.
    """
    layout = card.layout
    if not layout.infrared:
        return DataSet(card, root, split), find_pairs(root, split)
    if not root.is_dir():
        raise InputError(f"expected a data folder at {root}, found none: see data/README.md")
    data = DataSet(card, root, split)
    infrared, parts = _matching(data, layout.infrared)
    visible, _ = _matching(data, layout.visible)
    data = DataSet(card, root, split, parts)
    wanted = _wanted(data, infrared.keys() | visible.keys())
    pairs, skipped = [], []
    for name in sorted(wanted):
        if name in infrared and name in visible:
            pairs.append(Pair(name, infrared[name], visible[name]))
        else:
            there = "infrared" if name in infrared else "visible" if name in visible else "no"
            skipped.append(Skipped(name, f"{there} picture without its partner"))
    if not pairs:
        raise InputError(
            f"expected pairs of {card.name} as {layout.infrared} and {layout.visible} in {root}, split {split}, found "
            f"{len(infrared)} infrared and {len(visible)} visible pictures: see --split and --data-set"
        )
    return data, PairSet(root, tuple(pairs), tuple(skipped))


def find_four_channels(card: Card, root: Path, split: str) -> dict[str, Path]:
    """The pictures of a split whose fourth channel is infrared.

    Raises:
        InputError: there is none.
    """
    data = DataSet(card, root, split)
    pictures, _ = _matching(data, card.layout.four_channels)
    wanted = _wanted(data, pictures.keys())
    found = {name: path for name, path in sorted(pictures.items()) if name in wanted}
    if not found:
        raise InputError(
            f"expected pictures of {card.name} as {card.layout.four_channels} in {root}, split {split}, found none: "
            "see --split and --data-set"
        )
    return found


def holds_pictures(card: Card, root: Path) -> bool:
    """Whether some infrared and some visible picture of any split lies where a card says."""
    layout = card.layout
    patterns = [p for p in (layout.four_channels, layout.infrared, layout.visible) if p]
    return bool(patterns) and all(any(True for _ in root.glob(_glob(pattern))) for pattern in patterns)


def _wanted(data: DataSet, at_hand: Iterable[str]) -> set[str]:
    """The names of the split: those of its list, where the card has one that is there."""
    listed = data.names_in(data.card.layout.list) if data.card.layout.list else None
    if listed is None:
        return set(at_hand)
    return {data.name_of(entry) for entry in listed}


def _matching(data: DataSet, pattern: str) -> tuple[dict[str, Path], dict[str, dict[str, str]]]:
    """Picture name to the file that fits a pattern, and to the words that stand in its braces."""
    resolved = data.resolved(pattern)
    regex, files, parts = re.compile(_regex(resolved)), {}, {}
    for path in sorted(data.root.glob(_glob(resolved))):
        match = regex.fullmatch(path.relative_to(data.root).as_posix())
        if match is None or path.suffix.lower() not in IMAGE_SUFFIXES or not path.is_file():
            continue
        words = match.groupdict()
        name = data.card.layout.name.format_map(words)
        files[name], parts[name] = path, words
    return files, parts


def _glob(pattern: str) -> str:
    parts = Formatter().parse(pattern)
    return "".join(text.replace("[", "[[]") + ("" if word is None else "*") for text, word, _, _ in parts)


def _regex(pattern: str) -> str:
    """A pattern whose words in braces stand for anything within a folder's or file's name; ``.*`` for any suffix."""
    parts, seen = [], set()
    stem, suffix = (pattern[: -len(_ANY_PICTURE)], r"\.\w+") if pattern.endswith(_ANY_PICTURE) else (pattern, "")
    for text, word, _, _ in Formatter().parse(stem):
        parts.append(re.escape(text))
        if word is not None:
            parts.append(f"(?P={word})" if word in seen else f"(?P<{word}>[^/]+)")
            seen.add(word)
    return "".join(parts) + suffix


def _words(template: str) -> set[str]:
    return {word for _, word, _, _ in Formatter().parse(template) if word}
