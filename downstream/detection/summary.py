"""What ``detection.json`` says, as rows for a terminal and for a CSV file, and in words."""

from collections.abc import Mapping
from typing import Any

from downstream.complementarity import GROUPS
from downstream.report.tables import percent, percent_interval

Result = Mapping[str, Any]
TITLE = (
    "Detection, per cent: mAP, AP50 of each class, mAP50 by day and by night, "
    "recall of what both cameras see, only infrared, only visible"
)
_METRIC_NAMES = {"map": "mAP", "map50": "mAP50"}


def table_rows(result: Result) -> list[dict[str, str]]:
    """One row an input, in per cent, with 95 % intervals."""
    return [_table_row(name, entry) for name, entry in result["inputs"].items()]


def notes(result: Result) -> list[str]:
    """The protocol in a line, and every difference to the best single modality and to max fusion."""
    p = result["protocol"]
    skipped = f", {len(p['skipped'])} skipped" if p["skipped"] else ""
    head = (
        f"{p['name']} {p['detector']}, {result['images']} pictures{skipped}, {p['image_size_px']} px, "
        f"{p['evaluator']}; 95 % intervals from {p['bootstrap']['resamples']} resamples"
    )
    sample = ["Sample scenes: the figures show that the tool works, not what fusion is worth."] if p["sample"] else []
    return [head, *sample, *(_in_words(row) for row in result["differences"])]


def csv_rows(result: Result) -> list[dict[str, Any]]:
    """One row an input, fractions at full precision."""
    return [_csv_row(name, entry) for name, entry in result["inputs"].items()]


def _table_row(name: str, entry: Mapping[str, Any]) -> dict[str, str]:
    row = {"input": name}
    for metric, title in _METRIC_NAMES.items():
        row[title] = percent_interval(entry[metric], entry["interval"][metric])
    row |= {label: percent(figures["ap50"]) for label, figures in entry["per_class"].items()}
    row |= {group: percent(entry[group]["map50"]) for group in ("day", "night") if entry[group]}
    seen = entry.get("complementarity", {})
    return row | {group.replace("_", " "): percent(seen[group]["recall"]) for group in GROUPS if group in seen}


def _csv_row(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"input": name}
    for metric in _METRIC_NAMES:
        low, high = entry["interval"][metric] or (None, None)
        row |= {metric: entry[metric], f"{metric}_low": low, f"{metric}_high": high}
    for label, figures in entry["per_class"].items():
        row |= {f"{label}_{key}": figures[key] for key in ("ap", "ap50", "objects")}
    for group in ("day", "night"):
        row |= {f"{group}_{key}": (entry[group] or {}).get(key) for key in ("map", "map50", "images")}
    seen = entry.get("complementarity", {})
    return row | {f"recall_{group}": seen.get(group, {}).get("recall") for group in GROUPS}


def _in_words(row: Mapping[str, Any]) -> str:
    low, high = (100 * bound for bound in row["interval"])
    verdict = ("better" if low > 0 else "worse") if row["evidence"] else "no evidence of a difference"
    metric = _METRIC_NAMES[row["metric"]]
    return (
        f"{metric}: {row['input']} against {row['against']} {100 * row['difference']:+.1f} "
        f"[{low:+.1f}, {high:+.1f}]: {verdict}"
    )
