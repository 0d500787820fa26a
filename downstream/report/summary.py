"""What a comparison shows: a paragraph that a machine writes from the numbers, and that says no more than they do."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
_CAMERAS = ("infrared", "visible")
_NO_VERDICT = {
    "too few pictures": "there are too few pictures for a verdict: the figures stand without one.",
    "one seed": "each network was trained from one seed, so what training alone does is not known: there is no "
    "verdict. Train from three seeds or more.",
}


def paragraph(result: Mapping[str, Any], metric: str, title: str) -> str:
    """The verdicts of one metric in words.

    Args:
        result: what ``TASK.json`` holds: its differences, ranks, power and protocol.
        metric: the key of the metric, a share of which more is better.
        title: what it is called.
    """
    rows = [row for row in result["differences"] if row["metric"] == metric]
    if not rows:
        return f"{title}: no difference is defined."
    drawn = result["protocol"]["bootstrap"]
    among = f"{drawn['scenes']} scenes" if "scenes" in drawn else "pictures taken as independent"
    count = len({frozenset((row["input"], row["against"])) for row in rows})
    head = f"{title} on {result['images']} pictures ({among}), 95 % intervals for {count} differences at once: "
    for verdict, sentence in _NO_VERDICT.items():
        if all(row["verdict"] == verdict for row in rows):
            return head + sentence
    sentences = [_cameras(rows), *(_against(rows, other) for other in _others(rows)), _first(result["ranks"][metric])]
    return head + " ".join([*(s for s in sentences if s), _power(result["power"][metric]["difference_80"])])


def _cameras(rows: Sequence[Row]) -> str:
    """Which inputs are better than both cameras, or worse than one."""
    verdicts = {(row["input"], row["against"]): row["verdict"] for row in rows}
    fused = [name for name in dict.fromkeys(row["input"] for row in rows) if name not in _CAMERAS]
    both = [n for n in fused if all(verdicts.get((n, camera)) == "better" for camera in _CAMERAS)]
    behind = [f"{n} behind {c}" for n in fused for c in _CAMERAS if verdicts.get((n, c)) == "worse"]
    said = f"better than either camera: {_list(both)}" if both else "nothing is shown to be better than both cameras"
    return said + (f"; {', '.join(behind)}." if behind else ".")


def _others(rows: Sequence[Row]) -> list[str]:
    """What inputs are compared with, beside the cameras."""
    anchors = dict.fromkeys(row["against"] for row in rows)
    return [name for name in anchors if name not in _CAMERAS and sum(row["against"] == name for row in rows) > 1]


def _against(rows: Sequence[Row], other: str) -> str:
    """Which inputs but the cameras are better or worse than one of them."""
    own = {r["input"]: r["verdict"] for r in rows if r["against"] == other and r["input"] not in _CAMERAS}
    parts = [
        f"{word}: {_list(names)}"
        for word, verdict in (("ahead", "better"), ("behind", "worse"), ("no evidence", "no evidence"))
        if (names := [name for name, found in own.items() if found == verdict])
    ]
    return f"Against {other}: {'; '.join(parts)}." if parts else ""


def _first(ranks: Mapping[str, Any]) -> str:
    """Who is first, and how surely."""
    if not ranks:
        return ""
    name = max(ranks, key=lambda n: ranks[n]["first"])
    low, high = ranks[name]["interval"]
    return f"Most often first over the resamples: {name} ({100 * ranks[name]['first']:.0f} %; ranks {low} to {high})."


def _power(difference: float | None) -> str:
    if difference is None:
        return ""
    return (
        f"No evidence is not equality: between two of middling error a difference under {100 * difference:.1f} points "
        "is missed here more often than one time in five."
    )


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
