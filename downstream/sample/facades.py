"""House fronts: windows, doors and shops drawn flat and laid onto the walls in perspective."""

from dataclasses import dataclass

import cv2
import numpy as np

from downstream.sample.buffers import Buffers
from downstream.sample.canvas import Floats, Points
from downstream.sample.scene import Scene

_WALLS = (
    (0.36, 0.2, 0.14),
    (0.5, 0.44, 0.34),
    (0.42, 0.41, 0.39),
    (0.58, 0.52, 0.42),
    (0.3, 0.27, 0.25),
    (0.55, 0.55, 0.53),
    (0.42, 0.3, 0.22),
)
_BOARDS = ((0.5, 0.05, 0.05), (0.04, 0.15, 0.45), (0.6, 0.45, 0.05), (0.05, 0.3, 0.15), (0.7, 0.68, 0.62))


@dataclass(frozen=True)
class Front:
    """One wall.

    Attributes:
        corners_m: World corners (4, 3): top left, top right, bottom right, bottom left of its texture.
        length_m: Its length.
        height_m: Its height.
        sun: How much sun it gets, 0..1.
        style: Seed of its house's looks.
    """

    corners_m: Points
    length_m: float
    height_m: float
    sun: float
    style: int


def paint_front(buffers: Buffers, scene: Scene, front: Front) -> None:
    """Draw a wall and lay it into the buffers in perspective."""
    camera = scene.camera
    corners_px = camera.project(front.corners_m)
    limit = (camera.width_px, camera.height_px)
    x0, y0 = (int(v) for v in np.clip(np.floor(corners_px.min(axis=0)), 0, limit))
    x1, y1 = (int(v) for v in np.clip(np.ceil(corners_px.max(axis=0)), 0, limit))
    if x1 - x0 < 1 or y1 - y0 < 1:
        return
    nearest = float(front.corners_m[:, 2].min())
    per_metre = float(np.clip(camera.scale(max(nearest * 1.5, 6.0)), 3.0, 60.0))
    look, glow = _draw_front(scene, front, per_metre)
    height, width = look.shape[:2]
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(flat, (corners_px - np.array([x0, y0])).astype(np.float32))
    size = (x1 - x0, y1 - y0)
    look = cv2.warpPerspective(look, matrix, size, flags=cv2.INTER_LINEAR).astype(np.float32)
    glow = cv2.warpPerspective(glow, matrix, size, flags=cv2.INTER_LINEAR).astype(np.float32)
    cover = glow[..., 3:]
    window = (slice(y0, y1), slice(x0, x1))
    buffers.colour[window] = buffers.colour[window] * (1 - cover) + look[..., :3]
    buffers.glow[window] = buffers.glow[window] * (1 - cover) + glow[..., :3]
    buffers.heat[window] = buffers.heat[window] * (1 - cover[..., 0]) + look[..., 3]
    solid = cover[..., 0] > 0.5
    depth_m = _column_depths(scene, front, x0, x1)
    buffers.depth_m[window] = np.where(solid, depth_m[None, :], buffers.depth_m[window])
    buffers.sun[window] = np.where(solid, front.sun, buffers.sun[window])
    buffers.ground[window] &= ~solid
    buffers.classes[window][solid] = 0


def _column_depths(scene: Scene, front: Front, x0: int, x1: int) -> Floats:
    """Depth of an upright wall in the picture columns x0 .. x1 - 1: its inverse is linear in the column."""
    left, right = front.corners_m[0], front.corners_m[1]
    line = left[None] + (right - left)[None] * np.linspace(0, 1, 9)[:, None]
    columns_px = scene.camera.project(line)[:, 0]
    order = np.argsort(columns_px)
    inverse = np.interp(np.arange(x0, x1) + 0.5, columns_px[order], 1 / np.maximum(line[order, 2], 0.5))
    return np.asarray(1 / inverse, dtype=np.float32)


def _draw_front(scene: Scene, front: Front, per_metre: float) -> tuple[Floats, Floats]:
    """Draw a wall flat: look (h, w, 4) of colour and warmth, glow (h, w, 4) of own light and coverage."""
    rng = np.random.default_rng(front.style)
    height, width = max(int(front.height_m * per_metre), 4), max(int(front.length_m * per_metre), 4)
    warm = scene.mood.ground_heat + float(rng.uniform(-0.03, 0.06)) + (0.02 * front.sun if not scene.night else 0)
    look: Floats = np.empty((height, width, 4), np.float32)
    glow: Floats = np.zeros((height, width, 4), np.float32)
    look[:] = (*_WALLS[rng.integers(len(_WALLS))], warm)
    glow[..., 3] = 1
    _weather(rng, look)
    if rng.random() < 0.5:  # courses of brick or panels
        course = max(int(float(rng.choice([0.25, 1.2])) * per_metre), 3)
        look[::course, :, :3] *= 0.8
    floors = max(int(front.height_m / 3.2), 1)
    wide, gap = float(rng.uniform(0.9, 1.8)), float(rng.uniform(0.8, 1.8))
    shop = rng.random() < 0.4
    lit_share = float(rng.uniform(0.08, 0.4)) if scene.night else 0.0
    for floor in range(floors):
        top = int((front.height_m - (floor + 1) * front.height_m / floors + 0.7) * per_metre)
        bottom = top + int(1.5 * per_metre)
        for start in np.arange(gap * 0.7, front.length_m - wide - 0.2, wide + gap):
            columns = (int(start * per_metre), int((start + wide) * per_metre))
            if floor == 0 and shop:
                continue
            _window(rng, look, glow, (top, bottom), columns, warm, lit_share, scene.night)
    if shop:
        _shop(rng, look, glow, per_metre, warm, scene.night)
    look[: max(int(0.3 * per_metre), 1), :, :3] *= 0.7
    look[: max(int(0.3 * per_metre), 1), :, 3] -= 0.02
    look[-max(int(0.4 * per_metre), 1) :, :, :3] *= 0.75
    return look, glow


