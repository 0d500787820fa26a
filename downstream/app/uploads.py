"""What comes in over the network becomes a pair of picture files, or is refused like any file on disk."""

import os
from pathlib import Path

from downstream.sample import SampleConfig, pair_name, render_pair
from dwsfusion.errors import ImageError, InputError
from dwsfusion.images import image_size, write_png
from dwsfusion.pairs import Pair

MAX_BYTES = 32 * 1024 * 1024
"""Of one picture file."""
MAX_PIXELS = 12_000_000
"""Of one picture: fusing takes about 200 bytes a pixel."""
SAMPLE_SCENES = 8
INFRARED, VISIBLE = "infrared", "visible"


def keep_upload(body: bytes, infrared_bytes: int, folder: Path) -> Pair:
    """Puts two picture files, which came one behind the other, into a folder, and looks at their headers.

    Args:
        body: both files.
        infrared_bytes: how much of it is the infrared one.
        folder: an empty folder of this request alone.

    Raises:
        InputError: one is missing or has too many bytes.
        ImageError: one is no picture, or has too many pixels.
    """
    parts = {INFRARED: body[:infrared_bytes], VISIBLE: body[infrared_bytes:]}
    for name, content in parts.items():
        if not content:
            raise InputError(f"expected an infrared and a visible picture, found no {name} one: choose a file for it")
        if len(content) > MAX_BYTES:
            raise InputError(f"{name}: {_mib(len(content))} MiB, at most {_mib(MAX_BYTES)} are taken: save it smaller")
        (folder / name).write_bytes(content)
        _check_pixels(folder / name, name)
    return Pair("your pictures", folder / INFRARED, folder / VISIBLE)


def draw_sample(number: int, folder: Path) -> Pair:
    """Draws one of the sample scenes into a folder.

    Args:
        number: which, from 0; behind the last comes the first again.
        folder: an empty folder of this request alone.
    """
    index = number % SAMPLE_SCENES
    scene = render_pair(SampleConfig(), "test", index)
    write_png(folder / INFRARED, scene.ir)
    write_png(folder / VISIBLE, scene.vis)
    return Pair(f"sample scene {pair_name('test', index)}", folder / INFRARED, folder / VISIBLE)


def without_folder(text: str, folder: Path) -> str:
    """A message about a file of this request, without where it lies for a moment."""
    return text.replace(f"{folder}{os.sep}", "")


def _check_pixels(path: Path, name: str) -> None:
    height, width = image_size(path)
    if height * width > MAX_PIXELS:
        raise ImageError(
            f"{name}: {width}x{height} pixels, at most {MAX_PIXELS // 1_000_000} million are taken: make it smaller"
        )


def _mib(count: int) -> str:
    return f"{count / 1024 / 1024:.0f}"
