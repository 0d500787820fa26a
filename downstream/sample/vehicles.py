"""Cars: a small solid model with a body, a cabin and wheels, seen under any heading."""

import itertools

import numpy as np

from downstream.sample.canvas import Camera, Canvas, Colour, Frame, Paint, Points, Sprite
from downstream.sample.car_details import draw_front, draw_rear, draw_side
from downstream.sample.car_model import Build, CarState, choose_build, circle, face

CAR_SIZE_M = (4.7, 1.95, 2.0)

_COLOURS: tuple[Colour, ...] = (
    (0.7, 0.7, 0.7),
    (0.8, 0.8, 0.78),
    (0.03, 0.03, 0.035),
    (0.28, 0.29, 0.31),
    (0.45, 0.03, 0.03),
    (0.04, 0.09, 0.28),
    (0.1, 0.12, 0.13),
    (0.45, 0.42, 0.34),
    (0.08, 0.2, 0.16),
    (0.6, 0.5, 0.1),
)
_GLASS = (0.045, 0.06, 0.07)


def draw_car(camera: Camera, frame: Frame, rng: np.random.Generator, state: CarState) -> Sprite:
    """Draw a car.

    Args:
        camera: The camera.
        frame: Its middle on the ground and its heading.
        rng: Chooses build and colour.
        state: What it does.

    Returns:
        The drawn car.
    """
    build = choose_build(rng)
    canvas = Canvas(camera, frame, CAR_SIZE_M)
    paint = Paint(_COLOURS[rng.integers(len(_COLOURS))], state.body_heat)
    tyre = Paint((0.02, 0.02, 0.02), 0.62 if state.running else state.body_heat - 0.02)
    under = Paint((0.008, 0.008, 0.008), 0.42 if state.running else state.body_heat - 0.03)
    half = build.length / 2
    for right in (-build.half_width + 0.1, build.half_width - 0.1):
        for centre in (half - 0.8, -half + 0.8):
            canvas.hull(circle(centre, 0.31, 0.31, right - 0.09) + circle(centre, 0.31, 0.31, right + 0.09), tyre)
    canvas.polygon(
        [
            (half - 0.3, 0.2, -build.half_width + 0.2),
            (half - 0.3, 0.2, build.half_width - 0.2),
            (half - 0.3, 0.5, build.half_width - 0.2),
            (half - 0.3, 0.5, -build.half_width + 0.2),
        ],
        under,
    )
    _body(canvas, build, paint, state)
    _cabin(canvas, build, paint, state)
    for side in (-1.0, 1.0):
        draw_side(canvas, build, paint, tyre, side)
    draw_front(canvas, build, state)
    draw_rear(canvas, build, state)
    canvas.mottle(rng, 0.5, 0.03, 0.012)
    return canvas.sprite()


def _body(canvas: Canvas, build: Build, paint: Paint, state: CarState) -> None:
    half, wide = build.length / 2, build.half_width
    plan = [(half, 0.55), (half - 0.1, 0.82), (half - 0.38, 1.0), (0.28 - half, 1.0), (0.06 - half, 0.85)]
    plan += [(-half, 0.6)]
    plan = [(f, r * wide) for f, r in plan] + [(f, -r * wide) for f, r in reversed(plan)]
    middle = (0.0, 0.5, 0.0)
    bonnet = [(build.base[0], build.belt, -wide * 0.9), (build.base[0], build.belt, wide * 0.9)]
    bonnet += [(f, _top(build, f), r * 0.96) for f, r in plan if f >= half - 0.5]
    face(canvas, bonnet, middle, paint.shaded(1.15, 0.24 if state.running else 0.0), state.light)
    deck = [(f, _top(build, f), r * 0.96) for f, r in plan if f <= -half + 0.3]
    deck += [(build.base[1], build.belt, -wide * 0.9), (build.base[1], build.belt, wide * 0.9)]
    face(canvas, deck, middle, paint, state.light)
    for start, end in itertools.pairwise([*plan, plan[0]]):
        front = min(start[0], end[0]) > half - 0.5
        _panel(canvas, build, (start, end), paint.shaded(1.0, 0.16 if front and state.running else 0.0), state)


