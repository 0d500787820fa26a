"""The sheet that a grid is drawn on: panels in rows, a lettered caption under each, a legend on top.

A sheet fits the text width of a two-column paper, and its texts have print size (8 pt captions, 7 pt legend).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path

from dwsfusion.errors import ImageError
from dwsfusion.images import Array

TEXT_WIDTH_IN = 7.16
MAX_SIDE_IN = 3.55
SERIF = FontProperties(family=["STIXGeneral", "DejaVu Serif"])
_GAP_IN, _MARGIN_IN = 0.06, 0.005
_CAPTION_PT, _LEGEND_PT = 8.0, 7.0
_LINE_PT, _CAPTION_PAD_PT = 9.5, 2.5
_LEGEND_ROW_IN, _LEGEND_GAP_IN = 0.17, 0.1
_MAX_LINES = 2
_TITLES = {"infrared": "Infrared", "visible": "Visible", "late": "Late fusion", "mean": "Mean", "max": "Max"} | {
    "dwsfusion": "DWSFusion"
}

Legend = Sequence[tuple[str, Sequence[int]]]


@dataclass(frozen=True)
class Sheet:
    """A figure with a picture in each of its panels."""

    figure: Figure
    panels: dict[str, Axes]
    """Input name to axes, whose coordinates are pixels from the upper left corner of the picture."""
    px_per_pt: float
    """Picture pixels that one printer's point covers, to give texts and lines in a panel their size."""


def make_sheet(
    pictures: Mapping[str, Array],
    *,
    per_row: int = 6,
    legend: Legend = (),
    interpolation: str = "antialiased",
    note: str = "",
) -> Sheet:
    """Lays pictures out side by side with captions.

    The rows are as few as `per_row` allows and as equal as they can be; a shorter last row is centred.

    Args:
        pictures: input name to uint8 RGB ``(H, W, 3)``, all of one size, in the order of the panels.
        per_row: the most panels in a row.
        legend: names and 8-bit RGB colours, shown as a bar over the panels.
        interpolation: how matplotlib scales the pictures.
        note: a line in red below everything.

    Raises:
        ImageError: the pictures differ in size.
    """
    rows = _rows(len(pictures), per_row)
    width, height, px_per_pt = _panel_size(pictures, len(rows[0]))
    inner = len(rows[0]) * (width + _GAP_IN) - _GAP_IN
    captions = [caption(i, name, width * 72) for i, name in enumerate(pictures)]
    pitches = [height + _caption_height_in([captions[i] for i in row]) + _GAP_IN for row in rows]
    legend_rows = _legend_rows(legend, inner)
    top = legend_rows * _LEGEND_ROW_IN + _LEGEND_GAP_IN if legend else _MARGIN_IN
    bottom = _LINE_PT / 72 if note else 0
    figure = Figure(figsize=(inner + 2 * _MARGIN_IN, top + sum(pitches) - _GAP_IN + bottom))
    figure.text(0.5, 0, note, color="firebrick", ha="center", va="bottom", fontproperties=SERIF, fontsize=_LEGEND_PT)
    panels = {}
    places = _places(rows, pitches, top, width)
    for (left, above), (name, picture), text in zip(places, pictures.items(), captions, strict=True):
        panels[name] = _axes(figure, left, above, width, height)
        _draw_panel(panels[name], picture, text, interpolation)
    if legend:
        _draw_legend(_axes(figure, _MARGIN_IN, 0, inner, legend_rows * _LEGEND_ROW_IN), legend, legend_rows)
    return Sheet(figure, panels, px_per_pt)


def title(name: str) -> str:
    """An input's name as captions show it: our own are spelt out, others stand as their user named them."""
    return _TITLES.get(name, name)


