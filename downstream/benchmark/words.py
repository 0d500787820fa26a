"""The verdict in words, from differences that the tasks' JSON already judges."""

from collections.abc import Mapping, Sequence
from typing import Any

from downstream.benchmark.networks import judged
from downstream.comparison.differences import BEST_CAMERA, BETTER, NO_EVIDENCE, ONE_SEED, TOO_FEW, WORSE
from downstream.comparison.inputs import DWSFUSION, LATE

BASELINE = "max"
Row = Mapping[str, Any]
_PLAIN = {NO_EVIDENCE: "no evidence of a difference", TOO_FEW: "too few pictures to say", ONE_SEED: "one seed only"}


def in_words(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """A headline and what carries it, for each task.

    Args:
        results: what ``results.json`` holds.

    Returns:
        ``{"task", "headline", "text"}`` for each task that is done.
    """
    return [_task_words(name, judged(results, name)) for name in results["tasks"]]


def _task_words(name: str, task: Mapping[str, Any]) -> dict[str, str]:
    result, metric = task["result"], task["primary"]
    title = task["titles"][metric]
    known = {i: e[metric] for i, e in result["inputs"].items() if e[metric] is not None}
    if not known:
        return {"task": name, "headline": f"{title} is not defined on these pictures.", "text": ""}
    rows = [row for row in result["differences"] if row["metric"] == metric]
    leader = max(known, key=lambda i: known[i])
    text = [f"{leader} leads with {title} {_figure(result['inputs'][leader], metric)}."]
    text += [_against(rows, DWSFUSION, BASELINE)] if DWSFUSION in known else []
    text += [_against(rows, DWSFUSION, LATE)] if {DWSFUSION, LATE} <= known.keys() else []
    text += _of_networks(result)
    return {"task": name, "headline": _headline(rows, known), "text": " ".join(t for t in text if t)}


def _of_networks(result: Mapping[str, Any]) -> list[str]:
    """Where it is the mean over several: which, and whether they agree."""
    if "networks" not in result:
        return []
    order = "They differ in the order of the inputs." if result["orders"]["changes"] else "They agree in the order."
    return [f"These are means over {listed(result['networks'])}. {order}"]


def _headline(rows: Sequence[Row], known: Mapping[str, float]) -> str:
    """Whether any fused input beats the better camera."""
    against = {r["input"]: r["verdict"] for r in rows if r["against"] == BEST_CAMERA and r["input"] != LATE}
    if not against:
        return "There is no camera to compare fused pictures with."
    better = [i for i in sorted(against, key=lambda i: -known[i]) if against[i] == BETTER]
    if better:
        return (
            f"Fusing helps: {listed(better)} {'beat' if len(better) > 1 else 'beats'} the better camera{_late(rows)}."
        )
    reasons = set(against.values())
    if TOO_FEW in reasons:
        return "There are too few pictures to say whether fusing helps."
    if ONE_SEED in reasons:
        return "One seed is too few to say whether fusing helps."
    if reasons == {WORSE}:
        return "Fusing hurts here: every fused input is worse than the better camera."
    return "There is no evidence that any fused input beats the better camera."


def _late(rows: Sequence[Row]) -> str:
    """What the headline must add where not fusing at all does as well."""
    said = {(row["input"], row["against"]): row["verdict"] for row in rows}
    to_late = [found for (_, against), found in said.items() if against == LATE]
    if not to_late or BETTER in to_late:
        return ""
    as_well = "so does late fusion, and " if said.get((LATE, BEST_CAMERA)) == BETTER else ""
    return f"; {as_well}none is shown to beat late fusion, which fuses no picture"


def _against(rows: Sequence[Row], name: str, other: str) -> str:
    """One difference in a sentence; nothing where it was not computed."""
    for row in rows:
        if (row["input"], row["against"]) == (name, other):
            low, high = row["simultaneous"]
            by = f"{100 * row['difference']:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
            return f"{name} against {other}: {by}, {_PLAIN.get(row['verdict'], row['verdict'])}."
    return ""


def _figure(entry: Mapping[str, Any], metric: str) -> str:
    bounds = entry["interval"][metric]
    said = f"{100 * entry[metric]:.1f} %"
    return said if bounds is None else f"{said} [{100 * bounds[0]:.1f}, {100 * bounds[1]:.1f}]"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
