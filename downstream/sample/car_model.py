"""What all parts of the car model share: its measures, its state and how a flat face is drawn."""

from dataclasses import dataclass

import numpy as np

from downstream.sample.canvas import Canvas, Paint, Points


@dataclass(frozen=True)
class CarState:
    """What a car does just now.

    Attributes:
        running: Whether engine, exhaust and tyres are warm.
        lamps: Whether its lamps are on.
        body_heat: Warmth of its sheet metal, 0..1.
        light: Where the light comes from, -1 (left) .. 1 (right).
    """

    running: bool
    lamps: bool
    body_heat: float
    light: float


@dataclass(frozen=True)
class Build:
    """The measures of one car, in metres; forward positions count from its middle."""

    length: float
    half_width: float
    height: float
    belt: float
    bonnet: float  # height of the bonnet's front edge
    base: tuple[float, float]  # where the cabin stands on the body: front, rear
    roof: tuple[float, float]  # where the roof begins and ends
    boot: float  # height of the rear deck


def choose_build(rng: np.random.Generator) -> Build:
    """Choose a saloon, a hatchback or a tall estate."""
    kind = int(rng.integers(3))
    length = float(rng.uniform(4.0, 4.5))
    half = length / 2
    if kind == 0:  # a saloon
        return Build(length, 0.88, 1.45, 0.93, 0.74, (half - 1.15, -half + 0.75), (half - 1.95, -half + 1.5), 0.92)
    if kind == 1:  # a hatchback
        length = length - 0.4
        half = length / 2
        return Build(length, 0.86, 1.5, 0.95, 0.78, (half - 0.95, -half + 0.08), (half - 1.7, -half + 0.5), 0.95)
    return Build(length, 0.91, 1.75, 1.06, 0.92, (half - 0.9, -half + 0.06), (half - 1.6, -half + 0.35), 1.06)


def face(
    canvas: Canvas,
    corners: list[tuple[float, float, float]],
    middle: tuple[float, float, float],
    paint: Paint,
    light: float,
) -> bool:
    """Draw one face of a solid if it looks at the camera, shaded by its direction; say whether it does."""
    visible, normal = faces_us(canvas, np.array(corners), np.array(middle))
    if visible:
        shade = 0.62 + 0.38 * max(float(normal[1]), 0.0) + 0.28 * light * float(normal[0])
        canvas.polygon(corners, paint.shaded(shade))
    return visible


def faces_us(canvas: Canvas, corners: Points, inside: Points) -> tuple[bool, Points]:
    """Whether a face of local corners (N, 3) looks at the camera, and its outward normal in world axes."""
    world = canvas.frame.place(corners)
    normal = np.cross(world[1] - world[0], world[2] - world[0])
    normal /= np.linalg.norm(normal) + 1e-9
    outward = world.mean(axis=0) - canvas.frame.place(inside[None])[0]
    normal = normal if float(normal @ outward) > 0 else -normal
    to_eye = np.array([0.0, canvas.camera.eye_m, 0.0]) - world.mean(axis=0)
    return float(normal @ to_eye) > 0, normal


def circle(centre: float, up: float, radius: float, right: float) -> list[tuple[float, float, float]]:
    """Return the rim of a circle in the plane of a car's side, as local points."""
    angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    return [(centre + radius * float(np.cos(a)), up + radius * float(np.sin(a)), right) for a in angles]
