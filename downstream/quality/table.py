"""What ``quality.json`` says, as rows for a terminal and for CSV files, and in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Result = Mapping[str, Any]
_QUESTIONS = {"over_inputs": "over inputs", "over_pictures": "over pictures", "within_pictures": "within pictures"}


def table_rows(result: Result) -> list[dict[str, str]]:
    """One row a metric with its unit and direction, one column an input: mean ± deviation (rank)."""
    return [_table_row(result, metric) for metric in result["metrics"]] + [_mean_rank_row(result)]


def group_rows(result: Result) -> list[dict[str, str]]:
    """One row a metric and time of day, one column an input; empty where the names do not tell day from night."""
    return [
        {
            "metric": f"{titled(result, metric)}, {group}",
            **{name: _number(entry[metric][group]["mean"]) for name, entry in result["inputs"].items()},
        }
        for metric in result["metrics"]
        for group in result["groups"]
        if next(iter(result["inputs"].values()))[metric][group]
    ]


def task_rows(result: Result) -> list[dict[str, str]]:
    """One row a task and metric, one column a question: Spearman's correlation with its interval."""
    return [
        {"task, metric": f"{task}, {metric}", **{title: _correlation(found[q]) for q, title in _QUESTIONS.items()}}
        for task, entry in result["tasks"].items()
        for metric, found in entry["metrics"].items()
    ]


def notes(result: Result) -> list[str]:
    """The protocol in a line, what a source would win, and every difference that has evidence or was asked for."""
    p = result["protocol"]
    skipped = f", {len(p['skipped'])} skipped" if p["skipped"] else ""
    lines = [
        f"preset {result['preset']}, {result['images']} pictures{skipped}, grey: {p['grey']}",
        "mean ± standard deviation over pictures (rank among the fused); ↑ more is better, ↓ less is better; "
        "* compares with the sources, so infrared and visible are compared with themselves there",
    ]
    missing = result.get("not_measured", {}).items()
    lines += [f"{metric} is missing: it needs sides of {side} pixels or more" for metric, side in missing]
    if result["won_by_a_source"]:
        lines.append(f"a source handed through scores best by {', '.join(result['won_by_a_source'])}")
    for task, entry in result["tasks"].items():
        lines += _tasks_in_words(task, entry)
    shown = [r for r in result["differences"] if _says(r) or f"{r['input']}:{r['against']}" in p["against"]]
    lines += [_in_words(result, row) for row in shown]
    rest = len(result["differences"]) - len(shown)
    return [*lines, f"{rest} further differences: no evidence, or too few pictures (see quality.json)"]


def csv_rows(result: Result) -> list[dict[str, Any]]:
    """One row an input and metric at full precision."""
    return [
        {
            "preset": result["preset"],
            "input": name,
            "metric": metric,
            "unit": described["unit"],
            "higher_is_better": described["higher_is_better"],
            "mean": entry[metric]["mean"],
            "std": entry[metric]["std"],
            "low": (entry[metric]["interval"] or (None, None))[0],
            "high": (entry[metric]["interval"] or (None, None))[1],
            "rank": result["ranks"].get(name, {}).get(metric),
            **{f"{g}_mean": (entry[metric][g] or {}).get("mean") for g in result["groups"]},
            "images": entry[metric]["images"],
        }
        for name, entry in result["inputs"].items()
        for metric, described in result["metrics"].items()
    ]


def picture_rows(
    result: Result, names: Sequence[str], values: Mapping[str, NDArray[np.float64]]
) -> list[dict[str, Any]]:
    """One row a picture of one input, one column a metric with its unit; empty where a picture has no value."""
    return [
        {
            "image": name,
            "preset": result["preset"],
            **{
                _with_unit(result, m): float(values[m][k]) if np.isfinite(values[m][k]) else None
                for m in result["metrics"]
            },
        }
        for k, name in enumerate(names)
    ]


def titled(result: Result, metric: str) -> str:
    """A metric with its unit, its direction, and a star where it compares with the sources: ``MI [bit] ↑*``."""
    described = result["metrics"][metric]
    arrow = "↑" if described["higher_is_better"] else "↓"
    return f"{_with_unit(result, metric)} {arrow}{'*' if described['against_sources'] else ''}"


def _table_row(result: Result, metric: str) -> dict[str, str]:
    row = {"metric": titled(result, metric)}
    for name, entry in result["inputs"].items():
        rank = result["ranks"].get(name, {}).get(metric)
        place = f" ({rank:g})" if rank is not None else ""
        row[name] = f"{_number(entry[metric]['mean'])} ± {_number(entry[metric]['std'])}{place}"
    return row


def _mean_rank_row(result: Result) -> dict[str, str]:
    ranks = {name: result["ranks"].get(name) for name in result["inputs"]}
    return {"metric": "mean rank", **{name: f"{r['mean']:.2f}" if r else "–" for name, r in ranks.items()}}


def _with_unit(result: Result, metric: str) -> str:
    unit = result["metrics"][metric]["unit"]
    return f"{metric} [{unit}]" if unit else metric


def _number(value: float | None) -> str:
    """Four digits, and no more decimals than three."""
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _correlation(found: Mapping[str, Any] | None) -> str:
    if found is None or found["interval"] is None:
        return "–"
    low, high = found["interval"]
    return f"{found['spearman']:+.2f} [{low:+.2f}, {high:+.2f}]"


def _says(row: Mapping[str, Any]) -> bool:
    return row["verdict"] in ("better", "worse")


def _in_words(result: Result, row: Mapping[str, Any]) -> str:
    low, high = row["simultaneous"]
    return (
        f"{_with_unit(result, row['metric'])}: {row['input']} against {row['against']} {row['difference']:+.3g} "
        f"[{low:+.3g}, {high:+.3g}]: {row['verdict']}"
    )


def _tasks_in_words(task: str, entry: Mapping[str, Any]) -> list[str]:
    """What was correlated, and which metrics go with the task by intervals that hold for all of them at once."""
    counted = (
        f"{len(entry['inputs'])} fused inputs, {entry['images']} pictures, {len(entry['metrics'])} metrics at once"
    )
    lines = [f"correlation with {task} ({entry['figure']}): {counted}"]
    for question, title in _QUESTIONS.items():
        shown = [m for m, found in entry["metrics"].items() if found[question] and found[question]["evidence"]]
        lines.append(f"  {title}: evidence for {', '.join(shown) or 'none'}")
    return lines
