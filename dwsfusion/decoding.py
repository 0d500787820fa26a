"""What Pillow makes of a picture file, and what it makes of a broken one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from dwsfusion.errors import ImageError
from dwsfusion.tars import stored

Array = NDArray[Any]

FORMATS = ("PNG", "JPEG", "BMP", "DIB", "TIFF", "WEBP", "GIF", "PPM")
"""What a file may hold, whatever its suffix says; other decoders of Pillow would start other programs."""
_FEW_LEVELS = 64
"""16-bit colour that stays below this in its upper 8 bits was counted with fewer bits."""
_ORIENTATION_TAG = 0x0112
_PNG_SIGNATURE = 8
"""Bytes before a PNG's chunks, each of them: length, name, content, check sum."""
_LYING = (5, 6, 7, 8)
_UPRIGHT: dict[int, Callable[[Array], Array]] = {
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x.swapaxes(0, 1)[:, ::-1],
    7: lambda x: x.swapaxes(0, 1)[::-1, ::-1],
    8: lambda x: x.swapaxes(0, 1)[::-1],
}
"""By EXIF's orientation."""


@contextmanager
def opened(path: Path, what: str = "picture") -> Iterator[Image.Image]:
    """Opens a picture file, whose header alone is read.

    Args:
        path: the file, or a member of a tar (`dwsfusion.tars`).
        what: what should be in it, for messages.

    Raises:
        ImageError: it is missing, or whatever else goes wrong with it as long as it is open.
    """
    try:
        with Image.open(stored(path), formats=FORMATS) as image:
            yield image
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except Exception as error:  # decoders raise whatever they like
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ImageError(f"{path}: not a readable {what} ({reason})") from error


def pixels_of(image: Image.Image, path: Path, *, infrared: bool = False) -> Array:
    """Decodes an opened picture, upright: uint8 or uint16 ``(H, W)``, or uint8 RGB ``(H, W, 3)``.

    Args:
        image: it.
        path: its file.
        infrared: refuse a fourth channel with something in it: of both cameras in one file, three are the visible one.

    Raises:
        ImageError: there are several pictures, or their levels cannot be told.
    """
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:  # in MPO the others are previews
        raise ImageError(f"{path}: expected one picture, found several in one file: save the one to use alone")
    wide = image.mode.startswith("RGB") and any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    image.load()
    if infrared and image.mode == "RGBA" and len(set(image.getchannel("A").getextrema())) > 1:
        raise ImageError(
            f"{path}: expected infrared in one channel, found four: are the first three the visible picture, and the "
            "fourth infrared? Then say 'four_channels' in a card (--data-set), or save the fourth alone"
        )
    pixels = _levels(image, path)
    if wide and 0 < int(pixels.max()) < _FEW_LEVELS:
        raise ImageError(
            f"{path}: 16-bit colour that uses only counts up to about {(int(pixels.max()) + 1) << 8} of 65535, so "
            "of fewer bits: spread them over 16 bits, or save it with 8"
        )
    return np.ascontiguousarray(_UPRIGHT.get(_orientation(image), np.asarray)(pixels))


def size_of(image: Image.Image) -> tuple[int, int]:
    """(Height, width) of an opened picture in pixels, as `pixels_of` would give it."""
    lies = _orientation(image) in _LYING
    if image.format == "TIFF":
        if lies:
            image.load()  # turns it: some versions of Pillow have turned the size before, some have not
        return image.height, image.width
    return (image.width, image.height) if lies else (image.height, image.width)


def _orientation(image: Image.Image) -> int:
    """What EXIF says of where the top is, 1 to 8; 1, as it lies, where it cannot be read."""
    try:
        told = Image.Image.getexif(image) if _told_at_opening(image) else image.getexif()
        return int(told.get(_ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - the pixels do not depend on it, and parsers raise whatever they like
        return 1


def _told_at_opening(image: Image.Image) -> bool:
    """Whether all that a PNG says of itself stands before its pixels: else Pillow decodes these to see what follows."""
    if not isinstance(image, PngImageFile) or image.fp is None:
        return False
    place = image.fp.tell()
    try:
        image.fp.seek(_PNG_SIGNATURE)
        behind = False
        while len(head := image.fp.read(8)) == 8 and head[4:] != b"IEND":
            behind = behind or head[4:] == b"IDAT"
            if behind and head[4:] != b"IDAT":
                return False
            image.fp.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
        return head[4:] == b"IEND"
    finally:
        image.fp.seek(place)


def _levels(image: Image.Image, path: Path) -> Array:
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode in ("I", "F"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535 or (values != np.floor(values)).any():
            found = f"{image.mode} pixels from {values.min():g} to {values.max():g}"
            raise ImageError(f"{path}: expected 8- or 16-bit counts, found {found}: save them as 16-bit counts")
        return values.astype(np.uint16)
    if image.mode in ("1", "L", "LA"):
        return np.asarray(image.convert("L"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
