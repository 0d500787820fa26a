"""What a method costs against what it is worth: the table of costs, and the figure.

The published figure shows parameters, mAP and mIoU in one perspective drawing, from which no value can be read.
Here each task has its panel, cost lies on a logarithmic axis, and what costs nothing (the sources, mean, max) is a
line: a method is worth its cost where it stands above the lines by more than its interval.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from downstream.comparison.inputs import BASELINES, INFRARED, VISIBLE
from downstream.report.export import write_figure
from dwsfusion.cost import compare, count_flops, count_parameters
from dwsfusion.errors import InputError
from dwsfusion.fusing import Fuser
from dwsfusion.runs import write_csv

FREE = (INFRARED, VISIBLE, *BASELINES)
NAME = "tradeoff"
ROUNDS = 5
"""How often a method is timed; the median counts."""
_AXES = {"parameters": "Parameters", "flops": "FLOPs for one pair", "ms": "Milliseconds for one pair"}
_FIGURES = {"detection": ("map50", "Detection, mAP50 in %"), "segmentation": ("miou", "Segmentation, mIoU in %")}
_PANEL_INCHES = (3.5, 2.6)
# Okabe and Ito's colours differ in brightness too: for colour-blind readers and for grey print.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = "osD^vPX*<>"
_LINES = {INFRARED: ":", VISIBLE: "-.", "mean": "--", "max": "-"}


@dataclass(frozen=True)
class Cost:
    """What a method costs; None where it is not known."""

    parameters: float | None = None
    flops: float | None = None
    """Floating-point operations for one pair, two for a multiply-add."""
    ms: float | None = None
    """Time for one pair."""


def measure_cost(fuser: Fuser, size: tuple[int, int]) -> Cost:
    """What a method costs on its device, for one pair of some height and width in pixels."""
    network = deepcopy(fuser.network).cpu()
    (timing,) = compare({fuser.name: fuser.engine}, size, ROUNDS, fuser.device)
    ms = None if timing.ms is None else round(timing.ms, 1)
    return Cost(count_parameters(network), count_flops(network, *size), ms)


@dataclass(frozen=True)
class Worth:
    """A task's figure of an input, a fraction, with its interval."""

    value: float
    interval: tuple[float, float] | None = None


def write_tradeoff(
    costs: Path | None, runs: Mapping[str, Path | None], names: Sequence[str], known: Mapping[str, Cost], out: Path
) -> None:
    """Completes the table of costs and draws ``out/tradeoff.png`` and ``out/tradeoff.pdf`` where there is a task.

    Args:
        costs: the table (CSV); without it nothing is done. Methods that it lacks are added with what is known, and
            empty cells are for the user to fill in.
        runs: ``detection`` and ``segmentation``, each the folder of a finished comparison or None.
        names: the inputs; the sources, mean and max need no row.
        known: costs that were measured here.
        out: the folder.

    Raises:
        InputError: the table is malformed, or a comparison is not there.
    """
    if costs is None:
        return
    table = complete_costs(costs, [name for name in names if name not in FREE], known)
    worth = {_FIGURES[task][1]: read_worth(folder, task) for task, folder in runs.items() if folder}
    axis = next((axis for axis in _AXES if any(getattr(c, axis) for c in table.values())), None)
    if worth and axis:
        write_figure(draw_tradeoff(table, worth, axis), out, NAME)


def complete_costs(path: Path, names: Sequence[str], known: Mapping[str, Cost]) -> dict[str, Cost]:
    """Reads the table, adds the methods that it lacks and writes it again; what the user wrote stays.

    Raises:
        InputError: the table is malformed.
    """
    table = read_costs(path) if path.is_file() else {}
    for name in names:
        found = {key: value for key, value in asdict(table.get(name, Cost())).items() if value is not None}
        table[name] = replace(known.get(name, Cost()), **found)
    if table:
        write_csv(path, [{"method": name, **asdict(cost)} for name, cost in table.items()])
    return table


def read_costs(path: Path) -> dict[str, Cost]:
    """Reads a table ``method,parameters,flops,ms``; cells may be empty.

    Raises:
        InputError: a column is missing, or a cell is no number of 0 or more.
    """
    columns = ["method", *(f.name for f in fields(Cost))]
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and (missing := [c for c in columns if c not in rows[0]]):
        raise InputError(f"{path}: expected the columns {', '.join(columns)}, found no {', '.join(missing)}")
    return {
        row["method"]: Cost(*(_number(row[c], f"{path}, {row['method']}, {c}") for c in columns[1:])) for row in rows
    }


def read_worth(folder: Path, task: str) -> dict[str, Worth]:
    """Reads the figure of every input from a finished comparison.

    Raises:
        InputError: it is not there.
    """
    path = folder / f"{task}.json"
    if not path.is_file():
        raise InputError(f"expected a finished comparison at {path}, found none: run compare_{task}.py first")
    figure = _FIGURES[task][0]
    inputs: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["inputs"]
    return {
        name: Worth(entry[figure], tuple(entry["interval"][figure]) if entry["interval"][figure] else None)
        for name, entry in inputs.items()
        if entry[figure] is not None
    }


def draw_tradeoff(costs: Mapping[str, Cost], worth: Mapping[str, Mapping[str, Worth]], axis: str) -> Figure:
    """Draws one panel a task: cost to the right, the task's figure upwards, with 95 % intervals.

    Args:
        costs: method to its cost; one without the asked cost is left out.
        worth: title of a panel to the figures of its inputs.
        axis: ``parameters``, ``flops`` or ``ms``.
    """
    width, height = _PANEL_INCHES
    figure = Figure(figsize=(width * len(worth), height + 0.5), layout="constrained")
    panels = figure.subplots(1, len(worth), squeeze=False)[0]
    for panel, (title, values) in zip(panels, worth.items(), strict=True):
        _draw_panel(panel, costs, values, axis)
        panel.set_ylabel(title, fontsize=8)
    handles: dict[str, Any] = {}
    for panel in panels:
        handles |= {label: handle for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize=7, frameon=False)
    return figure


def _draw_panel(panel: Axes, costs: Mapping[str, Cost], worth: Mapping[str, Worth], axis: str) -> None:
    for name in FREE:
        if name in worth:
            panel.axhline(100 * worth[name].value, color="0.45", linestyle=_LINES[name], linewidth=1, label=name)
    priced = [(name, getattr(cost, axis)) for name, cost in costs.items() if getattr(cost, axis)]
    for number, (name, price) in enumerate(priced):
        if name in worth:
            value, interval = 100 * worth[name].value, worth[name].interval
            error = [[value - 100 * interval[0]], [100 * interval[1] - value]] if interval else None
            colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
            panel.errorbar(
                price, value, error, marker=marker, color=colour, capsize=2, linewidth=1, linestyle="none", label=name
            )
    panel.set_xscale("log")
    panel.set_xlabel(_AXES[axis], fontsize=8)
    panel.tick_params(labelsize=7)
    panel.margins(x=0.15)
    panel.grid(color="0.9", linewidth=0.5)
    panel.set_axisbelow(True)


def _number(text: str | None, where: str) -> float | None:
    if not text or not text.strip():
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"{where}: expected a number or an empty cell, found {text!r}") from error
    if not 0 <= value < float("inf"):
        raise InputError(f"{where}: expected a number of 0 or more, found {text!r}")
    return value
