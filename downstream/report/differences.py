"""Differences between inputs, in words."""

from collections.abc import Mapping
from typing import Any


def in_words(row: Mapping[str, Any], metric: str, seeds: int | None = None) -> str:
    """One difference of `downstream.comparison.uncertainty.differences`, in per cent points, with what it shows.

    Args:
        row: the difference.
        metric: what its metric is called.
        seeds: how many networks were trained for each input; None where none was.
    """
    low, high = (100 * bound for bound in row["interval"])
    verdict = ("better" if low > 0 else "worse") if row["evidence"] else "no evidence of a difference"
    if "seeds" in row and not row["evidence"] and (low > 0 or high < 0):
        verdict += " (seeds disagree)"
    if seeds == 1:
        verdict += " (one seed)"
    difference = f"{100 * row['difference']:+.1f} [{low:+.1f}, {high:+.1f}]"
    return f"{metric}: {row['input']} against {row['against']} {difference}: {verdict}"
