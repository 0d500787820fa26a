"""Which classes of a frozen network count as which classes of the data set: plain JSON, ``{"theirs": "ours"}``."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from dwsfusion.errors import InputError


def read_mapping(path: Path, ours: Sequence[str], theirs: Collection[str] | None = None) -> dict[str, str]:
    """Reads a mapping of class names.

    Args:
        path: the file.
        ours: the classes of the data set.
        theirs: the classes of the network, where they are known.

    Raises:
        InputError: no such file, no such form, or an unknown class.
    """
    form = f'expected a mapping {{"their class": "our class", …}} in {path}'
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{form}, found: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()) or not found:
        raise InputError(f"{form}, found something else")
    check_classes(found.values(), ours, path)
    if theirs is not None:
        check_classes(found, theirs, path)
    return found


def check_classes(names: Collection[str], known: Collection[str], path: Path) -> None:
    """Refuses a mapping that names a class which is not known.

    Raises:
        InputError: it does.
    """
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        shown = ", ".join(list(known)[:20]) + (" …" if len(known) > 20 else "")
        raise InputError(f"{path}: unknown class {', '.join(unknown)}: expected some of {shown}")
