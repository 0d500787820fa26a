"""Qualitative grids of a comparison: which pictures are shown, of what, and the files that they become."""

import difflib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from downstream.comparison.finished import read_largest
from downstream.comparison.grid_config import FUSION, GridConfig, Grids
from downstream.comparison.inputs import INFRARED, VISIBLE, Comparison
from downstream.comparison.per_picture import LARGEST
from downstream.comparison.task import Task
from downstream.datasets.data_set import DataSet
from downstream.report.figures import write_figure
from downstream.report.grids import fusion_grid
from downstream.report.insets import Region, check_zooms, choose_zooms, parse_zoom
from dwsfusion.errors import ImageError, InputError
from dwsfusion.images import Array, read_image, rgb_array
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track, silent

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FusionGrids:
    """The inputs themselves, with details enlarged."""

    comparison: Comparison
    zooms: Sequence[Region] = ()
    """What to enlarge in every picture; without it, what each camera of a picture sees alone."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures that can be drawn, sorted."""
        return self.comparison.names

    def draw(self, name: str) -> Figure:
        """Draws the grid of one picture.

        Raises:
            ImageError: a file of this picture cannot be used.
            InputError: a zoom box does not fit the picture.
        """
        pictures = read_pictures(self.comparison, name)
        zooms = self.zooms or choose_zooms(pictures[INFRARED], pictures[VISIBLE])
        check_zooms(zooms, pictures[VISIBLE].shape[:2])
        _log.info("%s: zoom %s", name, " ".join(map(str, zooms)) or "nothing")
        return fusion_grid(pictures, zooms)


def choose_names(
    data: DataSet, names: Sequence[str], config: GridConfig, task: type[Task[Any, Any, Any, Any]] | None
) -> list[str]:
    """Chooses the pictures to show, before anything is fused.

    Args:
        data: the data set.
        names: the pictures at hand, sorted.
        config: what to show.
        task: whose finished comparison is drawn; None for the fused pictures themselves.

    Raises:
        InputError: a name is not known, more gains and losses are wanted than are named, or a comparison is not
            finished or names none.
    """
    if not 0 <= config.largest <= LARGEST:
        raise InputError(f"expected --largest between 0 and {LARGEST}, found {config.largest}")
    if task is None:
        if config.largest:
            raise InputError(f"--largest belongs to --task detection or segmentation, found --task {config.task}")
        return choose_pictures(names, data, config.images, config.count)
    drawable, asked = task.drawable(config.run()), config.images
    if config.largest:
        asked = (*asked, *read_largest(config.run() / f"{task.name}.json", config.of, config.largest))
    return choose_pictures([name for name in names if name in drawable], data, asked, config.count)


def make_grids(comparison: Comparison, config: GridConfig, task: type[Task[Any, Any, Any, Any]] | None = None) -> Grids:
    """What is drawn: the fused pictures themselves, or what a task's finished comparison saw in them.

    Raises:
        InputError: a zoom box or a score does not fit, or the comparison is not finished.
    """
    if task is None:
        return FusionGrids(comparison, [parse_zoom(text) for text in config.zoom])
    if config.zoom:
        raise InputError(f"--zoom belongs to --task {FUSION}, found --task {config.task}")
    return task.grids(comparison, config)


def export_grids(grids: Grids, names: Sequence[str], out: Path, *, track: Track = silent) -> list[Skipped]:
    """Writes ``out/NAME.png`` and ``out/NAME.pdf`` for pictures.

    Args:
        grids: draws them.
        names: the pictures.
        out: the folder.
        track: shows progress.

    Returns:
        Those that were skipped because they cannot be read, or were not predicted in every input.
    """
    skipped = [Skipped(n, "no prediction in every input") for n in names if n not in grids.names]
    for name in track([n for n in names if n in grids.names], "grids"):
        try:
            write_figure(grids.draw(name), out, name)
        except ImageError as error:
            skipped.append(Skipped(name, str(error)))
    return skipped


def choose_pictures(known: Sequence[str], data: DataSet, asked: Sequence[str], count: int) -> list[str]:
    """Gives the pictures to show: those asked for, else night before day and many objects before few.

    Without labels of a picture a file, or where these know no object, the pictures are spaced evenly over the names.

    Args:
        known: the names to choose from, sorted.
        data: the data set; lines of its files of boxes tell how many objects there are.
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
    objects = _count_objects(known, data)
    if any(objects.values()):
        by_night = dict(zip(known, data.groups(known).get("night", np.zeros(len(known), bool)), strict=True))
        return sorted(known, key=lambda name: (not by_night[name], -objects.get(name, 0), name))[:count]
    steps = np.linspace(0, len(known) - 1, min(count, len(known)))
    return [known[round(step)] for step in steps]


def read_pictures(comparison: Comparison, name: str) -> dict[str, Array]:
    """Reads one picture in every input, as RGB.

    Raises:
        ImageError: a file cannot be read.
    """
    return {item.name: rgb_array(read_image(item.files[name])) for item in comparison.inputs}


def panel_names(rows: Sequence[str], inputs: Sequence[str], predicted: Callable[[str], bool]) -> list[str]:
    """What a grid shows, in order: the rows of a finished comparison, then inputs that it does not have.

    Args:
        rows: of the comparison.
        inputs: at hand.
        predicted: tells whether predictions of a row that is no input are there.
    """
    shown = [row for row in rows if row in inputs or predicted(row)]
    return [*shown, *(name for name in inputs if name not in shown)]


def _count_objects(names: Sequence[str], data: DataSet) -> dict[str, int]:
    """How many lines or objects the label files of pictures have; empty where there are none of a picture alone."""
    sets = data.card.boxes.labels.values() if data.card.boxes else ()
    for label_set in sets:
        if label_set.format != "coco" and (files := data.files(label_set.path, names)):
            mark = "<object>" if label_set.format == "voc" else "\n"
            texts = {name: path.read_text(encoding="utf-8", errors="replace") for name, path in files.items()}
            return {name: f"{text.strip()}\n".count(mark) if text.strip() else 0 for name, text in texts.items()}
    return {}
