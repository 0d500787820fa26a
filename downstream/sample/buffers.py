"""The layers a picture is built in, and how things are put into them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from downstream.sample.canvas import Camera, Floats, Points, Sprite

SEEN_PART = 0.03  # what shows of a hidden thing: a trace well below the noise


@dataclass
class Buffers:
    """All a picture needs, per pixel; (height, width) each, colours with a last axis of 3.

    Attributes:
        colour: Reflectance, 0..1.
        glow: Own light, >= 0.
        heat: Warmth as the infrared camera sees it, about 0..1.
        depth_m: Distance ahead of the camera.
        sun: How much of the sun arrives, 0..1.
        sky: How much of the sky's light arrives, 0..1.
        ground: Whether the pixel shows the ground (shadows fall there).
        classes: Class of the mask picture.
        owners: Number of the listed thing the pixel belongs to, -1 = none.
    """

    colour: Floats
    glow: Floats
    heat: Floats
    depth_m: Floats
    sun: Floats
    sky: Floats
    ground: NDArray[np.bool_]
    classes: NDArray[np.uint8]
    owners: NDArray[np.int16]

    @classmethod
    def empty(cls, camera: Camera) -> "Buffers":
        """Return buffers for the camera's picture with nothing in them."""
        shape = (camera.height_px, camera.width_px)

        def zeros(*more: int) -> Floats:
            """Return an empty layer."""
            return np.zeros((*shape, *more), np.float32)

        return cls(
            zeros(3),
            zeros(3),
            zeros(),
            zeros() + np.float32(500.0),
            zeros() + np.float32(1.0),
            zeros() + np.float32(1.0),
            np.zeros(shape, np.bool_),
            np.zeros(shape, np.uint8),
            np.full(shape, -1, np.int16),
        )

    def paste(
        self, sprite: Sprite, class_id: int, owner: int, sun: float, in_colour: bool = True, in_heat: bool = True
    ) -> int:
        """Put a thing in front of what is there.

        Args:
            sprite: The drawn thing.
            class_id: Its class in the mask picture (0 = background, which covers what is behind too).
            owner: Its number, -1 for things that are not listed.
            sun: How much sun it stands in, 0..1.
            in_colour: Whether the visible camera can see it.
            in_heat: Whether the infrared camera can see it.

        Returns:
            The size of its whole mask in pixels, also where it leaves the picture.
        """
        whole_px = int((sprite.glow[..., 3] > 0.45).sum())
        window, cut = _overlap(sprite, self.heat.shape[0], self.heat.shape[1])
        if window is None or cut is None:
            return whole_px
        look, glow = sprite.look[cut], sprite.glow[cut]
        cover = glow[..., 3]
        share = 1.0 if in_colour else SEEN_PART
        left_over = 1 - cover[..., None] * share
        self.colour[window] = self.colour[window] * left_over + look[..., :3] * share
        self.glow[window] = self.glow[window] * left_over + glow[..., :3] * share
        share = 1.0 if in_heat else SEEN_PART
        self.heat[window] = self.heat[window] * (1 - cover * share) + look[..., 3] * share
        solid = cover > 0.45
        self.classes[window][solid] = class_id
        self.owners[window][solid] = owner
        if in_colour:
            self._stand(window, cover, sprite.z_m, sun)
        return whole_px

    def light_at(self, camera: Camera, x_m: float, z_m: float) -> float:
        """Return how much sun arrives on the ground at a place, 0..1 (1 outside the picture)."""
        x_px, y_px = camera.project(np.array([x_m, 0.0, z_m]))
        column, row = int(x_px), int(y_px)
        if 0 <= column < camera.width_px and 0 <= row < camera.height_px:
            return float(self.sun[row, column])
        return 1.0

    def cast_shadow(
        self, camera: Camera, sprite: Sprite, x_m: float, sun_m: tuple[float, float], strength: float
    ) -> None:
        """Lay the thing's shadow on the ground.

        Args:
            camera: The camera.
            sprite: The thing, standing at `x_m` and its own depth.
            x_m: Where it stands.
            sun_m: How far the shadow of a point one metre up falls to the right and ahead, in metres.
            strength: How dark the shadow is, 0..1.
        """
        z_m, width_m, height_m = sprite.z_m, 1.0, 1.0
        card = np.array([[x_m, 0, z_m], [x_m + width_m, 0, z_m], [x_m + width_m, height_m, z_m], [x_m, height_m, z_m]])
        fallen = card.copy()
        fallen[:, 0] += card[:, 1] * sun_m[0]
        fallen[:, 2] += card[:, 1] * sun_m[1]
        fallen[:, 1] = 0
        source = camera.project(card) - np.array([sprite.x_px, sprite.y_px])
        matrix = cv2.getPerspectiveTransform(source.astype(np.float32), camera.project(fallen).astype(np.float32))
        top = int(np.ceil(camera.horizon_px)) + 1
        matrix = np.array([[1, 0, 0], [0, 1, -top], [0, 0, 1]], dtype=np.float64) @ matrix
        size = (camera.width_px, camera.height_px - top)
        shadow = cv2.warpPerspective(sprite.glow[..., 3], matrix, size, flags=cv2.INTER_LINEAR)
        shadow = cv2.GaussianBlur(shadow, (0, 0), 1.0 + 0.04 * camera.scale(z_m))
        self.sun[top:] *= np.where(self.ground[top:], 1 - strength * shadow, 1).astype(np.float32)

    def press_ground(
        self, camera: Camera, x_m: float, z_m: float, half_m: tuple[float, float], dark: float, warm: float
    ) -> None:
        """Darken the ground under a thing, where the sky is shut out, and warm it by `warm`."""
        corners: Points = camera.project(
            np.array([[x_m, 0, z_m], [x_m + half_m[0], 0, z_m - half_m[1]], [x_m, 0, z_m + half_m[1]]])
        )
        centre, reach = corners[0], max(corners[1, 0] - corners[0, 0], 1.0)
        tall = max((corners[1, 1] - corners[2, 1]) / 2, 1.0)
        x0, x1 = (int(np.clip(centre[0] + s * 1.6 * reach, 0, camera.width_px)) for s in (-1, 1))
        y0, y1 = (int(np.clip(centre[1] + s * 1.8 * tall, 0, camera.height_px)) for s in (-1, 1))
        rows, columns = np.mgrid[y0:y1, x0:x1].astype(np.float32)
        spot = np.exp(-(((columns - centre[0]) / reach) ** 2) * 1.5 - (((rows - centre[1]) / tall) ** 2) * 1.5)
        spot *= self.ground[y0:y1, x0:x1]
        self.sky[y0:y1, x0:x1] *= (1 - dark * spot).astype(np.float32)
        self.heat[y0:y1, x0:x1] += (warm * spot).astype(np.float32)

    def _stand(self, window: tuple[slice, slice], cover: Floats, z_m: float, sun: float) -> None:
        """Note how far away a pasted thing stands and what light it gets."""
        self.depth_m[window][cover > 0.45] = z_m
        self.ground[window][cover > 0.45] = False
        self.sky[window] = np.maximum(self.sky[window], cover)
        self.sun[window] += cover * (sun - self.sun[window])


def _overlap(
    sprite: Sprite, height_px: int, width_px: int
) -> tuple[tuple[slice, slice] | None, tuple[slice, slice] | None]:
    """Where a sprite lies in the picture, and which part of the sprite that is (None: outside)."""
    height, width = sprite.glow.shape[:2]
    x0, y0 = max(sprite.x_px, 0), max(sprite.y_px, 0)
    x1, y1 = min(sprite.x_px + width, width_px), min(sprite.y_px + height, height_px)
    if x1 <= x0 or y1 <= y0:
        return None, None
    cut = (slice(y0 - sprite.y_px, y1 - sprite.y_px), slice(x0 - sprite.x_px, x1 - sprite.x_px))
    return (slice(y0, y1), slice(x0, x1)), cut
