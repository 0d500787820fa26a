"""Zoom boxes: which details of a scene to enlarge, and where in the panels the enlargements go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from dwsfusion.errors import InputError
from dwsfusion.images import Array

MAX_ZOOMS = 2
ZOOM_COLOURS = ("#ff2a2a", "#2be52b")
_MIN_SIDE_PX = 4
_MAX_SHARE = 0.25
_INSET_SHARES = (0.44, 0.38, 1 / 3)
"""What an inset takes of the panel's sides, at most; the smaller where the larger would cover a box."""
_AUTO_SHARE, _MARGIN_SHARE = 0.16, 0.04
_STRONG_EDGE = 40.0
"""Grey levels a pixel at which an edge counts in full, so that no lamp outweighs a tree's texture."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_LINE_PT = 0.8

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """A rectangle in a picture, in pixels from the upper left corner."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    def cut(self, picture: Array) -> Array:
        """The part ``(height, width, ...)`` of a picture ``(H, W, ...)``."""
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]

    def overlaps(self, other: "Region") -> bool:
        """Whether the two have a pixel in common."""
        across = self.x < other.x + other.width and other.x < self.x + self.width
        return across and self.y < other.y + other.height and other.y < self.y + self.height


def parse_zoom(text: str) -> Region:
    """Reads ``X,Y,W,H``.

    Raises:
        InputError: it is not four whole numbers, or the box is less than 4 pixels wide or high.
    """
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(
            f"expected a zoom box X,Y,W,H in whole pixels, such as 320,200,64,48, found {text!r}"
        ) from error
    if min(x, y) < 0 or min(width, height) < _MIN_SIDE_PX:
        raise InputError(
            f"expected a zoom box X,Y,W,H from 0,0 on, {_MIN_SIDE_PX} pixels or more a side, found {text!r}"
        )
    return Region(x, y, width, height)


def check_zooms(zooms: Sequence[Region], size: tuple[int, int]) -> None:
    """Refuses zoom boxes that cannot be shown in a picture.

    A box of more than a quarter of a side would hardly be enlarged, and might leave no corner free.

    Args:
        zooms: the boxes.
        size: height and width of the picture in pixels.

    Raises:
        InputError: there are more than two, or one is not within the picture or too large.
    """
    height, width = size
    if len(zooms) > MAX_ZOOMS:
        raise InputError(f"expected at most {MAX_ZOOMS} zoom boxes, found {len(zooms)}")
    for zoom in zooms:
        if zoom.x + zoom.width > width or zoom.y + zoom.height > height:
            raise InputError(f"expected zoom boxes within {width}x{height} pixels, found {zoom}")
        if zoom.width > _MAX_SHARE * width or zoom.height > _MAX_SHARE * height:
            largest = f"{int(_MAX_SHARE * width)}x{int(_MAX_SHARE * height)}"
            raise InputError(
                f"expected zoom boxes up to {largest} pixels, a quarter of the picture's sides, found {zoom}"
            )


def choose_zooms(ir: Array, vis: Array) -> list[Region]:
    """Finds what each camera sees alone.

    The first box is where infrared stands out from its surroundings more than visible does: the warm person
    in the dark. The second is where visible has more fine detail than infrared: foliage, a sign. Both are
    squares of 16 % of the shorter side, off the borders and apart; one that gains nothing is left out. The
    same pictures always give the same boxes.

    Args:
        ir: uint8 ``(H, W)`` or RGB ``(H, W, 3)``.
        vis: the same, of the same size.
    """
    side = max(_MIN_SIDE_PX, round(_AUTO_SHARE * min(ir.shape[:2])))
    ir_y, vis_y = _luma(ir), _luma(vis)
    gains = (
        _salience(ir_y, side) - _salience(vis_y, side),
        _detail(vis_y, side) - _detail(ir_y, side),
    )
    zooms: list[Region] = []
    for gain in gains:
        best = _best_square(gain, side, zooms)
        if best is not None:
            zooms.append(best)
    return zooms


