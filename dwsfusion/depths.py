"""A look at the infrared pictures of a folder before anything is made of them: how deep they are, what they count."""

import logging
from collections.abc import Sequence

import numpy as np

from dwsfusion.decoding import opened
from dwsfusion.errors import ImageError
from dwsfusion.images import raw_span, read_image
from dwsfusion.pairs import Pair

_LOOKED_AT = 8
_log = logging.getLogger(__name__)


def look_at_infrared(pairs: Sequence[Pair], ir_range: tuple[float, float] | None) -> None:
    """Warns of infrared pictures of several depths, and of raw counts for which no range was given.

    Depths are read from the headers of all pictures, counts from a few, evenly spaced. Unreadable pictures are passed
    over: who reads them later names them.

    Args:
        pairs: the pairs.
        ir_range: the counts that are shown as black and white, where they were given.
    """
    deep = {pair.name: depth for pair in pairs if (depth := _is_deep(pair)) is not None}
    names = {is_deep: [name for name, depth in deep.items() if depth == is_deep] for is_deep in (True, False)}
    if names[True] and names[False]:
        _log.warning(
            "infrared pictures of two depths: %d of 16 bit (%s), %d of 8 bit (%s): one camera has one depth, are they "
            "of one?", len(names[True]), names[True][0], len(names[False]), names[False][0]
        )  # fmt: skip
    counted = [pair for pair in pairs if deep.get(pair.name)]
    if ir_range is None and (spans := [span for pair in _some(counted) if (span := _span(pair))]):
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        _log.warning(
            "the 16-bit infrared pictures use only counts from about %d to %d of 65535, and will look washed out: "
            "give the range to show with --ir-range LOW HIGH, the same for every command", low, high
        )  # fmt: skip


def _is_deep(pair: Pair) -> bool | None:
    try:
        with opened(pair.ir) as image:
            return image.mode.startswith("I")
    except ImageError:
        return None


def _some(pairs: Sequence[Pair]) -> list[Pair]:
    places = np.linspace(0, len(pairs) - 1, min(_LOOKED_AT, len(pairs)))
    return [pairs[round(place)] for place in places]


def _span(pair: Pair) -> tuple[int, int] | None:
    try:
        return raw_span(read_image(pair.ir))
    except ImageError:
        return None
