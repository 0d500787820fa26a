"""The pictures of a report: scaled copies of every input's pictures and masks, beside it on disk.

``pictures/large/INPUT/NAME.webp`` fit a screen, ``pictures/small/…`` are small enough to be put into the page itself.
Masks lie in ``masks/INPUT/NAME.png`` beside them, in colours on a transparent ground; ``truth`` holds the labels.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from downstream.comparison.inputs import Comparison
from downstream.datasets.card import Ids
from downstream.datasets.masks import read_mask, read_predicted
from downstream.report.encoding import coloured_mask, hex_colours, webp
from dwsfusion.errors import ImageError
from dwsfusion.images import read_image, rgb_array
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track
from dwsfusion.runs import write_bytes, write_json

SIZES_PX = {"large": 960, "small": 480}
"""The longer side of a copy, at most."""
_QUALITY = {"large": 82, "small": 58}
HELD_BYTES = 9_000_000
"""Of pictures in the page, which takes a third more to write them down."""


def write_pictures(comparison: Comparison, masks: Mapping[str, Path], out: Path, track: Track) -> list[Skipped]:
    """Writes the copies, and ``out/pictures.json``, which says what is there.

    Args:
        comparison: the inputs.
        masks: row to the folder of its predicted masks; empty where nothing was segmented. Rows of further networks
            are called ``NETWORK/ROW``. The true ones join them as ``truth``.
        out: the folder.
        track: shows progress.

    Returns:
        Pictures that cannot be read.
    """
    known, skipped = comparison.data.card.masks if masks else None, []
    colours = hex_colours([c.colour for c in known.classes]) if known else []
    truth = comparison.data.files(known.path, comparison.names) if known else {}
    for name in track(comparison.names, "pictures", len(comparison.names)):
        try:
            for item in comparison.inputs:
                _write_picture(
                    Image.fromarray(rgb_array(read_image(item.files[name]))), out, f"{item.name}/{name}.webp"
                )
            for row, folder in masks.items():
                if known and (file := folder / f"{name}.png").is_file():
                    _write_mask(read_predicted(file, known), colours, out, f"masks/{row}/{name}.png")
            if known and name in truth:
                _write_mask(read_mask(truth[name], known), colours, out, f"masks/truth/{name}.png")
        except (ImageError, OSError) as error:
            skipped.append(Skipped(name, str(error)))
    shown, own = [item.name for item in comparison.inputs], [row for row in masks if "/" not in row]
    write_json(
        out / "pictures.json", {"inputs": shown, "masks": [*own, *(["truth"] if truth else [])], "colours": colours}
    )
    return skipped


def scaled(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """A size that fits, never larger than the picture is."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _write_picture(picture: Image.Image, out: Path, name: str) -> None:
    for size, longest in SIZES_PX.items():
        copy = picture.resize(scaled(picture.size, longest), Image.Resampling.LANCZOS)
        write_bytes(out / size / name, webp(copy, _QUALITY[size]))


def _write_mask(ids: Ids, colours: Sequence[str], out: Path, name: str) -> None:
    for size, longest in SIZES_PX.items():
        write_bytes(out / size / name, coloured_mask(ids, colours, scaled((ids.shape[1], ids.shape[0]), longest)))


def held_pictures(results: Mapping[str, Any], out: Path, most_bytes: int = HELD_BYTES) -> list[tuple[str, bytes]]:
    """The small copies that the page itself holds: picture by picture, those that tell most first, until it is full.

    Args:
        results: what ``results.json`` holds.
        out: the folder of the page.
        most_bytes: how much of them the page may hold.

    Returns:
        Path beside the page, and content.
    """
    if results["shown"] is None:
        return []
    held: list[tuple[str, bytes]] = []
    names, rows = [picture["name"] for picture in results["pictures"]], results["shown"]["masks"]
    for name in by_interest(_changes_by_name(results, names), names):
        files = [f"{row}/{name}.webp" for row in results["shown"]["inputs"]]
        files += [f"masks/{folder}{row}/{name}.png" for folder in _mask_folders(results) for row in rows]
        own = [(f"pictures/small/{file}", out / "pictures/small" / file) for file in files]
        read = [(path, file.read_bytes()) for path, file in own if file.is_file()]
        most_bytes -= sum(len(content) for _, content in read)
        if most_bytes < 0:
            break
        held += read
    return held


def _mask_folders(results: Mapping[str, Any]) -> list[str]:
    """Where the masks of each network lie, the first's in no folder of their own."""
    others = [task for several in results["networks"].values() for task in several["others"].values()]
    return ["", *(task["mask_folder"] for task in others if "confusion" in task)]


def _changes_by_name(results: Mapping[str, Any], names: Sequence[str]) -> list[list[list[float | None]]]:
    """Of each task and input the change of each picture."""
    return [
        [[dict(zip(task["names"], own, strict=True)).get(name) for name in names] for own in task["changes"].values()]
        for task in results["tasks"].values()
    ]


def by_interest(changes: Iterable[Sequence[Sequence[float | None]]], names: Sequence[str]) -> list[str]:
    """Pictures in the order in which they tell most: by the largest change of any input, in each task's own measure.

    Args:
        changes: of each task and input, the change of each picture.
        names: the pictures.
    """
    interest = np.zeros(len(names))
    for task in changes:
        own = np.abs(np.array(task, dtype=np.float64).reshape(-1, len(names)))  # None becomes NaN
        largest = np.nanmax(own, initial=0)
        if largest > 0:
            interest = np.maximum(interest, np.nan_to_num(own / largest).max(axis=0))
    return [names[k] for k in np.argsort(-interest, kind="stable")]
