"""Pictures as a page holds them."""

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_KINDS = {"webp": "image/webp", "png": "image/png"}


def webp(picture: Image.Image, quality: int) -> bytes:
    """A picture as WebP."""
    return _encoded(picture, "WEBP", quality=quality, method=4)


def coloured_mask(ids: NDArray[np.uint8], colours: Sequence[str], size: tuple[int, int] | None = None) -> bytes:
    """Class ids ``(H, W)`` as a PNG in colours; class 0, and what is no class, are left transparent.

    Args:
        ids: of each pixel.
        colours: of each class, ``#rrggbb``.
        size: (width, height) in pixels to scale to; without it the mask's own.
    """
    known = np.where(ids < len(colours), ids, 0).astype(np.uint8)
    mask = Image.fromarray(known)
    if size is not None:
        mask = mask.resize(size, Image.Resampling.NEAREST)
    mask.putpalette([part for colour in colours for part in bytes.fromhex(colour[1:])])
    return _encoded(mask, "PNG", optimize=True, transparency=0, bits=4 if len(colours) <= 16 else 8)


def hex_colours(colours: Sequence[Sequence[int]]) -> list[str]:
    """RGB from 0 to 255 as ``#rrggbb``."""
    return ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours]


def data_url(suffix: str, content: bytes) -> str:
    """A picture file as an address that holds it.

    Args:
        suffix: ``webp`` or ``png``.
        content: the file.
    """
    return f"data:{_KINDS[suffix]};base64,{base64.b64encode(content).decode('ascii')}"


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    data = BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()