def caption(index: int, name: str, width_pt: float) -> str:
    """The caption ``(a) Infrared`` of a panel, broken into two lines or cut with an ellipsis where it must."""
    letter = chr(ord("a") + index % 26) * (1 + index // 26)
    width_pt -= _CAPTION_PAD_PT
    rest = f"({letter}) {title(name)}"
    lines: list[str] = []
    while rest and len(lines) < _MAX_LINES:
        line = _longest_start(rest, width_pt)
        lines.append(line)
        rest = rest[len(line) :]
    if rest:
        lines[-1] = lines[-1][:-1] + "…"
    return "\n".join(line.strip() for line in lines)


def text_width_pt(text: str, size_pt: float, font: FontProperties = SERIF) -> float:
    """The width of a line of text in points."""
    font = font.copy()
    font.set_size(size_pt)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def ink(colour: Any) -> str:
    """Black or white, whichever reads better on a colour that matplotlib knows."""
    red, green, blue = to_rgb(colour)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def _panel_size(pictures: Mapping[str, Array], columns: int) -> tuple[float, float, float]:
    """Width and height of a panel in inches, and how many picture pixels a point covers."""
    height_px, width_px = _common_size(pictures)
    room = TEXT_WIDTH_IN - 2 * _MARGIN_IN - (columns - 1) * _GAP_IN
    width = min(room / columns, MAX_SIDE_IN, MAX_SIDE_IN * width_px / height_px)
    return width, width * height_px / width_px, width_px / (width * 72)


def _common_size(pictures: Mapping[str, Array]) -> tuple[int, int]:
    sizes = {name: (picture.shape[0], picture.shape[1]) for name, picture in pictures.items()}
    if len(set(sizes.values())) != 1:
        found = ", ".join(f"{name} {width}x{height}" for name, (height, width) in sizes.items())
        raise ImageError(f"expected pictures of one size, found {found}: resize them to the source's size")
    return next(iter(sizes.values()))


def _caption_height_in(captions: Sequence[str]) -> float:
    """The room that a row needs under its panels."""
    lines = max(text.count("\n") + 1 for text in captions)
    return (_CAPTION_PAD_PT + lines * _LINE_PT) / 72


def _rows(count: int, per_row: int) -> list[range]:
    """Parts panels into as few rows as can be, all but the last of one length."""
    columns = ceil(count / ceil(count / per_row))
    return [range(start, min(start + columns, count)) for start in range(0, count, columns)]


def _places(rows: Sequence[range], pitches: Sequence[float], top: float, width: float) -> Iterator[tuple[float, float]]:
    """The upper left corners of the panels in inches; a shorter row is centred."""
    for row, pitch in zip(rows, pitches, strict=True):
        left = _MARGIN_IN + (len(rows[0]) - len(row)) / 2 * (width + _GAP_IN)
        for column in range(len(row)):
            yield left + column * (width + _GAP_IN), top
        top += pitch


def _longest_start(text: str, width_pt: float) -> str:
    """As much of a text as fits, up to a break after a space or a joining mark where there is one."""
    end = len(text)
    while end > 1 and text_width_pt(text[:end], _CAPTION_PT) > width_pt:
        end -= 1
    if end == len(text):
        return text
    after_mark = max(text.rfind(mark, 0, end) for mark in "_-.+") + 1
    return text[: after_mark or end]


def _legend_rows(legend: Legend, width_in: float) -> int:
    """How many rows the legend needs so that the longest name fits into its cell."""
    if not legend:
        return 0
    cell = (max(text_width_pt(name, _LEGEND_PT) for name, _ in legend) + 6) / 72
    return ceil(len(legend) / max(1, int(width_in / cell)))


def _draw_legend(axes: Axes, legend: Legend, rows: int) -> None:
    columns = ceil(len(legend) / rows)
    axes.set(xlim=(0, columns), ylim=(rows, 0))
    axes.axis("off")
    axes.set_label("legend")
    for index, (name, rgb) in enumerate(legend):
        colour = tuple(int(value) / 255 for value in rgb)
        row, column = divmod(index, columns)
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.4))
        axes.text(
            column + 0.5, row + 0.52, name, color=ink(colour), fontproperties=SERIF, fontsize=_LEGEND_PT,
            ha="center", va="center_baseline", parse_math=False,
        )  # fmt: skip


def _draw_panel(axes: Axes, picture: Array, text: str, interpolation: str) -> None:
    height, width = picture.shape[:2]
    axes.imshow(picture, extent=(0, width, height, 0), aspect="auto", interpolation=interpolation)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_linewidth(0.3)
    axes.annotate(
        text, (0.5, 0), (0, -_CAPTION_PAD_PT), xycoords="axes fraction", textcoords="offset points",
        ha="center", va="top", fontproperties=SERIF, fontsize=_CAPTION_PT, linespacing=1.0, parse_math=False,
    )  # fmt: skip


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Adds axes at a place in inches from the upper left corner of the figure."""
    total_width, total_height = figure.get_size_inches()
    bottom = total_height - top - height
    return figure.add_axes((left / total_width, bottom / total_height, width / total_width, height / total_height))
