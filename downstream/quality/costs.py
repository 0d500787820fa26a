"""What methods cost: the table that the user completes, and the figure of cost against worth."""

import csv
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from downstream.comparison.finished import read_json
from downstream.comparison.inputs import DWSFUSION
from downstream.comparison.task import Task
from downstream.report.figures import write_figure
from downstream.report.tradeoff import AXES, FREE, Cost, Worth, draw_tradeoff
from dwsfusion.checkpoints import PACKAGED
from dwsfusion.cost import compare, count_flops, count_parameters
from dwsfusion.errors import InputError
from dwsfusion.fusing import Fuser
from dwsfusion.runs import write_csv

NAME = "tradeoff"
ROUNDS = 5
"""How often a method is timed; the median counts."""


def measure_cost(fuser: Fuser, size: tuple[int, int]) -> Cost:
    """What a method costs on its device, for one pair of some height and width in pixels."""
    network = deepcopy(fuser.network).cpu()
    (timing,) = compare({fuser.name: fuser.network}, size, ROUNDS, fuser.device)
    ms = None if timing.ms is None else round(timing.ms, 1)
    return Cost(count_parameters(network), count_flops(network, *size), ms)


def measure_networks(fuser: Fuser, names: Collection[str], size: tuple[int, int]) -> dict[str, Cost]:
    """What those of the inputs cost that networks of ours make: `fuser`, and packaged weights by their names."""
    others = [name for name in PACKAGED if name in names and name != DWSFUSION]
    fusers = {DWSFUSION: fuser, **{name: Fuser.from_pretrained(name, fuser.device) for name in others}}
    return {name: measure_cost(own, size) for name, own in fusers.items()}


def write_tradeoff(
    costs: Path,
    runs: Mapping[type[Task[Any, Any, Any, Any]], Path],
    names: Sequence[str],
    known: Mapping[str, Cost],
    out: Path,
) -> None:
    """Completes the table of costs and draws ``out/tradeoff.png`` and ``out/tradeoff.pdf`` where there is a task.

    Args:
        costs: the table (CSV). Methods that it lacks are added with what is known, and empty cells are for the user to
            fill in.
        runs: task to the folder of its finished comparison.
        names: the inputs; the sources and plain rules need no row.
        known: costs that were measured here.
        out: the folder.

    Raises:
        InputError: the table is malformed, or a comparison is not there.
    """
    table = complete_costs(costs, [name for name in names if name not in FREE], known)
    worth = {
        f"{task.name.capitalize()}, {task.titles[task.primary]} in %": read_worth(folder, task)
        for task, folder in runs.items()
    }
    axis = next((axis for axis in AXES if any(getattr(c, axis) for c in table.values())), None)
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


def read_worth(folder: Path, task: type[Task[Any, Any, Any, Any]]) -> dict[str, Worth]:
    """Reads the primary figure of every input from a finished comparison.

    Raises:
        InputError: it is not there.
    """
    figure, inputs = task.primary, read_json(folder / f"{task.name}.json")["inputs"]
    return {
        name: Worth(entry[figure], tuple(entry["interval"][figure]) if entry["interval"][figure] else None)
        for name, entry in inputs.items()
        if entry[figure] is not None
    }


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
