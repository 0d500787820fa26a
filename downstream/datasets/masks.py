"""Files of masks: class ids, palettes or colours, into positions of the card's classes."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from downstream.datasets.card import IGNORED, Ids, Masks
from dwsfusion.decoding import opened
from dwsfusion.errors import ImageError

Pixels = NDArray[Any]
_LOSSY = (".jpg", ".jpeg", ".webp")
_FEW_BITS = "L;4", "L;2", "L;1"


def read_mask(path: Path, masks: Masks) -> Ids:
    """Reads the true classes of a picture: uint8 ``(H, W)``, positions in the card's classes, or `IGNORED`.

    Raises:
        ImageError: the file is no readable picture without loss, or holds ids or colours that the card does not know.
    """
    if path.suffix.lower() in _LOSSY:
        raise ImageError(f"{path}: expected a mask in a format without loss such as PNG, for {path.suffix} blurs ids")
    pixels = _read_pixels(path)
    if masks.coloured:
        return _by_colour(pixels, masks, path)
    if pixels.ndim != 2:
        raise ImageError(
            f"{path}: expected class ids in one channel, found {pixels.shape[2]} channels: are these colours? Then say "
            "'coloured: true' in the card"
        )
    return _by_number(pixels, masks, masks.ignored, path)


def read_predicted(path: Path, masks: Masks) -> Ids:
    """Reads a predicted mask: uint8 ``(H, W)``, positions in the card's classes.

    Raises:
        ImageError: the file is no readable picture without loss, or holds ids or colours that are no class.
    """
    if path.suffix.lower() in _LOSSY:
        raise ImageError(f"{path}: expected a mask in a format without loss such as PNG, for {path.suffix} blurs ids")
    pixels = _read_pixels(path)
    return _by_colour(pixels, masks, path) if pixels.ndim == 3 else _by_number(pixels, masks, (), path)


def check_size(label: Ids, size: tuple[int, ...], path: Path) -> None:
    """Refuses a mask of another size, (height, width) in pixels, than its picture.

    Raises:
        ImageError: the sizes differ.
    """
    if label.shape != tuple(size):
        found, expected = (f"{width}x{height}" for height, width in (label.shape, size))
        raise ImageError(f"{path}: expected a label of its picture's {expected} pixels, found {found}")


def _read_pixels(path: Path) -> Pixels:
    """``(H, W)`` ids, those of a palette and not its colours, or uint8 RGB ``(H, W, 3)``."""
    with opened(path, "label picture") as image:
        bits = _grey_bits(image)
        image.load()
        mode, pixels = image.mode, np.asarray(image)
    if mode in ("L", "P") or mode.startswith("I;16"):
        # Fewer than eight bits of grey are stretched to eight when they are decoded.
        return pixels // (255 // (2**bits - 1)) if bits < 8 else pixels
    if mode == "1":
        return pixels.astype(np.uint8)
    if mode == "I" and pixels.min() >= 0 and pixels.max() <= 65535:
        return pixels.astype(np.uint16)
    if mode in ("RGB", "RGBA"):
        return pixels[..., :3]
    raise ImageError(f"{path}: expected class ids in one channel, or RGB, found mode {mode}")


def _by_number(pixels: Pixels, masks: Masks, ignored: Collection[int], path: Path) -> Ids:
    table = np.full(65536, -1, np.int32)
    table[masks.numbers] = range(len(masks.classes))
    table[list(ignored)] = IGNORED
    found = table[pixels]
    if (unknown := found < 0).any():
        known, ids = [*masks.numbers.tolist(), *ignored], ", ".join(map(str, np.unique(pixels[unknown])[:5]))
        raise ImageError(
            f"{path}: expected ids of {', '.join(map(str, known))}, found {ids} in {100 * unknown.mean():.2f} % of the "
            "pixels: is it a mask of another data set? What may be passed over stands as 'ignored' in the card"
        )
    return found.astype(np.uint8)


def _grey_bits(image: Image.Image) -> int:
    """Bits of a grey PNG's pixel in its file; 8 where it says nothing."""
    tiles = getattr(image, "tile", None)
    raw = tiles[0][3] if tiles else None
    raw = raw[0] if isinstance(raw, tuple) else raw
    return int(str(raw)[2:]) if raw in _FEW_BITS else 8


def _by_colour(pixels: Pixels, masks: Masks, path: Path) -> Ids:
    if pixels.ndim != 3:
        raise ImageError(f"{path}: expected the colours of the card in RGB, found one channel of {pixels.dtype}")
    packed = pixels.astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    found = np.full(packed.shape, -1, np.int32)
    for position, entry in enumerate(masks.classes):
        red, green, blue = entry.colour
        found[packed == 65536 * red + 256 * green + blue] = position
    if (unknown := found < 0).any():
        red, green, blue = pixels[unknown][0]
        raise ImageError(
            f"{path}: expected the colours of the card, found others in {100 * unknown.mean():.2f} % of the pixels, "
            f"such as {red}, {green}, {blue}"
        )
    return found.astype(np.uint8)
