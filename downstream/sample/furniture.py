"""What stands about in a street: cones, bollards, rails, bumps, lamps, signs, trees and bushes."""

import itertools
from dataclasses import dataclass

import numpy as np

from downstream.sample.canvas import Camera, Canvas, Colour, Frame, Paint, Sprite

Corner = tuple[float, float, float]


@dataclass(frozen=True)
class Mood:
    """What all things of a picture share.

    Attributes:
        night: Whether it is night.
        light: Where the light comes from, -1 (left) .. 1 (right).
        ground_heat: Warmth of the road, 0..1.
        leaf: Colour of leaves.
        leaf_heat: Warmth of leaves, 0..1.
    """

    night: bool
    light: float
    ground_heat: float
    leaf: Colour
    leaf_heat: float


def draw_cone(camera: Camera, frame: Frame, rng: np.random.Generator, mood: Mood) -> Sprite:
    """Draw an orange traffic cone with white bands."""
    canvas = Canvas(camera, frame, (0.6, 0.85, 0.6))
    size = float(rng.uniform(0.95, 1.2))
    heat = mood.ground_heat + (0.1 if not mood.night else -0.07)
    colour: Colour = (0.85, 0.13, 0.03) if rng.random() < 0.8 else (0.8, 0.05, 0.05)
    orange = Paint(colour, heat)
    white = Paint((0.85, 0.85, 0.85), heat)
    canvas.hull(_box((-0.22, 0.22), (0.0, 0.05), (-0.22, 0.22)), orange.shaded(0.8))
    edges = [0.05, 0.22, 0.36, 0.46, 0.58, 0.7]
    for index, (low, high) in enumerate(itertools.pairwise(edges)):
        rings = [_ring(up * size, 0.17 * (1 - up / 0.78)) for up in (low, high)]
        canvas.hull(rings[0] + rings[1], white if index in (1, 3) else orange)
    canvas.round_off(0.06, mood.light, 0.5)
    return canvas.sprite()


def draw_bollard(camera: Camera, frame: Frame, rng: np.random.Generator, mood: Mood) -> Sprite:
    """Draw a bollard: steel, striped or concrete."""
    canvas = Canvas(camera, frame, (0.5, 1.1, 0.5))
    kind = int(rng.integers(3))
    radius, height = (0.07, 0.12, 0.17)[kind], (0.95, 0.85, 0.7)[kind]
    heat = mood.ground_heat + (0.14 if not mood.night else 0.12)
    colours: list[Colour] = [(0.55, 0.55, 0.57), (0.75, 0.5, 0.03), (0.42, 0.4, 0.37)]
    edges = np.linspace(0, height, 5)
    for index, (low, high) in enumerate(itertools.pairwise(edges)):
        dark = (kind == 1 and index % 2 == 0) or (kind == 0 and index == 2)
        paint = Paint((0.03, 0.03, 0.03) if dark else colours[kind], heat)
        canvas.hull(_ring(float(low), radius) + _ring(float(high), radius), paint)
    canvas.round_off(0.06, mood.light, 0.6)
    return canvas.sprite()


def draw_wheel_stop(camera: Camera, frame: Frame, rng: np.random.Generator, mood: Mood) -> Sprite:
    """Draw the low block at the end of a parking bay."""
    canvas = Canvas(camera, frame, (0.5, 0.3, 2.1))
    striped = rng.random() < 0.6
    heat = mood.ground_heat + 0.11
    edges = np.linspace(-0.9, 0.9, 8)
    for index, (left, right) in enumerate(itertools.pairwise(edges)):
        colour: Colour = (0.75, 0.5, 0.03) if striped and index % 2 else (0.04, 0.04, 0.04)
        paint = Paint(colour if striped else (0.5, 0.49, 0.46), heat)
        span = (float(left), float(right))
        canvas.hull(
            [(f, 0.17, r) for f in (-0.06, 0.08) for r in span] + [(-0.12, 0.0, r) for r in span], paint.shaded(0.7)
        )
        canvas.polygon(
            [(-0.06, 0.17, span[0]), (-0.06, 0.17, span[1]), (0.08, 0.17, span[1]), (0.08, 0.17, span[0])],
            paint.shaded(1.1),
        )
    return canvas.sprite()


