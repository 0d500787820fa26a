"""Differences between inputs, in words and as columns of a table."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
SIGNS = {"no evidence": "·", "too few pictures": "too few"}
"""Verdicts that a narrow column shows otherwise."""
LEGEND = "vs: better or worse by intervals that hold for all differences of the metric at once; · no evidence"


def in_words(row: Row, metric: str) -> str:
    """One difference of ``TASK.json``, in per cent points, with its interval, the simultaneous one, and its verdict.

    Args:
        row: the difference.
        metric: what its metric is called.
    """
    shown = f"{100 * row['difference']:+.1f} {_points(row['interval'])}, of all at once {_points(row['simultaneous'])}"
    return f"{metric}: {row['input']} against {row['against']} {shown}: {row['verdict']}"


def asked_for(result: Mapping[str, Any], metrics: Collection[str]) -> list[Row]:
    """The differences of some metrics between the pairs that were asked for, as the protocol names them, ``A:B``."""
    asked = result["protocol"]["against"]
    return [r for r in result["differences"] if r["metric"] in metrics and f"{r['input']}:{r['against']}" in asked]


def verdict_columns(rows: Iterable[Row], name: str, metric: str, against: Sequence[str]) -> dict[str, str]:
    """The verdicts on one input by one metric: ``{"vs max": "better"}``; a dash where there is no such difference.

    Args:
        rows: all differences.
        name: the input.
        metric: the key of the metric.
        against: what it is compared with; what no input is compared with gets no column.
    """
    of_metric = {(row["input"], row["against"]): row["verdict"] for row in rows if row["metric"] == metric}
    known = [other for other in against if any(other == pair[1] for pair in of_metric)]
    verdicts = {other: of_metric.get((name, other), "–") for other in known}
    return {f"vs {other}": SIGNS.get(verdict, verdict) for other, verdict in verdicts.items()}


def _points(interval: Sequence[float]) -> str:
    low, high = (100 * bound for bound in interval)
    return f"[{low:+.1f}, {high:+.1f}]"
