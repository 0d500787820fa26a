"""What the metrics look at: grey levels, and what is computed from one picture only once."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from dwsfusion.errors import ImageError
from dwsfusion.images import MIN_SIDE_PX, Array, luma, vis_tensor

Kept = TypeVar("Kept")


class Picture:
    """Grey levels of some pictures of one size, and whatever the metrics have computed from them.

    A source is compared with many fused pictures; what depends on it alone is computed at the first of them.

    Args:
        y: float ``(B, 1, H, W)``, whole grey levels 0..255; B may be 1 in a source and more in the fused.

    Raises:
        ImageError: another shape, a side under 16 pixels, NaN, levels outside 0..255 or between two levels.
    """

    def __init__(self, y: Tensor) -> None:
        if y.ndim != 4 or y.shape[1] != 1 or not y.is_floating_point():
            raise ImageError(f"expected float grey levels (B, 1, H, W), found {y.dtype} {tuple(y.shape)}")
        if min(y.shape[-2:]) < MIN_SIDE_PX:
            raise ImageError(f"{y.shape[-1]}x{y.shape[-2]} pixels: both sides must be at least {MIN_SIDE_PX}")
        if not bool(((y >= 0) & (y <= 255) & (y == y.round())).all()):
            raise ImageError("expected whole grey levels 0..255, found others or NaN: make them with grey_levels")
        self.y = y
        self._kept: dict[Callable[[Tensor], object], object] = {}

    def once(self, compute: Callable[[Tensor], Kept]) -> Kept:
        """What `compute` makes of the grey levels; computed at the first request."""
        if compute not in self._kept:
            self._kept[compute] = compute(self.y)
        return self._kept[compute]  # type: ignore[return-value]  # kept under the function that made it


def grey_levels(*images: Array) -> Tensor:
    """Gives pictures of one size as grey levels: the luma of BT.601, rounded to whole levels 0..255.

    Args:
        images: uint8 or uint16, ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` in RGB order; 65535 of 16 bit is 255.

    Returns:
        float32 ``(B, 1, H, W)``.

    Raises:
        ImageError: the pictures differ in size.
        InputError: another type or shape.
    """
    sizes = {image.shape[:2] for image in images}
    if len(sizes) > 1:
        found = " and ".join(f"{width}x{height}" for height, width in sorted(sizes))
        raise ImageError(f"expected pictures of one size, found {found} pixels: resize the fused to the source's size")
    return torch.cat([_grey(image) for image in images])


def sum_pixels(x: Tensor) -> Tensor:
    """Sum over each picture in double precision where the device has it: ``(B, 1, H, W)`` to ``(B,)``."""
    return x.sum((1, 2, 3), dtype=None if x.device.type == "mps" else torch.float64)


def mean_pixels(x: Tensor) -> Tensor:
    """Mean over each picture: ``(B, 1, H, W)`` to ``(B,)``."""
    return sum_pixels(x) / x[0].numel()


def ratio(part: Tensor, whole: Tensor, otherwise: float) -> Tensor:
    """`part` / `whole`, and a chosen value where `whole` is 0."""
    empty = whole == 0
    return torch.where(empty, otherwise, part / torch.where(empty, 1, whole))


def _grey(image: Array) -> Tensor:
    if image.ndim == 2 and image.dtype == np.uint8:
        return torch.from_numpy(image.astype(np.float32))[None, None]
    return (luma(vis_tensor(image)) * 255).round()