def _weather(rng: np.random.Generator, look: Floats) -> None:
    """Stain the wall, and let it be warmer near the ground, where it is sheltered."""
    height, width = look.shape[:2]
    for cells, amount in ((5, 0.06), (30, 0.05)):
        coarse = rng.standard_normal((max(cells * height // width, 2) + 1, cells + 1)).astype(np.float32)
        stain = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
        look[..., :3] *= np.clip(1 + amount * stain, 0.5, 1.5)[..., None]
        look[..., 3] += 0.008 * stain
    look[..., 3] += np.linspace(-0.025, 0.025, height, dtype=np.float32)[:, None]


def _window(
    rng: np.random.Generator,
    look: Floats,
    glow: Floats,
    rows: tuple[int, int],
    columns: tuple[int, int],
    warm: float,
    lit_share: float,
    night: bool,
) -> None:
    top, bottom = rows
    left, right = columns
    edge = max((right - left) // 12, 1)
    frame = 0.6 if rng.random() < 0.5 else 0.1
    look[top:bottom, left:right] = (frame, frame, frame, warm + 0.035)
    pane = (slice(top + edge, bottom - edge), slice(left + edge, right - edge))
    rise = np.linspace(1.5, 0.6, max(bottom - top - 2 * edge, 0), dtype=np.float32)[:, None]
    shape = look[pane].shape
    look[pane] = np.array([0.07, 0.09, 0.11, warm - 0.045 if not night else warm + 0.02], np.float32)
    if shape[0] != rise.shape[0] or 0 in shape:
        return
    if not night:
        glow[(*pane, slice(0, 3))] = (
            rise[..., None] * np.array([0.1, 0.13, 0.17], np.float32) * float(rng.uniform(0.3, 1.4))
        )
    elif rng.random() < lit_share:
        tint = np.array([1.0, 0.85, 0.55] if rng.random() < 0.6 else [0.9, 1.0, 0.9], np.float32)
        glow[(*pane, slice(0, 3))] = tint * float(rng.uniform(0.25, 1.3)) * (0.6 + 0.4 * rise[..., None])
        look[(*pane, 3)] += 0.03
    if rng.random() < 0.4:  # a curtain or blind
        share = float(rng.uniform(0.2, 0.6))
        blind = (pane[0], slice(left + edge, left + edge + max(int((right - left) * share), 1)))
        glow[(*blind, slice(0, 3))] *= 0.45
        look[(*blind, slice(0, 3))] = 0.4
    middle = (left + right) // 2
    look[top:bottom, middle : middle + edge, :3] = frame
    glow[top:bottom, middle : middle + edge, :3] = 0


def _shop(rng: np.random.Generator, look: Floats, glow: Floats, per_metre: float, warm: float, night: bool) -> None:
    """Give the ground floor shop windows, doors and a coloured board with something like writing."""
    height, width = look.shape[:2]
    top, base = height - int(2.6 * per_metre), height - int(0.4 * per_metre)
    board = (max(top - int(0.7 * per_metre), 0), max(top, 1))
    look[board[0] : board[1], :, :3] = _BOARDS[rng.integers(len(_BOARDS))]
    if night and rng.random() < 0.4:
        glow[board[0] : board[1], :, :3] = look[board[0] : board[1], :, :3] * 0.5
    letters = rng.random(max(int(width / per_metre * 4), 2)) < 0.55
    mask = cv2.resize(letters[None].astype(np.float32), (width, 1), interpolation=cv2.INTER_NEAREST)[0] > 0.5
    mask &= np.mod(np.arange(width) / per_metre, 5.0) < 3.0
    script = slice(board[0] + int(0.2 * per_metre), max(board[1] - int(0.2 * per_metre), 1))
    look[script, mask, :3] = 0.8
    lit = night and rng.random() < 0.5
    shown = np.array([0.8, 0.75, 0.6], np.float32) * float(rng.uniform(0.3, 0.9))
    bay = max(int(2.2 * per_metre), 4)
    for left in range(int(0.3 * per_metre), width - bay // 2, bay):
        pane = (slice(max(top, 0) + 1, base), slice(left, min(left + int(bay * 0.88), width)))
        look[pane] = (0.06, 0.07, 0.08, warm - 0.03 if not night else warm + 0.03)
        if lit:
            glow[(*pane, slice(0, 3))] = shown * _shelves(rng, look[pane].shape[0], look[pane].shape[1])
        elif not night:
            glow[(*pane, slice(0, 3))] = np.array([0.06, 0.08, 0.1], np.float32)


def _shelves(rng: np.random.Generator, height: int, width: int) -> Floats:
    """What stands in a lit shop window: blocks of different brightness (height, width, 1)."""
    blocks = rng.uniform(0.15, 0.8, (5, 6)).astype(np.float32)
    blocks[0] = 1.0
    if 0 in (height, width):
        return np.ones((height, width, 1), np.float32)
    return cv2.resize(blocks, (width, height), interpolation=cv2.INTER_NEAREST)[..., None].astype(np.float32)
