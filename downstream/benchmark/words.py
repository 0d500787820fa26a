"""The verdict in words, from differences that the tasks' JSON already judges."""

from collections.abc import Mapping, Sequence
from typing import Any

from downstream.comparison.inputs import DWSFUSION, LATE, SINGLES

BASELINE = "max"
Row = Mapping[str, Any]
_PLAIN = {"no evidence": "no evidence of a difference"}


def verdict(row: Row) -> str:
    """What a difference shows: better, worse, no evidence, too few pictures, one seed."""
    if "verdict" in row:
        return str(row["verdict"])
    return ("better" if row["difference"] > 0 else "worse") if row.get("evidence") else "no evidence"


def interval(row: Row) -> Sequence[float]:
    """The interval that the verdict goes by."""
    found: Sequence[float] = row.get("simultaneous") or row["interval"]
    return found


def in_words(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """A headline and what carries it, for each task.

    Args:
        results: what ``results.json`` holds.

    Returns:
        ``{"task", "headline", "text"}`` for each task that is done.
    """
    return [_task_words(name, task) for name, task in results["tasks"].items()]


def _task_words(name: str, task: Mapping[str, Any]) -> dict[str, str]:
    result, metric = task["result"], task["primary"]
    title = task["titles"][metric]
    known = {i: e[metric] for i, e in result["inputs"].items() if e[metric] is not None}
    if not known:
        return {"task": name, "headline": f"{title} is not defined on these pictures.", "text": ""}
    rows = [row for row in result["differences"] if row["metric"] == metric]
    leader = max(known, key=lambda i: known[i])
    text = [f"{leader} leads with {title} {_figure(result['inputs'][leader], metric)}."]
    text += [_against(rows, DWSFUSION, BASELINE, title)] if DWSFUSION in known else []
    text += [_against(rows, DWSFUSION, LATE, title)] if {DWSFUSION, LATE} <= known.keys() else []
    return {"task": name, "headline": _headline(rows, known), "text": " ".join(t for t in text if t)}


def _headline(rows: Sequence[Row], known: Mapping[str, float]) -> str:
    """Whether any fused input beats the better camera."""
    camera = max((s for s in SINGLES if s in known), key=lambda s: known[s], default=None)
    fused = [i for i in known if i not in (*SINGLES, LATE)]
    against = {row["input"]: verdict(row) for row in rows if row["against"] == camera and row["input"] in fused}
    if camera is None or not against:
        return "There is no camera to compare fused pictures with."
    better = [i for i in sorted(against, key=lambda i: -known[i]) if against[i] == "better"]
    if better:
        return f"Fusing helps: {listed(better)} {'beat' if len(better) > 1 else 'beats'} the better camera, {camera}."
    reasons = set(against.values())
    if reasons == {"worse"}:
        return f"Fusing hurts here: every fused input is worse than the better camera, {camera}."
    if "too few pictures" in reasons:
        return "There are too few pictures to say whether fusing helps."
    if "one seed" in reasons:
        return "One seed is too few to say whether fusing helps."
    return f"There is no evidence that any fused input beats the better camera, {camera}."


def _against(rows: Sequence[Row], name: str, other: str, title: str) -> str:
    """One difference in a sentence; nothing where it was not computed."""
    for row in rows:
        if {row["input"], row["against"]} == {name, other}:
            sign = 1 if row["input"] == name else -1
            low, high = sorted(sign * bound for bound in interval(row))
            said = verdict(row)
            said = {"better": "worse", "worse": "better"}.get(said, said) if sign < 0 else said
            by = f"{100 * sign * row['difference']:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
            return f"{name} against {other}: {by}, {_PLAIN.get(said, said)}."
    return ""


def _figure(entry: Mapping[str, Any], metric: str) -> str:
    bounds = entry["interval"][metric]
    said = f"{100 * entry[metric]:.1f} %"
    return said if bounds is None else f"{said} [{100 * bounds[0]:.1f}, {100 * bounds[1]:.1f}]"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
