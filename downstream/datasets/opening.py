"""Opens one split of a data set: its card, and its pairs, unpacked where both cameras share a file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from downstream.datasets.cards import choose_card
from downstream.datasets.data_set import DataSet, find_data_set, find_four_channels
from dwsfusion.decoding import opened
from dwsfusion.errors import ImageError, InputError
from dwsfusion.images import png_text, write_png
from dwsfusion.pairs import Pair, PairSet, Skipped
from dwsfusion.runs import hash_file

_KEY = "dwsfusion-four-channels"


def open_data_set(root: Path, split: str, asked: str | None, unpacked: Path) -> tuple[DataSet, PairSet]:
    """Finds the pairs of a split by the data set's card.

    Args:
        root: the data root.
        split: which part.
        asked: name or file of the card; without it, by what lies in the root.
        unpacked: a folder for the pictures of both cameras where a data set has them in one file.

    Raises:
        InputError: no such data set, or not one pair.
    """
    card = choose_card(root, asked)
    if not card.layout.four_channels:
        return find_data_set(card, root, split)
    files = find_four_channels(card, root, split)
    pairs, skipped = unpack(files, unpacked / split)
    if not pairs:
        raise InputError(f"not one picture is usable; the first: {skipped[0].name}: {skipped[0].reason}")
    return DataSet(card, root, split), PairSet(root, pairs, skipped)


def unpack(files: Mapping[str, Path], folder: Path) -> tuple[tuple[Pair, ...], tuple[Skipped, ...]]:
    """Parts pictures of four channels into visible, the first three, and infrared, the fourth.

    What was parted from the same file before is used.

    Args:
        files: picture name to file.
        folder: ``folder/vi/NAME.png`` and ``folder/ir/NAME.png`` are written.

    Returns:
        The pairs, and pictures that cannot be read or have no fourth channel.
    """
    pairs, skipped = [], []
    for name, path in files.items():
        pair = Pair(name, folder / "ir" / f"{name}.png", folder / "vi" / f"{name}.png")
        try:
            _part(path, pair)
        except ImageError as error:
            skipped.append(Skipped(name, str(error)))
        else:
            pairs.append(pair)
    return tuple(pairs), tuple(skipped)


def _part(path: Path, pair: Pair) -> None:
    with opened(path) as image:
        mark = hash_file(path)
        if all(png_text(made).get(_KEY) == mark for made in (pair.ir, pair.vis)):
            return
        image.load()
        mode, pixels = image.mode, np.asarray(image)
    if mode != "RGBA":
        raise ImageError(f"{path}: expected four channels, red, green, blue and infrared, found mode {mode}")
    write_png(pair.vis, np.ascontiguousarray(pixels[..., :3]), {_KEY: mark})
    write_png(pair.ir, np.ascontiguousarray(pixels[..., 3]), {_KEY: mark})
