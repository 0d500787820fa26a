"""People and bicycles: jointed figures that may face any way, dressed at random."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from downstream.sample.canvas import Camera, Canvas, Colour, Frame, Paint, Sprite

PERSON_SIZE_M = (1.3, 1.95, 1.3)
BICYCLE_SIZE_M = (1.95, 1.2, 0.75)

_SKINS: tuple[Colour, ...] = ((0.55, 0.36, 0.27), (0.45, 0.28, 0.19), (0.62, 0.43, 0.33), (0.24, 0.14, 0.09))
_HAIRS: tuple[Colour, ...] = ((0.02, 0.02, 0.02), (0.06, 0.035, 0.02), (0.2, 0.12, 0.05), (0.3, 0.3, 0.3))
_TOPS: tuple[Colour, ...] = (
    (0.02, 0.02, 0.025),
    (0.45, 0.04, 0.04),
    (0.05, 0.1, 0.4),
    (0.75, 0.74, 0.7),
    (0.12, 0.13, 0.14),
    (0.55, 0.42, 0.06),
    (0.06, 0.22, 0.12),
    (0.25, 0.35, 0.55),
    (0.6, 0.25, 0.3),
    (0.35, 0.28, 0.2),
)
_TROUSERS: tuple[Colour, ...] = (
    (0.02, 0.02, 0.025),
    (0.04, 0.06, 0.14),
    (0.12, 0.1, 0.08),
    (0.3, 0.26, 0.19),
    (0.1, 0.16, 0.28),
)
_FRAMES: tuple[Colour, ...] = (
    (0.5, 0.04, 0.04),
    (0.7, 0.7, 0.72),
    (0.04, 0.12, 0.45),
    (0.03, 0.03, 0.03),
    (0.1, 0.4, 0.3),
    (0.75, 0.6, 0.05),
)

Ball = tuple[float, float, float, float]
Part = tuple[list[Ball], Paint]


@dataclass(frozen=True)
class Clothes:
    """The paints of one person."""

    skin: Paint
    hair: Paint
    top: Paint
    trousers: Paint
    shoes: Paint
    bag: Paint


def draw_person(
    camera: Camera, frame: Frame, rng: np.random.Generator, light: float, night: bool, riding: bool = False
) -> Sprite:
    """Draw a person who stands, walks or rides a bicycle.

    Args:
        camera: The camera.
        frame: Where the feet are and where the person faces.
        rng: Chooses height, clothes and pose.
        light: Where the light comes from, -1 (left) .. 1 (right).
        night: Whether coats are worn: they are cooler outside.
        riding: Whether the person sits on a bicycle that stands at the same frame.

    Returns:
        The drawn person.
    """
    clothes = _dress(rng, night)
    parts = _riding(clothes) if riding else _walking(clothes, rng)
    size = 1.0 if riding else float(np.clip(rng.normal(0.98, 0.05), 0.86, 1.08))
    canvas = Canvas(camera, frame, PERSON_SIZE_M)
    sine, cosine = np.sin(frame.yaw_rad), np.cos(frame.yaw_rad)

    def depth(part: Part) -> float:
        """How far behind the person's middle a part lies, in metres; coats hang over trousers."""
        below = 1.0 if part[1].colour[:3] == clothes.trousers.colour else 0.0
        return below + float(np.mean([ball[0] * cosine - ball[2] * sine for ball in part[0]]))

    for balls, paint in sorted(parts, key=depth, reverse=True):
        canvas.blob([tuple(size * value for value in ball) for ball in balls], paint)
    canvas.round_off(0.05, light, 0.55)
    canvas.mottle(rng, 0.07, 0.1, 0.025)
    return canvas.sprite()


def draw_bicycle(camera: Camera, frame: Frame, rng: np.random.Generator, warmth: float, ridden: bool) -> Sprite:
    """Draw a city bicycle.

    Args:
        camera: The camera.
        frame: Where it stands and where it points.
        rng: Chooses colour and fittings.
        warmth: Warmth of its metal, 0..1.
        ridden: Whether its tyres have been warmed by rolling and its lamp is on.

    Returns:
        The drawn bicycle.
    """
    canvas = Canvas(camera, frame, BICYCLE_SIZE_M)
    metal = Paint(_FRAMES[rng.integers(len(_FRAMES))], warmth)
    tyre = Paint((0.025, 0.025, 0.025), warmth + (0.1 if ridden else 0.0))
    rim = Paint((0.3, 0.3, 0.3), warmth)
    for centre in (-0.53, 0.53):
        for angle in np.linspace(0, np.pi, 5, endpoint=False) + 0.3:
            reach = (0.3 * np.cos(angle), 0.3 * np.sin(angle))
            canvas.stroke(
                [(centre + reach[0], 0.34 + reach[1], 0), (centre - reach[0], 0.34 - reach[1], 0)], 0.012, rim
            )
        canvas.stroke(_ring(centre, 0.34, 0.325), 0.06, tyre)
        canvas.stroke(_ring(centre, 0.34, 0.285), 0.025, rim)
    _bicycle_frame(canvas, metal, tyre, rim)
    if rng.random() < 0.6:
        _basket(canvas, Paint((0.4, 0.4, 0.38), warmth))
    if rng.random() < 0.6:
        canvas.stroke(_ring(-0.53, 0.34, 0.385, 0.2, 2.4), 0.04, metal)
        canvas.stroke(_ring(0.53, 0.34, 0.385, 0.4, 2.6), 0.04, metal)
    if ridden:
        canvas.blob([(0.62, 0.78, 0, 0.04)], Paint((0.8, 0.8, 0.8), warmth + 0.1, (0.9, 0.9, 0.8)))
    canvas.blob([(-0.72, 0.62, 0, 0.035)], Paint((0.6, 0.02, 0.02), warmth))
    return canvas.sprite()


