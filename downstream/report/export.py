"""Grids as files: which pictures are shown, and how their figures are written."""

import difflib
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from downstream.comparison.finished import read_largest, read_truth
from downstream.comparison.inputs import INFRARED, Comparison, is_night
from downstream.comparison.per_picture import LARGEST
from downstream.report.insets import parse_zoom
from downstream.report.sources import DetectionGrids, FusionGrids, Grids, SegmentationGrids
from dwsfusion.errors import ImageError, InputError
from dwsfusion.pairs import Skipped, images_by_stem

PNG_DPI = 300
Track = Callable[[Iterable[str], str], Iterable[str]]


@dataclass(frozen=True)
class GridConfig:
    """What the grids show."""

    task: Literal["fusion", "detection", "segmentation"] = "fusion"
    """The fused pictures, or the boxes or colour maps of a finished comparison."""
    images: tuple[str, ...] = ()
    """Names of the pictures, without suffix; without them night before day and many objects before few."""
    count: int = 3
    """How many pictures are chosen where none is named."""
    largest: int = 0
    """Show so many (up to 10) of the largest gains and of the largest losses against the best camera, as the
    finished comparison of detection or segmentation names them."""
    of: str = "dwsfusion"
    """The input whose gains and losses are shown with --largest."""
    zoom: tuple[str, ...] = ()
    """Up to two boxes X,Y,W,H in pixels to enlarge; without them what each camera sees alone."""
    predictions: Path | None = None
    """Folder of the finished comparison; without it out/TASK."""
    score: float = 0.25
    """Boxes with a lower score, 0 to 1, are not drawn."""
    truth: bool = True
    """Add a last panel with the annotated objects or classes, where there are any."""
    segmentation_labels: str = "Segmentation_labels"
    """Name of the folder of true class ids, for the last panel of segmentation."""


def choose_names(root: Path, names: Sequence[str], config: GridConfig) -> list[str]:
    """Chooses the pictures to show, before anything is fused.

    Args:
        root: the folder of the split.
        names: the pictures at hand, sorted.
        config: what to show.

    Raises:
        InputError: a name is not known, more gains and losses are wanted than are named, or a comparison is not
            finished or names none.
    """
    if not 0 <= config.largest <= LARGEST:
        raise InputError(f"expected --largest between 0 and {LARGEST}, found {config.largest}")
    if config.largest and config.task == "fusion":
        raise InputError("--largest belongs to --task detection or segmentation, found --task fusion")
    run = _run(config)
    if config.task == "detection":
        known = read_truth(run / "ground_truth.json")
        names = [name for name in names if name in known]
    elif config.task == "segmentation":
        masks, _ = images_by_stem(run / "predictions" / INFRARED)
        names = [name for name in names if name in masks]
    asked = config.images
    if config.largest:
        asked = (*asked, *read_largest(run / f"{config.task}.json", config.of, config.largest))
    return choose_pictures(names, root / "labels", asked, config.count)


def export_grids(
    comparison: Comparison, config: GridConfig, out: Path, *, track: Track = lambda names, what: names
) -> tuple[list[str], list[Skipped]]:
    """Writes ``out/NAME.png`` and ``out/NAME.pdf`` for each picture of a comparison.

    Args:
        comparison: the inputs, over the pictures to show.
        config: what to show.
        out: the folder.
        track: wraps the names to show progress.

    Returns:
        The names of the pictures, and those that were skipped because they cannot be read.

    Raises:
        InputError: a zoom box or a score does not fit, or a comparison is not finished.
    """
    grids = _grids(comparison, config)
    skipped = [
        Skipped(n, f"no prediction in every input of {_run(config)}") for n in comparison.names if n not in grids.names
    ]
    for name in track(grids.names, "grids"):
        try:
            write_figure(grids.draw(name), out, name)
        except ImageError as error:
            skipped.append(Skipped(name, str(error)))
    return list(comparison.names), skipped


def choose_pictures(known: Sequence[str], labels: Path, asked: Sequence[str], count: int) -> list[str]:
    """Gives the pictures to show: those asked for, else night before day and many objects before few.

    Without labels, or where these know no object, the pictures are spaced evenly over the names.

    Args:
        known: the names to choose from, sorted.
        labels: folder of ``NAME.txt`` with a line an object.
        asked: names that were asked for.
        count: how many to choose where none was asked for.

    Raises:
        InputError: a name is not known, there is no picture, or the count is less than 1.
    """
    if unknown := [name for name in asked if name not in known]:
        near = difflib.get_close_matches(unknown[0], known, n=3, cutoff=0.4) or known[:3]
        raise InputError(
            f"expected names of the {len(known)} pictures at hand, found {', '.join(unknown)}: "
            f"near are {', '.join(near) or 'none'}"
        )
    if asked:
        return list(dict.fromkeys(asked))
    if count < 1:
        raise InputError(f"expected a count of at least 1, found {count}")
    if not known:
        raise InputError("expected pictures that all inputs and predictions have, found none: run the comparison first")
    objects = {name: _count_objects(labels / f"{name}.txt") for name in known}
    if any(objects.values()):
        return sorted(known, key=lambda name: (not is_night(name), -objects[name], name))[:count]
    steps = np.linspace(0, len(known) - 1, min(count, len(known)))
    return [known[round(step)] for step in steps]


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


def _grids(comparison: Comparison, config: GridConfig) -> Grids:
    if config.zoom and config.task != "fusion":
        raise InputError(f"--zoom belongs to --task fusion, found --task {config.task}")
    run = _run(config)
    if config.task == "detection":
        return DetectionGrids(comparison, run, min_score=config.score, truth=config.truth)
    if config.task == "segmentation":
        return SegmentationGrids(comparison, run, config.segmentation_labels if config.truth else None)
    return FusionGrids(comparison, [parse_zoom(text) for text in config.zoom])


def _run(config: GridConfig) -> Path:
    """The folder of the finished comparison."""
    return config.predictions or Path("out") / config.task


def _save(figure: Figure, path: Path, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    figure.savefig(beside, format=path.suffix[1:], **options)
    beside.replace(path)


def _count_objects(path: Path) -> int:
    return sum(1 for line in path.read_text(encoding="utf-8").splitlines() if line.strip()) if path.is_file() else 0