def place_insets(zooms: Sequence[Region], size: tuple[int, int]) -> list[Region]:
    """Finds a corner for the enlargement of each zoom box, so that no inset covers a zoom box.

    Args:
        zooms: boxes that `check_zooms` lets pass: then there always is such a corner.
        size: height and width of the picture in pixels.
    """
    for places in _corner_places(zooms, size):
        if not any(place.overlaps(zoom) for place in places for zoom in zooms):
            return places
    raise InputError("expected zoom boxes that leave a corner free, found none: choose smaller ones")


def draw_zooms(panel: Axes, picture: Array, zooms: Sequence[Region]) -> None:
    """Draws the zoom boxes and their enlarged insets over a picture.

    Args:
        panel: axes in pixel coordinates that show the picture.
        picture: uint8 RGB ``(H, W, 3)``.
        zooms: the boxes.
    """
    height, width = picture.shape[:2]
    for zoom, place, colour in zip(zooms, place_insets(zooms, (height, width)), ZOOM_COLOURS, strict=False):
        extent = (place.x, place.x + place.width, place.y + place.height, place.y)
        panel.imshow(zoom.cut(picture), extent=extent, aspect="auto", interpolation="lanczos", zorder=3)
        for region in (zoom, place):
            panel.add_patch(_frame(region, colour))
    panel.set(xlim=(0, width), ylim=(height, 0))


def _frame(region: Region, colour: str) -> Rectangle:
    corner = (region.x, region.y)
    return Rectangle(corner, region.width, region.height, fill=False, edgecolor=colour, linewidth=_LINE_PT, zorder=4)


def _corner_places(zooms: Sequence[Region], size: tuple[int, int]) -> Iterator[list[Region]]:
    """All ways to put the insets into different corners: first at the bottom, mostly road, and large."""
    height, width = size
    for corners in permutations(((0, 1), (1, 1), (0, 0), (1, 0)), len(zooms)):
        for share in _INSET_SHARES:
            places = []
            for (right, bottom), zoom in zip(corners, zooms, strict=True):
                scale = share * min(width / zoom.width, height / zoom.height)
                w, h = round(zoom.width * scale), round(zoom.height * scale)
                places.append(Region(right * (width - w), bottom * (height - h), w, h))
            yield places


def _luma(picture: Array) -> Plane:
    plane = picture.astype(np.float32)
    return plane if plane.ndim == 2 else plane @ _LUMA


def _salience(y: Plane, side_px: int) -> Plane:
    """How far the surroundings of each pixel differ from the wider surroundings, in grey levels."""
    return _blur(np.abs(y - _blur(y, 1.5 * side_px)), side_px / 4)


def _detail(y: Plane, side_px: int) -> Plane:
    """How steep the edges around each pixel are, in grey levels a pixel."""
    steps = np.abs(np.diff(y, axis=1, prepend=y[:, :1])) + np.abs(np.diff(y, axis=0, prepend=y[:1]))
    return _blur(np.minimum(steps, _STRONG_EDGE), side_px / 4)


def _blur(plane: Plane, sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), np.float32)


def _best_square(gain: Plane, side: int, taken: Sequence[Region]) -> Region | None:
    """The square around the largest positive gain, off the borders and clear of those taken."""
    height, width = gain.shape
    border = round(_MARGIN_SHARE * min(height, width))
    near, gap = border + side // 2, side + side // 8
    allowed = np.full_like(gain, -np.inf)
    inner = (slice(near, height - side + side // 2 - border), slice(near, width - side + side // 2 - border))
    allowed[inner] = gain[inner]
    for region in taken:
        x, y = region.x + side // 2, region.y + side // 2
        allowed[max(0, y - gap) : y + gap + 1, max(0, x - gap) : x + gap + 1] = -np.inf
    row, column = np.unravel_index(int(allowed.argmax()), allowed.shape)
    if not allowed[row, column] > 0:
        return None
    return Region(int(column) - side // 2, int(row) - side // 2, side, side)
