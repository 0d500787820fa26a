"""The main table of a benchmark as files: ``tables.md``, ``tables.csv``, ``tables.tex``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from downstream.benchmark.networks import all_networks, judged
from downstream.benchmark.words import listed
from downstream.comparison.differences import BETTER, WORSE
from downstream.report.differences import in_words
from downstream.report.documents import Cell, Column, csv_rows, latex, markdown
from downstream.report.tables import percent_interval
from dwsfusion.runs import write_csv, write_text

Results = Mapping[str, Any]


def main_columns(results: Results) -> list[Column]:
    """Every figure that stands for the whole of a task, for all inputs; of several networks their mean comes first."""
    columns = []
    for name in results["tasks"]:
        networks = all_networks(results, name)
        group = name.capitalize() + (f", mean of {len(networks)} networks" if networks else "")
        columns += _columns(group, name, judged(results, name))
        for network, own in networks.items():
            columns += _columns(f"{name.capitalize()}, {network}", f"{name}_{network}", own)
    return columns


def _columns(group: str, key: str, task: Results) -> list[Column]:
    return [
        Column(
            group,
            title,
            f"{key}_{metric}",
            {i: Cell(e[metric], e["interval"][metric]) for i, e in task["result"]["inputs"].items()},
        )
        for metric, title in task["titles"].items()
    ]


def write_tables(results: Results, out: Path, *, latex_intervals: bool) -> None:
    """Writes the three files; nothing where no task is done."""
    columns = main_columns(results)
    if not columns:
        return
    rows, caption = results["inputs"], describe(results)
    write_text(out / "tables.md", markdown(caption, rows, columns, notes(results)))
    write_csv(out / "tables.csv", csv_rows(rows, columns))
    write_text(out / "tables.tex", latex(caption, "tab:fusion", rows, columns, latex_intervals))


def terminal_rows(results: Results) -> list[dict[str, str]]:
    """The same table for a terminal: the figure by which each task is judged."""
    primary = {f"{name}_{task['primary']}" for name, task in results["tasks"].items()}
    chosen = [column for column in main_columns(results) if column.key in primary]
    return [
        {
            "input": row,
            **{f"{c.group}, {c.title}": _shown(c.cells.get(row)) for c in chosen},
        }
        for row in results["inputs"]
    ]


def describe(results: Results) -> str:
    """What the table is of."""
    data = results["data"]
    sample = ", drawn sample scenes: a test of the tool, not of fusion" if data["sample"] else ""
    return f"What fusion is worth on {data['name']}, {data['split']}, per cent with 95 % intervals{sample}"


def notes(results: Results) -> list[str]:
    """The verdict in words, the protocol of each task, and what its first figure shows."""
    lines = [f"{said['task'].capitalize()}: {said['headline']} {said['text']}".strip() for said in results["summary"]]
    for name, task in results["tasks"].items():
        protocol, metric, networks = task["result"]["protocol"], task["primary"], all_networks(results, name)
        by = f", by each of {listed(list(networks))}" if networks else ""
        lines.append(f"{name.capitalize()}: protocol {protocol['name']}, {task['result']['images']} pictures{by}.")
        rows = [row for row in judged(results, name)["result"]["differences"] if row["metric"] == metric]
        lines += [in_words(row, task["titles"][metric]) for row in rows if row["verdict"] in (BETTER, WORSE)]
    lines += [f"{s['step']}: {s['status']}: {s['reason']}" for s in results["steps"] if s["status"] != "done"]
    return lines


def _shown(cell: Cell | None) -> str:
    return "–" if cell is None else percent_interval(cell.value, cell.interval)