def draw_guardrail(camera: Camera, frame: Frame, rng: np.random.Generator, mood: Mood) -> Sprite:
    """Draw two metres of guardrail along the frame's heading, of one kind per picture."""
    canvas = Canvas(camera, frame, (2.3, 1.1, 0.3))
    heat = mood.ground_heat + (0.16 if not mood.night else 0.1)
    beam = mood.light > 0.2  # one kind per picture
    steel = Paint((0.5, 0.52, 0.54) if beam else (0.72, 0.72, 0.7), heat)
    for forward in (-1.0, 1.0):
        canvas.stroke([(forward, 0.0, 0.0), (forward, 0.78, 0.0)], 0.1, steel.shaded(0.6))
    if beam:
        for low, high, shade in ((0.44, 0.53, 0.8), (0.53, 0.6, 0.55), (0.6, 0.68, 0.8), (0.68, 0.8, 1.1)):
            canvas.polygon([(-1.02, low, 0), (1.02, low, 0), (1.02, high, 0), (-1.02, high, 0)], steel.shaded(shade))
    else:
        for up in (0.35, 0.78):
            canvas.stroke([(-1.02, up, 0.0), (1.02, up, 0.0)], 0.09, steel)
        for forward in (-0.5, 0.0, 0.5):
            canvas.stroke([(forward, 0.35, 0.0), (forward, 0.78, 0.0)], 0.045, steel.shaded(0.85))
    canvas.mottle(rng, 0.5, 0.05, 0.008)
    return canvas.sprite()


def draw_bump(camera: Camera, frame: Frame, rng: np.random.Generator, mood: Mood) -> Sprite:
    """Draw a rubber speed bump, five metres across the road."""
    canvas = Canvas(camera, frame, (0.9, 0.2, 5.4))
    heat = mood.ground_heat + (0.12 if not mood.night else -0.05)
    edges = np.linspace(-2.6, 2.6, 12)
    for index, (left, right) in enumerate(itertools.pairwise(edges)):
        paint = Paint((0.7, 0.47, 0.03) if index % 2 else (0.035, 0.035, 0.035), heat)
        for near, far, low, high, shade in (
            (-0.3, -0.1, 0.0, 0.09, 0.75),
            (-0.1, 0.1, 0.09, 0.09, 1.1),
            (0.1, 0.3, 0.09, 0.0, 0.9),
        ):
            canvas.polygon(
                [(near, low, left), (near, low, right), (far, high, right), (far, high, left)], paint.shaded(shade)
            )
    canvas.mottle(rng, 0.25, 0.12, 0.012)
    return canvas.sprite()


def draw_lamp(camera: Camera, frame: Frame, rng: np.random.Generator, mood: Mood) -> Sprite:
    """Draw a street lamp whose arm reaches to the right of its frame; it shines by night."""
    canvas = Canvas(camera, frame, (0.6, 5.6, 3.4))
    heat = mood.ground_heat + 0.06
    steel = Paint((0.16, 0.18, 0.17) if rng.random() < 0.5 else (0.4, 0.41, 0.42), heat)
    glow: Colour = (14.0, 12.5, 9.0) if mood.night else (0.0, 0.0, 0.0)
    canvas.stroke([(0, 0, 0), (0, 1.0, 0)], 0.17, steel)
    canvas.stroke([(0, 0, 0), (0, 5.2, 0), (0, 5.4, 0.5), (0, 5.4, 1.0)], 0.1, steel)
    canvas.hull(_box((-0.1, 0.1), (5.3, 5.48), (0.7, 1.4)), steel.shaded(0.8, 0.1))
    canvas.hull(
        _box((-0.1, 0.1), (5.28, 5.38), (0.8, 1.35)), Paint((0.7, 0.7, 0.7), heat + (0.4 if mood.night else 0), glow)
    )
    return canvas.sprite()


def draw_sign(camera: Camera, frame: Frame, rng: np.random.Generator, mood: Mood) -> Sprite:
    """Draw a traffic sign or notice on a pole; its print exists in colour only."""
    canvas = Canvas(camera, frame, (0.3, 2.9, 1.3))
    heat = mood.ground_heat + 0.03
    canvas.stroke([(0, 0, 0), (0, 2.6, 0)], 0.06, Paint((0.5, 0.5, 0.5), heat))
    plate = [Paint(c, heat - 0.04) for c in ((0.75, 0.03, 0.04), (0.85, 0.85, 0.85), (0.03, 0.12, 0.55))]
    kind = int(rng.integers(4))
    if kind == 0:  # no entry
        canvas.blob([(0, 2.4, 0, 0.34)], plate[0])
        canvas.polygon([(0, 2.34, -0.24), (0, 2.34, 0.24), (0, 2.46, 0.24), (0, 2.46, -0.24)], plate[1])
    elif kind == 1:  # a limit
        for radius, paint in ((0.34, plate[0]), (0.27, plate[1])):
            canvas.blob([(0, 2.4, 0, radius)], paint)
        for right in (-0.12, 0.1):
            canvas.stroke([(0, 2.28, right), (0, 2.52, right)], 0.08, plate[2])
    elif kind == 2:  # a warning triangle
        for size, paint in ((0.4, plate[0]), (0.26, plate[1])):
            canvas.polygon([(0, 2.4 + size, 0), (0, 2.4 - 0.7 * size, size), (0, 2.4 - 0.7 * size, -size)], paint)
    else:  # a notice board
        canvas.polygon([(0, 1.9, -0.5), (0, 1.9, 0.5), (0, 2.7, 0.5), (0, 2.7, -0.5)], plate[2])
        for up in (2.1, 2.3, 2.5):
            canvas.stroke([(0, up, -0.38), (0, up, float(rng.uniform(0.0, 0.4)))], 0.07, plate[1])
    return canvas.sprite()


