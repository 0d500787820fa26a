"""Infrared as an input: the camera's own files, or what a range shows of their counts."""

from collections.abc import Sequence
from pathlib import Path

from dwsfusion.folders import SOURCE_KEY, check_replaceable
from dwsfusion.images import grey_array, read_image, write_png
from dwsfusion.pairs import Pair
from dwsfusion.runs import hash_file, hash_text


def infrared_files(pairs: Sequence[Pair], ir_range: tuple[float, float] | None, folder: Path) -> dict[str, Path]:
    """Gives the files that show infrared alone, by the pairs' names.

    With a range these are 8-bit pictures in a folder of their own, so that whoever looks at them, a detector or a
    metric, sees what was fused. What is there and was made from the same file by the same range is used.

    Args:
        pairs: readable ones.
        ir_range: the counts that become black and white.
        folder: where pictures go.

    Raises:
        InputError: a file of a picture's name is there that was not made here.
    """
    return {pair.name: pair.ir if ir_range is None else _shown(pair, ir_range, folder) for pair in pairs}


def _shown(pair: Pair, ir_range: tuple[float, float], folder: Path) -> Path:
    path, source = folder / f"{pair.name}.png", hash_text("infrared", str(ir_range), hash_file(pair.ir))
    if check_replaceable(path) != source:
        write_png(path, grey_array(read_image(pair.ir), ir_range), {SOURCE_KEY: source})
    return path
