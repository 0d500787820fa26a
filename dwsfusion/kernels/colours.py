"""Luma and chroma to RGB, pixel by pixel, with the roundings of the plain torch operations."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dwsfusion.kernels.compile import compiled_exactly
from dwsfusion.kernels.rows import arrays


def coloured(y: Tensor, vis: Tensor) -> NDArray[np.uint8]:
    """Does what `dwsfusion.images.coloured` does."""
    rgb = np.empty((*y.shape[2:], 3), np.uint8)
    _colour(*arrays(y[0, 0], vis[0]), rgb)
    return rgb


def luma(rgb: Tensor) -> Tensor:
    """Does what `dwsfusion.images.luma` does, in this thread."""
    (pictures,) = arrays(rgb)
    out = np.empty((len(pictures), 1, *pictures.shape[2:]), pictures.dtype)
    _luma(pictures, out)
    return torch.from_numpy(out)


@compiled_exactly
def _luma(pictures, out):  # type: ignore[no-untyped-def]
    """Pictures ``(B, 3, H, W)`` to their luma ``(B, 1, H, W)``."""
    real = out.dtype.type
    zero, one = real(0), real(1)
    for b in range(len(pictures)):
        for y in range(out.shape[2]):
            red, green, blue, line = pictures[b, 0, y], pictures[b, 1, y], pictures[b, 2, y], out[b, 0, y]
            for x in range(len(line)):
                value = real(0.299) * red[x] + real(0.587) * green[x] + real(0.114) * blue[x]
                line[x] = _clamped(value, zero, one)


@compiled_exactly
def _colour(luma, vis, rgb):  # type: ignore[no-untyped-def]
    """Luma ``(H, W)`` and colours ``(3, H, W)`` to RGB ``(H, W, 3)``."""
    real, (height, width) = luma.dtype.type, luma.shape
    zero, half, one, full = real(0), real(0.5), real(1), real(255)
    for row in range(height):
        for x in range(width):
            r, g, b = vis[0, row, x], vis[1, row, x], vis[2, row, x]
            seen = _clamped(real(0.299) * r + real(0.587) * g + real(0.114) * b, zero, one)
            cr = _clamped((r - seen) * real(0.713) + half, zero, one) - half
            cb = _clamped((b - seen) * real(0.564) + half, zero, one) - half
            y = luma[row, x]
            rgb[row, x, 0] = np.uint8(_clamped(y + real(1.403) * cr, zero, one) * full)
            rgb[row, x, 1] = np.uint8(_clamped(y - real(0.714) * cr - real(0.344) * cb, zero, one) * full)
            rgb[row, x, 2] = np.uint8(_clamped(y + real(1.773) * cb, zero, one) * full)


@compiled_exactly
def _clamped(value, low, high):  # type: ignore[no-untyped-def]
    """A number, between two others."""
    value = low if value < low else value
    return high if value > high else value
