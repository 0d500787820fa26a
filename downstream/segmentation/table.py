"""What ``segmentation.json`` says, as rows for a terminal and for a CSV file, and in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from downstream.report.differences import LEGEND, asked_for, in_words, verdict_columns
from downstream.report.summary import paragraph
from downstream.report.tables import percent, percent_interval

Result = Mapping[str, Any]
_METRIC_NAMES = {
    "miou": "mIoU",
    "miou_foreground": "mIoU without background",
    "pixel_accuracy": "pixel accuracy",
}
HARDLY = 10
"""A class that fewer train pictures show than this is hardly trained on: its figure says more of them than of it."""
TITLE = "Segmentation, per cent, with the verdicts of mIoU"
DETAILS = "Segmentation in detail, per cent: IoU of each class, mIoU of each group"
_AGAINST = ("infrared", "visible", "max", "late")


def table_rows(result: Result) -> list[dict[str, str]]:
    """One row an input, in per cent, with 95 % intervals and the verdicts of mIoU."""
    return [_table_row(result, name, entry) for name, entry in result["inputs"].items()]


def detail_rows(result: Result) -> list[dict[str, str]]:
    """One row an input, in per cent: IoU of each class but those that nobody has, and mIoU of each group."""
    entries = result["inputs"]
    shown = [c for c in result["classes"] if any(entry["per_class"][c] is not None for entry in entries.values())]
    return [
        {"input": name}
        | {c.replace("_", " "): percent(entry["per_class"][c]) for c in shown}
        | {f"{g} mIoU": percent(entry[g]["miou"]) for g in result.get("groups", ()) if entry[g]}
        for name, entry in entries.items()
    ]


def notes(result: Result) -> list[str]:
    """The protocol in a line, warnings, what the figures show in a paragraph, and the differences asked for."""
    p = result["protocol"]
    parts = [f"{p['name']} {p['network']}", f"{result['images']} pictures"]
    parts += [f"{p['without_label']} without a label"] if p["without_label"] else []
    parts += [f"{len(p['skipped'])} skipped"] if p["skipped"] else []
    training = p.get("training", {})
    seeds = training.get("seeds")
    parts += [f"{seeds} seed{'s' if seeds > 1 else ''}"] if seeds else []
    parts += [f"{len(training['folds']['pictures'])} folds"] if "folds" in training else []
    parts += [f"95 % intervals, {p['bootstrap']['resamples']} resamples of the pictures"]
    lines = [", ".join(parts)]
    lines += [f"not measurable: {', '.join(p['not_measurable'])}"] if p["not_measurable"] else []
    lines += [f"without truth: {', '.join(p['classes_without_truth'])}"] if p["classes_without_truth"] else []
    lines += [f"pictures with {_listed(p['pictures_with_class'])}"]
    lines += _train_notes(training.get("classes", {}))
    lines += ["fewer than 3 seeds: not a result to quote"] if seeds and seeds < 3 else []
    rows = asked_for(result, ("miou", "miou_foreground"))
    lines += [LEGEND, paragraph(result, "miou", "mIoU")]
    return [*lines, *(in_words(row, _METRIC_NAMES[row["metric"]]) for row in rows)]


def _train_notes(classes: Mapping[str, Mapping[str, int]]) -> list[str]:
    """In how many train pictures every class is seen, and which are hardly among them."""
    if not classes:
        return []
    counts = {name: found["pictures"] for name, found in classes.items()}
    few = {name: n for name, n in counts.items() if n < HARDLY}
    lines = [f"train pictures with {_listed(counts)}"]
    return lines + ([f"hardly trained on, in fewer than {HARDLY} train pictures: {_listed(few)}"] if few else [])


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def csv_rows(result: Result) -> list[dict[str, Any]]:
    """One row an input, fractions at full precision."""
    return [{**_csv_row(name, entry, result.get("groups", ())), "note": ""} for name, entry in result["inputs"].items()]


def _table_row(result: Result, name: str, entry: Mapping[str, Any]) -> dict[str, str]:
    row = {"input": name, "mIoU": percent_interval(entry["miou"], entry["interval"]["miou"])}
    row |= verdict_columns(result["differences"], name, "miou", _AGAINST)
    row["foreground"] = percent_interval(entry["miou_foreground"], entry["interval"]["miou_foreground"])
    row["accuracy"] = percent(entry["pixel_accuracy"])
    return row | ({"seed range": percent(entry["spread"]["miou"])} if "spread" in entry else {})


def _csv_row(name: str, entry: Mapping[str, Any], groups: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"input": name}
    for metric in _METRIC_NAMES:
        low, high = entry["interval"][metric] or (None, None)
        row |= {metric: entry[metric], f"{metric}_low": low, f"{metric}_high": high}
    row |= {f"iou_{label}": value for label, value in entry["per_class"].items()}
    for group in groups:
        row |= {f"{group}_{key}": (entry[group] or {}).get(key) for key in ("miou", "miou_foreground", "images")}
    return row | {"spread_miou": entry.get("spread", {}).get("miou")}
