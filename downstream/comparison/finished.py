"""Reads back what a finished comparison wrote."""

import json
from pathlib import Path
from typing import Any

from dwsfusion.errors import InputError

CURE = "run compare_detection.py or compare_segmentation.py with the same inputs, or name its folder with --predictions"


def read_json(path: Path) -> Any:
    """Reads a file of a finished comparison.

    Raises:
        InputError: it is not there, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"expected a finished comparison with {path.name} in {path.parent}, found none: {CURE}"
        ) from error
    except ValueError as error:
        raise InputError(f"expected JSON in {path}, found: {error}: {CURE}") from error


def read_unmeasured(path: Path) -> list[str]:
    """Reads from a ``TASK.json`` which classes its networks cannot name; none where there is no such file."""
    return [*read_json(path)["protocol"].get("not_measurable", ())] if path.is_file() else []


def row_names(path: Path) -> tuple[str, ...]:
    """The rows of a ``TASK.json`` in their order, those that are no input among them; none without the file."""
    return tuple(read_json(path).get("inputs", ())) if path.is_file() else ()


def read_largest(path: Path, name: str, count: int) -> list[str]:
    """Reads from a ``TASK.json`` on which pictures an input gains and loses the most: at most `count` of each.

    Raises:
        InputError: the file is missing, or names no gains and losses of this input.
    """
    result = read_json(path)
    try:
        known = {n: [[str(row["image"]) for row in own[kind]] for kind in ("gains", "losses")]
                 for n, own in result["largest_changes"]["inputs"].items()}  # fmt: skip
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"expected the largest gains and losses in {path}, found none: {CURE}") from error
    if name not in known:
        raise InputError(f"expected --of one of {', '.join(known)}, found {name!r}")
    if not any(known[name]):
        raise InputError(f"{path} names no picture on which {name} gains or loses: leave out --largest")
    return [image for kind in known[name] for image in kind[:count]]
