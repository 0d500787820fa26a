"""What is given by name on the command line: ``NAME=PATH``."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from dwsfusion.errors import InputError
from dwsfusion.runs import hash_file


def parse_named(items: Sequence[str], taken: Collection[str], form: str = "NAME=DIR") -> dict[str, Path]:
    """Reads named paths.

    Args:
        items: each ``NAME=PATH``.
        taken: names that are used already.
        form: how the path is called in messages.

    Raises:
        InputError: one is malformed, or its name is taken.
    """
    paths: dict[str, Path] = {}
    for item in items:
        name, equals, path = item.partition("=")
        if not equals or not path or not re.fullmatch(r"[\w.+-]+", name) or name in (".", ".."):
            raise InputError(f"expected {form} with a plain name, found {item!r}")
        if name in taken or name in paths:
            raise InputError(f"the name {name!r} is taken: choose another")
        paths[name] = Path(path)
    return paths


def short_names(sources: Sequence[str | Path]) -> list[str]:
    """A name for each of some files or published names: its stem, with its folder's where two share it.

    Raises:
        InputError: one stands twice.
    """
    if len(set(map(str, sources))) != len(sources):
        raise InputError(f"expected each network once, found {', '.join(map(str, sources))}")
    stems = [Path(source).stem for source in sources]
    return [
        stem if stems.count(stem) == 1 else re.sub(r"[^\w.+-]+", "_", str(source))
        for stem, source in zip(stems, sources, strict=True)
    ]


def given_files(items: Sequence[str]) -> dict[str, Any]:
    """What a protocol says of rows from files: their paths, and a hash of those that are single files."""
    files = parse_named(items, ())
    about = {n: {"path": str(p), **({"sha256": hash_file(p)} if p.is_file() else {})} for n, p in files.items()}
    return {"given": about} if about else {}
