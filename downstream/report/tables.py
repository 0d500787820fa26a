"""Tables for terminals, from plain values."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.table import Table

from downstream.console import PlainConsole

Row = Mapping[str, Any]
WIDTH_CHARS = 200


def percent(value: float | None) -> str:
    """A fraction as per cent with one decimal; a dash where it is not defined."""
    return "–" if value is None else f"{100 * value:.1f}"


def percent_interval(value: float | None, interval: Sequence[float] | None) -> str:
    """A fraction with its interval, in per cent: ``61.2 [57.0, 65.3]``."""
    if value is None or interval is None:
        return percent(value)
    return f"{percent(value)} [{percent(interval[0])}, {percent(interval[1])}]"


def print_table(title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Prints rows of finished texts to stdout: the first column left, the others right, notes below."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, column in enumerate(rows[0]):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=index == 0)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console = PlainConsole() if sys.stdout.isatty() else PlainConsole(width=WIDTH_CHARS)
    console.print(table)
    for note in notes:
        console.print(note)


def measured(rows: Sequence[Row]) -> list[Row]:
    """Rows of measurements as texts: two decimals, and plain words for what was not measured."""
    shown: dict[type, Callable[[Any], str]] = {type(None): lambda _: "not measured here", float: "{:.2f}".format}
    return [{key: shown.get(type(value), str)(value) for key, value in row.items()} for row in rows]
