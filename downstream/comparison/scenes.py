"""Which pictures show the same scene: their frames are not independent, and so they are drawn together."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from dwsfusion.errors import InputError

INDEPENDENT = "pictures taken as independent"
"""What a protocol says where no scenes are known."""


def read_scenes(path: Path) -> dict[str, str]:
    """Reads the scene of each picture from a CSV file with the columns ``picture`` and ``scene``.

    Args:
        path: the file; pictures are named without suffix.

    Raises:
        InputError: there is no such file, no such columns, or a picture is in two scenes.
    """
    expected = f"expected a CSV file with the columns picture,scene at {path}"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{expected}, found: {error}") from error
    if not rows or not all(row.get("picture") and row.get("scene") for row in rows):
        raise InputError(f"{expected}, found a line without them: give every picture its scene")
    scenes: dict[str, str] = {}
    for row in rows:
        if scenes.setdefault(row["picture"], row["scene"]) != row["scene"]:
            raise InputError(f"{path}: picture {row['picture']} is in the scenes {scenes[row['picture']]} and "
                             f"{row['scene']}: give it one")  # fmt: skip
    return scenes


def scenes_of(names: Sequence[str], scenes: Mapping[str, str] | None) -> list[str] | None:
    """The scene of each picture, in order; None where no scenes are known.

    Raises:
        InputError: a picture has none.
    """
    if scenes is None:
        return None
    missing = [name for name in names if name not in scenes]
    if missing:
        raise InputError(
            f"expected a scene for every picture, found none for {', '.join(missing[:3])}"
            f"{' …' if len(missing) > 3 else ''} ({len(missing)} in all): add them to the file of --groups"
        )
    return [scenes[name] for name in names]


def known_scenes(names: Sequence[str], file: Path | None, by_card: Mapping[str, str] | None) -> list[str] | None:
    """The scene of each picture, by a file before the data set's card; None where neither tells.

    Raises:
        InputError: the file is none, or a picture has no scene.
    """
    return scenes_of(names, read_scenes(file) if file else by_card)


def in_protocol(scenes: Sequence[str] | None) -> dict[str, str | int]:
    """What a protocol says about the independence of the pictures."""
    if scenes is None:
        return {"drawn": INDEPENDENT}
    return {"drawn": "whole scenes, whose pictures are not independent", "scenes": len(set(scenes))}