def _dress(rng: np.random.Generator, night: bool) -> Clothes:
    insulation = rng.uniform(0.0, 0.12) + (0.04 if night else 0.0)
    top = _TOPS[rng.integers(len(_TOPS))]
    return Clothes(
        skin=Paint(_SKINS[rng.integers(len(_SKINS))], 0.9),
        hair=Paint(_HAIRS[rng.integers(len(_HAIRS))], 0.72),
        top=Paint(top, 0.7 - insulation),
        trousers=Paint(_TROUSERS[rng.integers(len(_TROUSERS))], 0.66 - 0.6 * insulation),
        shoes=Paint((0.03, 0.03, 0.03) if rng.random() < 0.6 else (0.6, 0.6, 0.6), 0.5),
        bag=Paint(_TOPS[rng.integers(len(_TOPS))], 0.4),
    )


def _head(clothes: Clothes, forward: float, up: float) -> list[Part]:
    return [
        ([(forward, up - 0.17, 0, 0.06), (forward + 0.01, up - 0.06, 0, 0.06)], clothes.skin.shaded(0.8)),
        ([(forward + 0.045, up - 0.035, 0, 0.075), (forward + 0.04, up + 0.03, 0, 0.082)], clothes.skin),
        ([(forward - 0.02, up + 0.045, 0, 0.102), (forward - 0.035, up - 0.02, 0, 0.09)], clothes.hair),
    ]


def _walking(clothes: Clothes, rng: np.random.Generator) -> list[Part]:
    stride = float(rng.uniform(0.15, 0.42)) * (1 if rng.random() < 0.8 else 0.1)
    swing = stride * 0.75
    broad = float(rng.uniform(0.9, 1.15))
    parts = _head(clothes, 0.02, 1.63)
    for side, phase in ((-1.0, 1.0), (1.0, -1.0)):
        lift = 0.06 if phase < 0 and stride > 0.1 else 0.0
        knee = (phase * stride * 0.45 + 0.05, 0.5 + lift * 0.5, side * 0.095)
        foot = (phase * stride - (0.08 if phase < 0 else 0), 0.09 + lift, side * 0.1)
        parts.append(([(0.0, 0.9, side * 0.085, 0.1), (*knee, 0.068)], clothes.trousers))
        parts.append(([(*knee, 0.066), (*foot, 0.05)], clothes.trousers.shaded(1.0, -0.03)))
        parts.append(
            (
                [(foot[0] - 0.02, foot[1] - 0.04, foot[2], 0.045), (foot[0] + 0.13, foot[1] - 0.055, foot[2], 0.035)],
                clothes.shoes,
            )
        )
        shoulder = (0.0, 1.38, side * 0.19 * broad)
        elbow = (-phase * swing * 0.4 - 0.02, 1.12, side * 0.245 * broad)
        hand = (-phase * swing + 0.06, 0.88 + 0.3 * swing, side * 0.25 * broad)
        parts.append(([(*shoulder, 0.065), (*elbow, 0.052)], clothes.top.shaded(0.9, -0.02)))
        parts.append(([(*elbow, 0.05), (*hand, 0.038)], clothes.top.shaded(0.9, -0.03)))
        parts.append(([(hand[0] + 0.01, hand[1] - 0.05, hand[2], 0.045)], clothes.skin))
    trunk = [
        (0.0, 1.39, -0.14 * broad, 0.075),
        (0.0, 1.39, 0.14 * broad, 0.075),
        (0.02, 1.1, 0.0, 0.15 * broad),
        (0.0, 0.93, -0.08, 0.095),
        (0.0, 0.93, 0.08, 0.095),
    ]
    parts.append((trunk, clothes.top))
    parts += _extras(clothes, rng)
    return parts