def _top(build: Build, forward: float) -> float:
    """Height of the body's upper edge: it falls towards bonnet and boot."""
    edges = [-build.length / 2, build.base[1], build.base[0], build.length / 2]
    return float(np.interp(forward, edges, [build.boot - 0.06, build.belt, build.belt, build.bonnet]))


def _panel(
    canvas: Canvas, build: Build, ends: tuple[tuple[float, float], tuple[float, float]], skin: Paint, state: CarState
) -> None:
    """Draw one upright strip of the body, between two points (forward, right) of its plan."""
    (f0, r0), (f1, r1) = ends
    levels = [(0.2, 0.2, 0.95), (0.48, 0.48, 1.0), (0.68, 0.68, 1.0), (_top(build, f0), _top(build, f1), 0.96)]
    for (low0, low1, inset), (high0, high1, outset) in itertools.pairwise(levels):
        corners = [(f0, low0, r0 * inset), (f1, low1, r1 * inset), (f1, high1, r1 * outset)]
        corners.append((f0, high0, r0 * outset))
        face(canvas, corners, (0.0, 0.5, 0.0), skin.shaded(0.75 if low0 < 0.4 else 1.0), state.light)


def _cabin(canvas: Canvas, build: Build, paint: Paint, state: CarState) -> None:
    wide, roof_wide = build.half_width * 0.93, build.half_width * 0.72
    base_front, base_rear, roof_front, roof_rear = *build.base, *build.roof
    glass = Paint(_GLASS, max(state.body_heat - 0.1, 0.05) + (0.05 if state.running else 0.0))
    # Each wall by its two lower and two upper corners: (forward, side of the car).
    walls = {
        "front": ((base_front, -1), (base_front, 1), (roof_front, 1), (roof_front, -1)),
        "rear": ((base_rear, 1), (base_rear, -1), (roof_rear, -1), (roof_rear, 1)),
        "left": ((base_front, -1), (base_rear, -1), (roof_rear, -1), (roof_front, -1)),
        "right": ((base_front, 1), (base_rear, 1), (roof_rear, 1), (roof_front, 1)),
    }
    for name, wall in walls.items():
        quad = [(f, build.belt - 0.02, side * wide) for f, side in wall[:2]]
        quad += [(f, build.height - 0.04, side * roof_wide) for f, side in wall[2:]]
        if face(canvas, quad, (0.0, 1.1, 0.0), paint, state.light):
            panes = [(0.06, 0.94)] if name in ("front", "rear") else [(0.08, 0.48), (0.53, 0.9)]
            for start, end in panes:
                _pane(canvas, np.array(quad), start, end, glass)
    edges = [(f, side) for f in (roof_front, roof_rear) for side in (-1, 1)]
    roof = [(f, build.height - 0.04, side * roof_wide * 0.94, 0.04) for f, side in edges]
    canvas.blob(roof, paint.shaded(1.05))


def _pane(canvas: Canvas, quad: Points, start: float, end: float, glass: Paint) -> None:
    """Set a window into a cabin face, lighter towards the top, where it mirrors the sky."""
    bottom_left, bottom_right, top_right, top_left = quad

    def at(along: float, up: float) -> Points:
        """Return the point of the face at the fractions `along` and `up`."""
        low = bottom_left + (bottom_right - bottom_left) * along
        high = top_left + (top_right - top_left) * along
        return np.asarray(low + (high - low) * up, dtype=np.float64)

    for low, high, shade in ((0.12, 0.55, 1.0), (0.55, 0.9, 2.2)):
        canvas.polygon(np.stack([at(start, low), at(end, low), at(end, high), at(start, high)]), glass.shaded(shade))
