"""The pictures on which fusion gains and loses the most against the best single modality."""

from collections.abc import Mapping, Sequence
from typing import Any

LARGEST = 10
"""How many gains and losses of an input are named."""


def best_single(figures: Mapping[str, float | None], singles: Sequence[str]) -> str:
    """The single modality with the best figure over the whole set."""
    known = {name: value for name in singles if (value := figures[name]) is not None}
    return max(known or singles, key=lambda name: known.get(name, 0.0))


def largest_changes(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Names the largest gains and losses of one input.

    Args:
        rows: one a picture, with its name as ``image`` and its ``change``, more being better; None where a
            picture has no figure.

    Returns:
        ``{"gains": [...], "losses": [...]}``, the largest first; a picture without a change is in neither.
    """
    known = [row for row in rows if row["change"] is not None]
    gains = sorted((r for r in known if r["change"] > 0), key=lambda r: (-r["change"], r["image"]))
    losses = sorted((r for r in known if r["change"] < 0), key=lambda r: (r["change"], r["image"]))
    return {"gains": gains[:LARGEST], "losses": losses[:LARGEST]}