def _extras(clothes: Clothes, rng: np.random.Generator) -> list[Part]:
    kind = rng.integers(6)
    if kind == 0:  # a rucksack
        return [
            (
                [
                    (-0.2, 1.32, -0.07, 0.09),
                    (-0.2, 1.32, 0.07, 0.09),
                    (-0.22, 1.05, -0.07, 0.1),
                    (-0.22, 1.05, 0.07, 0.1),
                ],
                clothes.bag,
            )
        ]
    if kind == 1:  # a coat or skirt down to the knee
        return [
            (
                [
                    (0.0, 0.95, -0.07, 0.11),
                    (0.0, 0.95, 0.07, 0.11),
                    (0.0, 0.58, -0.13, 0.09),
                    (0.0, 0.58, 0.13, 0.09),
                    (0.1, 0.6, 0.0, 0.09),
                    (-0.1, 0.6, 0.0, 0.09),
                ],
                clothes.top.shaded(0.85, -0.04),
            )
        ]
    if kind == 2:  # a bag in the hand
        return [([(0.0, 0.72, 0.3, 0.06), (0.12, 0.55, 0.3, 0.08), (-0.12, 0.55, 0.3, 0.08)], clothes.bag)]
    if kind == 3:  # a cap
        return [([(0.0, 1.71, 0.0, 0.095), (0.14, 1.68, 0.0, 0.02)], clothes.bag.shaded(1.0, 0.2))]
    return []


def _riding(clothes: Clothes) -> list[Part]:
    parts = _head(clothes, 0.16, 1.66)
    for side, up in ((-1.0, 0.48), (1.0, 0.2)):
        knee = (0.2, 0.55 + 0.5 * up, side * 0.1)
        parts.append(([(-0.18, 0.98, side * 0.08, 0.1), (*knee, 0.07)], clothes.trousers))
        parts.append(([(*knee, 0.066), (-0.02, up + 0.02, side * 0.1, 0.048)], clothes.trousers.shaded(1.0, -0.03)))
        parts.append(([(-0.03, up - 0.03, side * 0.1, 0.042), (0.13, up - 0.03, side * 0.1, 0.034)], clothes.shoes))
        parts.append(
            ([(0.05, 1.4, side * 0.18, 0.062), (0.2, 1.16, side * 0.24, 0.05)], clothes.top.shaded(0.9, -0.02))
        )
        parts.append(
            ([(0.2, 1.16, side * 0.24, 0.048), (0.42, 1.06, side * 0.24, 0.036)], clothes.top.shaded(0.9, -0.03))
        )
        parts.append(([(0.44, 1.04, side * 0.24, 0.042)], clothes.skin))
    trunk = [
        (0.06, 1.42, -0.13, 0.075),
        (0.06, 1.42, 0.13, 0.075),
        (-0.08, 1.18, 0.0, 0.15),
        (-0.18, 0.98, -0.07, 0.1),
        (-0.18, 0.98, 0.07, 0.1),
    ]
    parts.append((trunk, clothes.top))
    return parts


def _ring(
    centre: float, up: float, radius: float, start: float = 0.0, end: float = 2 * np.pi
) -> list[tuple[float, float, float]]:
    angles = np.linspace(start, end, 25)
    return [(centre + radius * float(np.cos(a)), up + radius * float(np.sin(a)), 0.0) for a in angles]


def _bicycle_frame(canvas: Canvas, metal: Paint, dark: Paint, rim: Paint) -> None:
    rear, crank, seat, head, front = (-0.53, 0.34), (-0.08, 0.28), (-0.22, 0.8), (0.36, 0.82), (0.53, 0.34)

    def tube(points: Sequence[tuple[float, float]], width_m: float, paint: Paint) -> None:
        """Draw one tube in the bicycle's own plane."""
        canvas.stroke([(f, u, 0.0) for f, u in points], width_m, paint)

    tube([rear, crank], 0.035, metal)
    tube([rear, seat], 0.03, metal)
    tube([crank, seat, (-0.25, 0.92)], 0.045, metal)
    tube([crank, (0.38, 0.72)], 0.055, metal)
    tube([(-0.2, 0.72), head], 0.045, metal)
    tube([front, head, (0.33, 1.0)], 0.045, metal)
    canvas.stroke([(0.24, 1.04, -0.28), (0.34, 1.02, -0.1), (0.34, 1.02, 0.1), (0.24, 1.04, 0.28)], 0.035, dark)
    canvas.blob([(-0.36, 0.95, 0, 0.05), (-0.14, 0.95, 0, 0.03)], dark)
    canvas.blob([(-0.08, 0.28, 0, 0.09)], rim)
    canvas.stroke([(-0.08, 0.45, 0.09), (-0.08, 0.28, 0.0), (-0.08, 0.11, -0.09)], 0.03, dark)
    tube([(-0.72, 0.72), (-0.3, 0.72)], 0.03, dark)


def _basket(canvas: Canvas, paint: Paint) -> None:
    for right in (-0.16, 0.16):
        canvas.polygon([(0.42, 0.78, right), (0.72, 0.78, right), (0.78, 1.02, right), (0.4, 1.02, right)], paint)
    canvas.polygon(
        [(0.74, 0.78, -0.16), (0.74, 0.78, 0.16), (0.78, 1.02, 0.16), (0.78, 1.02, -0.16)], paint.shaded(0.8)
    )
