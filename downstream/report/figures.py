"""Figures as files, for print."""

import logging
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from dwsfusion.runs import whole_file

PNG_DPI = 300


def write_figure(figure: Figure, out: Path, name: str) -> None:
    """Writes a figure as PNG of 300 dpi and as PDF with embedded fonts; each appears whole or not at all.

    The PDF keeps the pictures' own pixels, for the reader who zooms in; so the figure's pictures are left
    without interpolation.
    """
    # It reports every glyph that it embeds.
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    _save(figure, out / f"{name}.png", dpi=PNG_DPI)
    for image in figure.findobj(AxesImage):
        image.set_interpolation("none")
    # Publishers refuse Type 3 fonts; merged with its insets, a picture would lose resolution.
    with matplotlib.rc_context({"pdf.fonttype": 42, "image.composite_image": False}):
        _save(figure, out / f"{name}.pdf", metadata={"CreationDate": None})


def _save(figure: Figure, path: Path, **options: Any) -> None:
    with whole_file(path) as beside:
        figure.savefig(beside, format=path.suffix[1:], **options)
