"""Class ids that a segmenter gives the pictures, kept on disk and used again where they fit."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from downstream.datasets.card import Ids, Masks
from downstream.datasets.masks import check_size, read_predicted
from downstream.segmentation.deeplab import Segmenter
from dwsfusion.errors import ImageError, InputError
from dwsfusion.images import image_size, png_text, read_image, write_png
from dwsfusion.pairs import images_by_stem
from dwsfusion.runs import hash_file, hash_text

SOURCE_KEY = "dwsfusion-source"


def predict_file(segmenter: Segmenter, pictures: tuple[Path, ...], masks: Masks, out: Path) -> Ids:
    """Gives the class ids of a picture file, and keeps them as a PNG that says what it was made from.

    Args:
        segmenter: who looks.
        pictures: one file, or those of infrared and visible for late fusion.
        masks: the classes; the file holds the ids that the data set's own have.
        out: the PNG.

    Raises:
        ImageError: a picture is not readable.
    """
    source = hash_text(*segmenter.settings, *map(hash_file, pictures))
    if png_text(out).get(SOURCE_KEY) == source:
        with contextlib.suppress(ImageError):  # a damaged mask is made anew
            return read_predicted(out, masks)
    arrays = [read_image(picture) for picture in pictures]
    ids = segmenter.predict(*arrays) if len(arrays) == 1 else segmenter.predict_late(*arrays)
    write_png(out, masks.numbers[ids], {SOURCE_KEY: source})
    return ids


def read_given(folder: Path, pictures: Mapping[str, Path], masks: Masks, out: Path) -> dict[str, Ids]:
    """Reads the masks that another program predicted, and keeps them as this one's own are kept.

    Args:
        folder: with a mask of every picture, under its name.
        pictures: picture name to a file of its size.
        masks: the classes.
        out: the folder where they are kept.

    Returns:
        Picture name to class ids ``(H, W)``.

    Raises:
        InputError: the folder or a mask is missing, or a mask is of an unknown picture, another size or other classes.
    """
    files, twice = images_by_stem(folder)
    missing, unknown = sorted(pictures.keys() - files.keys()), sorted(files.keys() - pictures.keys())
    if missing or unknown or twice:
        odd = [*(f"{name} missing" for name in missing), *(f"{name} unknown" for name in unknown)]
        raise InputError(
            f"expected a mask of every picture in {folder}, found {', '.join([*odd, *map(str, twice)][:4])}"
        )
    found = {}
    for name, picture in pictures.items():
        try:
            found[name] = read_predicted(files[name], masks)
            check_size(found[name], image_size(picture), files[name])
        except ImageError as error:
            raise InputError(str(error)) from error
        write_png(out / f"{name}.png", masks.numbers[found[name]])
    return found
