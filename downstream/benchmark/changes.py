"""What changed between two benchmarks."""

from collections.abc import Mapping
from typing import Any

from downstream.benchmark.networks import judged

Results = Mapping[str, Any]


def what_changed(now: Results, before: Results, name: str) -> dict[str, Any]:
    """Figures and verdicts that both runs have, where they are not the same, and what only one has.

    Args:
        now: what this run's ``results.json`` holds.
        before: what the other's holds.
        name: what the other run is called.

    Returns:
        ``{"against", "same_pictures", "figures", "verdicts", "inputs_added", "inputs_removed", "settings"}``.
    """
    shared = [task for task in now["tasks"] if task in before["tasks"]]
    return {
        "against": name,
        "same_pictures": now["data"]["fingerprint"] == before["data"]["fingerprint"],
        "figures": [row for task in shared for row in _figures(task, judged(now, task), judged(before, task))],
        "verdicts": [row for task in shared for row in _verdicts(task, judged(now, task), judged(before, task))],
        "inputs_added": [i for i in now["inputs"] if i not in before["inputs"]],
        "inputs_removed": [i for i in before["inputs"] if i not in now["inputs"]],
        "settings": _settings(now["config"], before["config"]),
    }


def _figures(task: str, now: Results, before: Results) -> list[dict[str, Any]]:
    entries, others = now["result"]["inputs"], before["result"]["inputs"]
    return [
        {"task": task, "input": i, "metric": m, "before": others[i].get(m), "now": entry[m]}
        for i, entry in entries.items()
        for m in now["titles"]
        if i in others and others[i].get(m) != entry[m]
    ]


def _verdicts(task: str, now: Results, before: Results) -> list[dict[str, Any]]:
    def by_pair(side: Results) -> dict[tuple[str, str, str], str]:
        return {(r["input"], r["against"], r["metric"]): r["verdict"] for r in side["result"]["differences"]}

    old = by_pair(before)
    return [
        {"task": task, "input": i, "against": a, "metric": m, "before": old[i, a, m], "now": said}
        for (i, a, m), said in by_pair(now).items()
        if m in now["titles"] and old.get((i, a, m), said) != said
    ]


def _settings(now: Mapping[str, Any], before: Mapping[str, Any], prefix: str = "") -> list[dict[str, Any]]:
    rows = []
    for key in dict.fromkeys([*now, *before]):
        new, old = now.get(key), before.get(key)
        if isinstance(new, dict) and isinstance(old, dict):
            rows += _settings(new, old, f"{prefix}{key}.")
        elif new != old:
            rows.append({"setting": f"{prefix}{key}", "before": old, "now": new})
    return rows