def draw_tree(camera: Camera, frame: Frame, rng: np.random.Generator, mood: Mood) -> Sprite:
    """Draw a broad-leaved tree."""
    canvas = Canvas(camera, frame, (1.0, 9.0, 7.0))
    height = float(rng.uniform(5.0, 7.5))
    _leaves(canvas, rng, mood, centre=(height * 0.68, 0.0), reach=(height * 0.26, 2.5), balls=46, ball_m=0.75)
    bark = Paint((0.09, 0.07, 0.05), mood.leaf_heat + 0.07)
    canvas.hull([(0, 0, -0.24), (0, 0, 0.24), (0, height * 0.5, -0.1), (0, height * 0.5, 0.1)], bark)
    for right in (-0.9, 0.8):
        canvas.stroke([(0, height * 0.38, 0), (0, height * 0.6, right)], 0.1, bark)
    _leaves(
        canvas, rng, mood, centre=(height * 0.7, 0.0), reach=(height * 0.18, 2.0), balls=14, ball_m=0.4, ragged=False
    )
    canvas.mottle(rng, 0.09, 0.42, 0.03)
    canvas.mottle(rng, 0.5, 0.12, 0.02)
    return canvas.sprite()


def draw_bush(
    camera: Camera, frame: Frame, rng: np.random.Generator, mood: Mood, width_m: float = 2.5, height_m: float = 1.8
) -> Sprite:
    """Draw a bush of the given size."""
    canvas = Canvas(camera, frame, (0.8, height_m * 1.35, width_m * 1.35))
    canvas.hull(
        [
            (0, 0, -width_m / 2),
            (0, 0, width_m / 2),
            (0, height_m * 0.6, -width_m / 2),
            (0, height_m * 0.6, width_m / 2),
        ],
        Paint(mood.leaf, mood.leaf_heat).shaded(0.5),
    )
    _leaves(
        canvas, rng, mood, centre=(height_m * 0.55, 0.0), reach=(height_m * 0.42, width_m * 0.5), balls=44, ball_m=0.3
    )
    canvas.mottle(rng, 0.07, 0.35, 0.03)
    canvas.mottle(rng, 0.4, 0.12, 0.02)
    return canvas.sprite()


def _leaves(
    canvas: Canvas,
    rng: np.random.Generator,
    mood: Mood,
    centre: tuple[float, float],
    reach: tuple[float, float],
    balls: int,
    ball_m: float,
    ragged: bool = True,
) -> None:
    """Heap up leafy balls, dark below and inside, bright on top and towards the light."""
    balls = int(balls * min(1.0, 0.4 + canvas.width_px / 250))  # far foliage needs less
    angles, radii = rng.uniform(0, 2 * np.pi, balls), np.sqrt(rng.uniform(0, 1, balls))
    ups, rights = radii * np.sin(angles), radii * np.cos(angles)
    for index in np.argsort(-radii + 0.7 * ups):
        shade = 0.75 + 0.35 * ups[index] + 0.25 * mood.light * rights[index] + float(rng.normal(0, 0.1))
        paint = Paint(mood.leaf, mood.leaf_heat + float(rng.normal(0, 0.012))).shaded(max(shade, 0.25))
        up, right = centre[0] + reach[0] * ups[index], centre[1] + reach[1] * rights[index]
        canvas.blob([(0, max(up, 0.1), right, ball_m * float(rng.uniform(0.6, 1.1)))], paint)
    if ragged:
        canvas.ragged(rng, 0.1)


def _ring(up: float, radius: float) -> list[Corner]:
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return [(radius * float(np.cos(a)), up, radius * float(np.sin(a))) for a in angles]


def _box(forward: tuple[float, float], up: tuple[float, float], right: tuple[float, float]) -> list[Corner]:
    return [(f, u, r) for f in forward for u in up for r in right]
