"""A table of figures as Markdown, CSV and LaTeX: the same numbers in three dresses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from downstream.report.tables import percent, percent_interval

_LATEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
          "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A figure, a fraction with its interval; None where it is not defined."""

    value: float | None
    interval: Sequence[float] | None = None


@dataclass(frozen=True)
class Column:
    """One figure of all rows; more is better."""

    group: str
    """What it belongs to, such as a task."""
    title: str
    key: str
    """In CSV."""
    cells: Mapping[str, Cell]
    """Row to cell; a row may lack one."""

    def places(self) -> dict[str, int]:
        """Place of each row, 1 the best, by what is printed: rows that look equal share a place."""
        shown = {row: percent(cell.value) for row, cell in self.cells.items() if cell.value is not None}
        order = sorted({float(text) for text in shown.values()}, reverse=True)
        return {row: order.index(float(text)) + 1 for row, text in shown.items()}


def markdown(title: str, rows: Sequence[str], columns: Sequence[Column], notes: Sequence[str] = ()) -> str:
    """A table in per cent with intervals; the best of a column is bold, the second underlined by ``<u>``."""
    places = [column.places() for column in columns]
    lines = [f"## {title}", ""]
    lines += [_bar(["input", *(f"{c.group}, {c.title}" for c in columns)]), _bar(["---", *("---:" for _ in columns)])]
    for row in rows:
        texts = [_text(c.cells.get(row)) for c in columns]
        marked = [_marked(t, p.get(row), "**{}**", "<u>{}</u>") for t, p in zip(texts, places, strict=True)]
        lines.append(_bar([row.replace("|", r"\|"), *marked]))
    return "\n".join([*lines, "", *(f"- {note}" for note in notes), ""])


def csv_rows(rows: Sequence[str], columns: Sequence[Column]) -> list[dict[str, Any]]:
    """One row an input, fractions at full precision: each figure and its interval."""
    table = []
    for row in rows:
        cells: dict[str, Any] = {"input": row}
        for column in columns:
            cell = column.cells.get(row, Cell(None))
            low, high = cell.interval or (None, None)
            cells |= {column.key: cell.value, f"{column.key}_low": low, f"{column.key}_high": high}
        table.append(cells)
    return table


def latex(caption: str, label: str, rows: Sequence[str], columns: Sequence[Column], intervals: bool = True) -> str:
    """A table for ``booktabs`` in per cent: the best of a column in bold, the second underlined.

    Args:
        caption: plain text.
        label: for ``\\ref``.
        rows: in their order.
        columns: those of one group stand together.
        intervals: put them behind the figures, small.
    """
    places = [column.places() for column in columns]
    groups = list(dict.fromkeys(c.group for c in columns))
    spans = [sum(c.group == group for c in columns) for group in groups]
    ends = [1 + sum(spans[: k + 1]) for k in range(len(spans))]
    head = "".join(rf" & \multicolumn{{{n}}}{{c}}{{{escaped(g)}}}" for g, n in zip(groups, spans, strict=True))
    rules = " ".join(rf"\cmidrule(lr){{{end - n + 1}-{end}}}" for end, n in zip(ends, spans, strict=True))
    lines = [r"% \usepackage{booktabs}", r"\begin{table}", r"  \centering", rf"  \caption{{{escaped(caption)}}}",
             rf"  \label{{{label}}}", rf"  \begin{{tabular}}{{l{'r' * len(columns)}}}", r"    \toprule",
             rf"    {head} \\", f"    {rules}",
             "    input" + "".join(f" & {escaped(c.title)}" for c in columns) + r" \\", r"    \midrule"]  # fmt: skip
    for row in rows:
        texts = [_latex_cell(c.cells.get(row), p.get(row), intervals) for c, p in zip(columns, places, strict=True)]
        lines.append("    " + " & ".join([escaped(row), *texts]) + r" \\")
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""])


def escaped(text: str) -> str:
    """Plain text as LaTeX has it."""
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _latex_cell(cell: Cell | None, place: int | None, intervals: bool) -> str:
    if cell is None or cell.value is None:
        return "--"
    figure = _marked(percent(cell.value), place, r"\textbf{{{}}}", r"\underline{{{}}}")
    if not intervals or cell.interval is None:
        return figure
    return rf"{figure} {{\scriptsize [{percent(cell.interval[0])}, {percent(cell.interval[1])}]}}"


def _text(cell: Cell | None) -> str:
    return "–" if cell is None else percent_interval(cell.value, cell.interval)


def _marked(text: str, place: int | None, best: str, second: str) -> str:
    return best.format(text) if place == 1 else second.format(text) if place == 2 else text


def _bar(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
