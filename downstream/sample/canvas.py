"""The pinhole camera both pictures share, and the canvas one thing is drawn on.

World axes are metres: X to the right, Y up from the road, Z forward from the camera. Every thing is drawn on
its own small oversampled canvas that carries what both cameras need at once (colour, own light, warmth,
coverage), so that the two pictures and the mask cannot disagree about where it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Colour = tuple[float, float, float]

_SUBPIXEL_BITS = 4
_CIRCLE = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 14, endpoint=False)), np.sin(np.linspace(0, 2 * np.pi, 14, endpoint=False))],
    axis=1,
)


@dataclass(frozen=True)
class Camera:
    """A level pinhole camera above the road."""

    height_px: int
    width_px: int
    focal_px: float
    horizon_px: float
    eye_m: float

    def project(self, points_m: Points) -> Points:
        """Project world points (..., 3) in metres to picture points (..., 2) in pixels (x, y)."""
        per_metre = self.focal_px / np.maximum(points_m[..., 2], 0.5)
        points_px = np.empty((*points_m.shape[:-1], 2))
        points_px[..., 0] = self.width_px / 2 + per_metre * points_m[..., 0]
        points_px[..., 1] = self.horizon_px + per_metre * (self.eye_m - points_m[..., 1])
        return points_px

    def scale(self, z_m: float) -> float:
        """Return how many pixels one metre measures at the depth `z_m`."""
        return self.focal_px / max(z_m, 0.5)


@dataclass(frozen=True)
class Paint:
    """What a surface is to both cameras: reflectance (0..1, RGB), warmth (0..1) and own light (RGB, >= 0)."""

    colour: Colour
    heat: float
    glow: Colour = (0.0, 0.0, 0.0)

    def shaded(self, factor: float, warmer: float = 0.0) -> "Paint":
        """Return the same surface with its colour times `factor` and its warmth plus `warmer`."""
        red, green, blue = self.colour
        return Paint((red * factor, green * factor, blue * factor), self.heat + warmer, self.glow)


@dataclass(frozen=True)
class Frame:
    """Where a thing stands: its origin on the ground and its heading (0 = away from us, + = turned right)."""

    x_m: float
    z_m: float
    yaw_rad: float = 0.0
    y_m: float = 0.0

    def place(self, points: Sequence[Sequence[float]] | Points) -> Points:
        """Turn local points (N, 3), ordered (forward, up, right) in metres, into world points (N, 3)."""
        local = np.asarray(points, dtype=np.float64)
        sine, cosine = math.sin(self.yaw_rad), math.cos(self.yaw_rad)
        world = np.empty(local.shape)
        world[..., 0] = self.x_m + local[..., 0] * sine + local[..., 2] * cosine
        world[..., 1] = self.y_m + local[..., 1]
        world[..., 2] = self.z_m + local[..., 0] * cosine - local[..., 2] * sine
        return world


@dataclass
class Sprite:
    """One thing as drawn, ready to be put into the picture.

    Attributes:
        x_px: Left edge in the picture, may be negative.
        y_px: Top edge in the picture, may be negative.
        look: (h, w, 4) colour (RGB) and warmth, times coverage.
        glow: (h, w, 4) own light (RGB), times coverage, and coverage 0..1.
        z_m: Depth of the thing's foot.
    """

    x_px: int
    y_px: int
    look: Floats
    glow: Floats
    z_m: float


class Canvas:
    """An oversampled patch of the picture on which one thing is drawn, part by part, far parts first."""

    def __init__(self, camera: Camera, frame: Frame, size_m: Sequence[float]) -> None:
        """Open a canvas for a thing at `frame` of `size_m` = (length, height, width) in metres."""
        length_m, height_m, width_m = size_m
        corners = [
            (f, u, r)
            for f in (-length_m / 2, length_m / 2)
            for u in (-0.05, height_m)
            for r in (-width_m / 2, width_m / 2)
        ]
        corners_px = camera.project(frame.place(corners))
        limit_px = max(camera.width_px, camera.height_px)  # no patch may outgrow the picture without bound
        low = np.maximum(np.floor(corners_px.min(axis=0)).astype(int) - 3, -limit_px)
        high = np.minimum(np.ceil(corners_px.max(axis=0)).astype(int) + 3, 2 * limit_px)
        self.camera, self.frame = camera, frame
        self.x_px, self.y_px = int(low[0]), int(low[1])
        self.width_px, self.height_px = max(int(high[0] - low[0]), 2), max(int(high[1] - low[1]), 2)
        area_px = self.width_px * self.height_px
        self.zoom = 3 if area_px < 12000 else 2 if area_px < 90000 else 1
        shape = (self.height_px * self.zoom, self.width_px * self.zoom, 4)
        self.look: Floats = np.zeros(shape, np.float32)
        self.glow: Floats = np.zeros(shape, np.float32)

    def polygon(self, points: Sequence[Sequence[float]] | Points, paint: Paint) -> None:
        """Fill a polygon of local points (N, 3) (forward, up, right) in metres."""
        self._fill(self._to_canvas(self.frame.place(points)), paint)

    def stroke(self, points: Sequence[Sequence[float]] | Points, width_m: float, paint: Paint) -> None:
        """Draw a line of constant thickness `width_m` through local points (N, 3), at least ~1 px."""
        world = self.frame.place(points)
        scale = self.camera.scale(float(world[:, 2].mean()))
        thickness = max(round(width_m * scale * self.zoom), self.zoom - 1, 1)
        corners = [np.round(self._to_canvas(world) * 2**_SUBPIXEL_BITS).astype(np.int32)]
        for image, value in self._layers(paint):
            cv2.polylines(image, corners, False, value, thickness, cv2.LINE_8, _SUBPIXEL_BITS)

    def blob(self, balls: Sequence[Sequence[float]], paint: Paint) -> None:
        """Fill the convex hull of balls (N, 4): local (forward, up, right) and radius in metres."""
        array = np.asarray(balls, dtype=np.float64)
        world = self.frame.place(array[:, :3])
        radius = array[:, 3] * self.camera.focal_px / np.maximum(world[:, 2], 0.5) * self.zoom
        rims = self._to_canvas(world)[:, None, :] + radius[:, None, None] * _CIRCLE
        outline = cv2.convexHull(rims.reshape(-1, 2).astype(np.float32))[:, 0, :]
        self._fill(outline.astype(np.float64), paint)

    def hull(self, points: Sequence[Sequence[float]] | Points, paint: Paint) -> None:
        """Fill the outline of a convex solid given by local points (N, 3) in metres."""
        corners = self._to_canvas(self.frame.place(points)).astype(np.float32)
        self._fill(cv2.convexHull(corners)[:, 0, :].astype(np.float64), paint)

    def ragged(self, rng: np.random.Generator, grain_m: float) -> None:
        """Eat leaf-sized holes into the rim of what is drawn."""
        scale = self.camera.scale(self.frame.z_m) * self.zoom
        noise = _blotches(rng, self.look.shape[:2], max(grain_m * scale, 1.5))
        soft = _blurred(self.glow[..., 3], max(2.5 * grain_m * scale, 1.0))
        keep = (soft + 0.22 * noise > 0.5).astype(np.float32)[..., None]
        self.look *= keep
        self.glow *= keep

    def round_off(self, radius_m: float, light: float, amount: float = 0.5) -> None:
        """Shade what is drawn as if rounded, lit from `light` (-1 left .. 1 right); cooler at the rim."""
        sigma = max(radius_m * self.camera.scale(self.frame.z_m) * self.zoom, 0.8)
        soft = _blurred(self.glow[..., 3], sigma)
        slope = cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3) * (sigma * 0.6)
        up = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3) * (sigma * 0.6)
        shade = np.clip(1 - amount * light * slope + 0.35 * amount * up, 0.45, 1.5)
        self.look[..., :3] *= shade[..., None]
        self.look[..., 3] *= 0.86 + 0.14 * np.clip(soft * 1.6 - 0.5, 0, 1)

    def mottle(self, rng: np.random.Generator, grain_m: float, colour: float, heat: float) -> None:
        """Add blotches about `grain_m` metres wide: relative in colour, absolute in warmth."""
        step = max(grain_m * self.camera.scale(self.frame.z_m) * self.zoom, 1.0)
        noise = _blotches(rng, self.look.shape[:2], step)
        self.look[..., :3] *= np.clip(1 + colour * noise, 0.2, 1.9)[..., None]
        self.look[..., 3] += heat * noise * self.glow[..., 3]

    def sprite(self) -> Sprite:
        """Return what was drawn at picture resolution."""
        size = (self.width_px, self.height_px)
        look = cv2.resize(self.look, size, interpolation=cv2.INTER_AREA)
        glow = cv2.resize(self.glow, size, interpolation=cv2.INTER_AREA)
        return Sprite(self.x_px, self.y_px, look.astype(np.float32), glow.astype(np.float32), self.frame.z_m)

    def _to_canvas(self, world_m: Points) -> Points:
        points = (self.camera.project(world_m) - np.array([self.x_px, self.y_px])) * self.zoom
        return np.asarray(points - 0.5, dtype=np.float64)  # OpenCV puts pixel centres on whole numbers

    def _fill(self, points: Points, paint: Paint) -> None:
        corners = [np.round(points * 2**_SUBPIXEL_BITS).astype(np.int32)]
        for image, value in self._layers(paint):
            cv2.fillPoly(image, corners, value, cv2.LINE_8, _SUBPIXEL_BITS)

    def _layers(self, paint: Paint) -> tuple[tuple[Floats, Sequence[float]], tuple[Floats, Sequence[float]]]:
        return (self.look, (*paint.colour, paint.heat)), (self.glow, (*paint.glow, 1.0))


def _blotches(rng: np.random.Generator, shape: tuple[int, int], step_px: float) -> Floats:
    """Smooth unit noise (height, width) with blotches about `step_px` wide."""
    coarse = rng.standard_normal((int(shape[0] / step_px) + 3, int(shape[1] / step_px) + 3)).astype(np.float32)
    noise = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return noise.astype(np.float32)


def _blurred(image: Floats, sigma_px: float) -> Floats:
    """Blur an image (height, width); wide blurs are done at a smaller size, which looks the same."""
    shrink = int(np.clip(sigma_px / 3, 1, min(image.shape) // 2))
    size = (image.shape[1], image.shape[0])
    small = cv2.resize(image, (size[0] // shrink, size[1] // shrink), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px / shrink)
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
