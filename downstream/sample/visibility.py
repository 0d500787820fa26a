"""How well an object stands out in a picture, and the retouching that makes a planned contrast real."""

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from downstream.sample.canvas import Floats

HIDDEN_BELOW = 5.0  # grey levels (of 255): about twice the noise, and no more than the background's own texture
SEEN_ABOVE = 13.0
_AIM = 18.0
_BANDS = 4


def contrast(picture: Floats, mask: NDArray[np.bool_], others: NDArray[np.bool_] | None = None) -> float:
    """Measure how much an object differs from what surrounds it.

    The object is cut into four bands from top to bottom, each compared with the ring around the object at the
    same height: so neither a dark coat over light trousers nor a background that changes from wall to road
    deceives the measure.

    Args:
        picture: (height, width) or (height, width, 3), 0..255.
        mask: (height, width), where the object shows.
        others: (height, width), pixels to leave out of the ring (other objects).

    Returns:
        The root mean square over the bands of the difference between the means inside and around, in grey
        levels; of the colour channel that differs most.
    """
    window = _around(mask)
    cut = mask[window]
    layers = np.atleast_3d(picture[window]).astype(np.float32)
    wide = cv2.dilate(cut.astype(np.uint8), np.ones((3, 2 * _reach(cut) + 1), np.uint8)) > 0
    near = cv2.dilate(cut.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    ring = wide & ~near
    if others is not None and (ring & ~others[window]).sum() > 0.3 * ring.sum():
        ring &= ~others[window]
    rows = np.flatnonzero(cut.any(axis=1))
    edges = np.linspace(rows[0], rows[-1] + 1, _BANDS + 1).astype(int)
    differences, weights = [], []
    for low, high in itertools.pairwise(edges):
        inside, outside = cut[low:high], ring[low:high]
        if inside.any() and outside.any():
            band = layers[low:high]
            differences.append(band[inside].mean(axis=0) - band[outside].mean(axis=0))
            weights.append(float(inside.sum()))
    if not weights:
        return 0.0
    square = np.average(np.square(differences), axis=0, weights=weights)
    return float(np.sqrt(square.max()))


def strengthen(picture: Floats, mask: NDArray[np.bool_], others: NDArray[np.bool_]) -> None:
    """Make an object that ought to be seen stand out, as a little more light or warmth on it would.

    Args:
        picture: (height, width) or (height, width, 3), 0..255; changed in place.
        mask: (height, width), where the object shows.
        others: (height, width), pixels of other objects.
    """
    window = _around(mask)
    soft = cv2.GaussianBlur(mask[window].astype(np.float32), (0, 0), 0.6)
    soft = soft if picture.ndim == 2 else soft[..., None]
    for _ in range(4):
        now = contrast(picture, mask, others)
        if now >= SEEN_ABOVE + 2.0:
            return
        inside = float(picture[mask].mean())
        ring = mask[window] ^ (cv2.dilate(mask[window].astype(np.uint8), np.ones((7, 7), np.uint8)) > 0)
        outside = float(picture[window][ring].mean()) if ring.any() else inside
        up = (inside >= outside and inside < 225) or outside < 2 * _AIM
        target = max(outside + _AIM, inside + 4) if up else min(outside - _AIM, inside - 4)
        factor = (target + 2.0) / (inside + 2.0)
        changed = np.clip((picture[window] + 2.0) * factor - 2.0, 0, 255)
        picture[window] += soft * (changed - picture[window])


def weaken(picture: Floats, mask: NDArray[np.bool_], others: NDArray[np.bool_]) -> None:
    """Make an object that must not be seen as light, or as warm, as what surrounds it at the same height.

    Args:
        picture: (height, width) or (height, width, 3), 0..255; changed in place.
        mask: (height, width), where the object shows.
        others: (height, width), pixels of other objects.
    """
    window = _around(mask)
    cut = mask[window]
    part = picture[window] if picture.ndim == 3 else picture[window][..., None]
    ring = (cv2.dilate(cut.astype(np.uint8), np.ones((3, 2 * _reach(cut) + 1), np.uint8)) > 0) & ~cut
    if (ring & ~others[window]).sum() > 0.3 * ring.sum():
        ring &= ~others[window]
    soft = np.maximum(cv2.GaussianBlur(cut.astype(np.float32), (0, 0), 0.8), cut)[..., None]
    for calm in (0.4, 1.0):  # what stands behind must not show through either
        inside, outside = _row_means(part, cut), _row_means(part, ring)
        quiet = inside + calm * (part - inside)
        part += soft * (np.clip(quiet * (outside + 2) / (inside + 2), 0, 255) - part)


def _reach(cut: NDArray[np.bool_]) -> int:
    """How wide a ring around the object counts as its surroundings, in pixels."""
    return max(2, round(0.08 * float(np.sqrt(cut.size))))


def _row_means(part: Floats, where: NDArray[np.bool_]) -> Floats:
    """Mean colour (height, 1, channels) of some pixels of each row, smoothed over the neighbouring rows."""
    sigma = max(part.shape[0] / 25, 1.0)
    total = (part * where[..., None]).sum(axis=1) + 1e-3 * part.mean(axis=(0, 1))
    count = where.sum(axis=1, keepdims=True) + 1e-3
    total, count = (
        cv2.GaussianBlur(v.astype(np.float32), (1, 2 * int(3 * sigma) + 1), sigmaX=0.1, sigmaY=sigma).reshape(v.shape)
        for v in (total, count.astype(np.float32))
    )
    return np.asarray((total / count)[:, None, :], dtype=np.float32)


def _around(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The mask's box with a margin."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    margin = 4 + max(rows[-1] - rows[0], columns[-1] - columns[0]) // 5
    return (
        slice(max(int(rows[0] - margin), 0), int(rows[-1] + margin + 1)),
        slice(max(int(columns[0] - margin), 0), int(columns[-1] + margin + 1)),
    )
