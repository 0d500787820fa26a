"""What ``detection.json`` says, as rows for a terminal and for a CSV file, and in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from downstream.detection.complementarity import GROUPS
from downstream.detection.label_sources import label_rows
from downstream.report.differences import LEGEND, asked_for, in_words, verdict_columns
from downstream.report.summary import paragraph
from downstream.report.tables import percent, percent_interval

Result = Mapping[str, Any]
TITLE = "Detection, per cent, with the verdicts of mAP50"
DETAILS = (
    "Detection in detail, per cent: AP50 of each class, mAP50 of small, medium and large objects and of each group, "
    "recall of what both cameras see, only infrared, only visible"
)
_METRIC_NAMES = {"map": "mAP", "map50": "mAP50"}
_AGAINST = ("infrared", "visible", "max", "late")


def table_rows(result: Result) -> list[dict[str, str]]:
    """One row an input, in per cent, with 95 % intervals and the verdicts of mAP50."""
    return [_table_row(result, name, entry) for name, entry in result["inputs"].items()]


def detail_rows(result: Result) -> list[dict[str, str]]:
    """One row an input, in per cent: classes, sizes, groups, and who sees what."""
    return [_detail_row(name, entry, result.get("groups", ())) for name, entry in result["inputs"].items()]


def notes(result: Result) -> list[str]:
    """The protocol in a line, what the figures show in a paragraph, and the differences that were asked for."""
    p = result["protocol"]
    skipped = f", {p['without_label']} without a label" if p["without_label"] else ""
    skipped += f", {len(p['skipped'])} skipped" if p["skipped"] else ""
    head = (
        f"{p['name']} {p['detector']}, {result['images']} pictures{skipped}, {p['image_size_px']} px, "
        f"{p['evaluator']}; 95 % intervals, {p['bootstrap']['resamples']} resamples"
    )
    sample = ["Sample scenes: the figures show that the tool works, not what fusion is worth."] if p["sample"] else []
    training = _training_note(p["training"]) if "training" in p else []
    asked = [in_words(row, _METRIC_NAMES[row["metric"]]) for row in asked_for(result, _METRIC_NAMES)]
    return [
        head,
        *training,
        *sample,
        *label_rows(result, "map50", "mAP50"),
        LEGEND,
        *asked,
        paragraph(result, "map50", "mAP50"),
    ]


def csv_rows(result: Result) -> list[dict[str, Any]]:
    """One row an input, fractions at full precision."""
    return [_csv_row(name, entry, result.get("groups", ())) for name, entry in result["inputs"].items()]


def _table_row(result: Result, name: str, entry: Mapping[str, Any]) -> dict[str, str]:
    row = {"input": name}
    for metric, title in _METRIC_NAMES.items():
        row[title] = percent_interval(entry[metric], entry["interval"][metric])
    row |= verdict_columns(result["differences"], name, "map50", _AGAINST)
    return row | ({"seed range": percent(entry["spread"]["map50"])} if "spread" in entry else {})


def _detail_row(name: str, entry: Mapping[str, Any], groups: Sequence[str]) -> dict[str, str]:
    row = {"input": name} | {label: percent(figures["ap50"]) for label, figures in entry["per_class"].items()}
    row |= {size: percent(figures["map50"]) for size, figures in entry["per_size"].items()}
    row |= {group: percent(entry[group]["map50"]) for group in groups if entry[group]}
    seen = entry.get("complementarity", {})
    return row | {group.replace("_", " "): percent(seen[group]["recall"]) for group in GROUPS if group in seen}


def _csv_row(name: str, entry: Mapping[str, Any], groups: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"input": name}
    for metric in _METRIC_NAMES:
        low, high = entry["interval"][metric] or (None, None)
        row |= {metric: entry[metric], f"{metric}_low": low, f"{metric}_high": high}
    for label, figures in entry["per_class"].items():
        row |= {f"{label}_{key}": figures[key] for key in ("ap", "ap50", "objects")}
    for size, figures in entry["per_size"].items():
        row |= {f"{size}_{key}": figures[key] for key in ("map", "map50", "objects")}
    for group in groups:
        row |= {f"{group}_{key}": (entry[group] or {}).get(key) for key in ("map", "map50", "images")}
    seen = entry.get("complementarity", {})
    row |= {f"recall_{group}": seen.get(group, {}).get("recall") for group in GROUPS}
    return row | {"spread_map50": entry.get("spread", {}).get("map50")}


def _training_note(training: Mapping[str, Any]) -> list[str]:
    """How often and on what the detectors were trained."""
    parts = [f"{training['seeds']} seed{'s' if training['seeds'] > 1 else ''}"]
    parts += [f"{len(training['folds']['pictures'])} folds"] if "folds" in training else []
    parts += ["fewer than 3 seeds: not a result to quote"] if training["seeds"] < 3 else []
    return [", ".join(parts)]
