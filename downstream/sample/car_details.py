"""What is set onto a car's body: wheels, seams, lamps, grille, plates."""

import numpy as np

from downstream.sample.canvas import Canvas, Paint
from downstream.sample.car_model import Build, CarState, circle, faces_us


def draw_side(canvas: Canvas, build: Build, paint: Paint, tyre: Paint, side: float) -> None:
    """Draw wheels, door seams, handles and the mirror of one side (-1 left, 1 right), if it faces us."""
    right, half = side * build.half_width, build.length / 2
    flank = np.array([(1.0, 0.3, right), (-1.0, 0.3, right), (-1.0, 0.6, right)])
    if not faces_us(canvas, flank, np.array([0.0, 0.5, 0.0]))[0]:
        return
    for centre in (half - 0.8, -half + 0.8):
        canvas.polygon(circle(centre, 0.33, 0.37, right), Paint((0.01, 0.01, 0.01), paint.heat))
        canvas.polygon(circle(centre, 0.31, 0.31, right * 1.01), tyre)
        canvas.polygon(circle(centre, 0.31, 0.2, right * 1.01), Paint((0.35, 0.35, 0.36), tyre.heat - 0.08))
        canvas.polygon(circle(centre, 0.31, 0.06, right * 1.01), Paint((0.1, 0.1, 0.1), tyre.heat))
    seam = paint.shaded(0.45)
    for forward in (half - 1.2, 0.0, -half + 1.25):
        canvas.stroke([(forward, 0.32, right), (forward, build.belt - 0.05, right * 0.97)], 0.012, seam)
    for forward in (0.16, -half + 1.4):
        canvas.stroke([(forward, 0.78, right), (forward + 0.14, 0.78, right)], 0.03, seam)
    canvas.blob([(build.base[0] - 0.25, build.belt + 0.06, right * 1.08, 0.06)], paint.shaded(0.7))


def draw_front(canvas: Canvas, build: Build, state: CarState) -> None:
    """Draw grille, plate and headlights, if the front faces us."""
    front, wide = build.length / 2, build.half_width
    if not _end_faces_us(canvas, front):
        return
    warm = 0.3 if state.running else 0.0
    grille = Paint((0.015, 0.015, 0.015), state.body_heat + warm)
    top = build.bonnet - 0.12
    canvas.polygon(
        [(front, top - 0.14, -0.42), (front, top - 0.14, 0.42), (front, top, 0.46), (front, top, -0.46)], grille
    )
    canvas.polygon([(front, 0.26, -0.5), (front, 0.26, 0.5), (front, 0.36, 0.52), (front, 0.36, -0.52)], grille)
    canvas.polygon(
        [(front, 0.4, -0.24), (front, 0.4, 0.24), (front, 0.5, 0.24), (front, 0.5, -0.24)],
        Paint((0.75, 0.75, 0.72), state.body_heat),
    )
    lamp = Paint((0.8, 0.82, 0.85), state.body_heat + 0.08, (6.0, 5.8, 5.0) if state.lamps else (0, 0, 0))
    for side in (-1, 1):
        canvas.polygon(
            [
                (front - 0.03, top - 0.13, side * wide * 0.56),
                (front - 0.16, top - 0.1, side * wide * 0.88),
                (front - 0.2, top + 0.02, side * wide * 0.9),
                (front - 0.03, top, side * wide * 0.56),
            ],
            lamp,
        )


def draw_rear(canvas: Canvas, build: Build, state: CarState) -> None:
    """Draw tail lights, plate, bumper and exhaust, if the rear faces us."""
    rear, wide = -build.length / 2, build.half_width
    if not _end_faces_us(canvas, rear):
        return
    lamp = Paint((0.4, 0.015, 0.015), state.body_heat + 0.03, (0.9, 0.04, 0.03) if state.lamps else (0, 0, 0))
    top = build.boot - 0.14
    for side in (-1, 1):
        canvas.polygon(
            [
                (rear, top - 0.16, side * wide * 0.56),
                (rear + 0.1, top - 0.16, side * wide * 0.88),
                (rear + 0.1, top, side * wide * 0.88),
                (rear, top, side * wide * 0.56),
            ],
            lamp,
        )
    canvas.polygon(
        [(rear, 0.56, -0.25), (rear, 0.56, 0.25), (rear, 0.67, 0.25), (rear, 0.67, -0.25)],
        Paint((0.75, 0.75, 0.7), state.body_heat),
    )
    bumper = Paint((0.03, 0.03, 0.03), state.body_heat)
    canvas.polygon(
        [(rear, 0.26, -wide * 0.6), (rear, 0.26, wide * 0.6), (rear, 0.36, wide * 0.62), (rear, 0.36, -wide * 0.62)],
        bumper,
    )
    if state.running:
        canvas.blob([(rear - 0.02, 0.25, 0.5, 0.09)], Paint((0.1, 0.1, 0.1), 0.95))


def _end_faces_us(canvas: Canvas, forward: float) -> bool:
    face = np.array([(forward, 0.3, -0.5), (forward, 0.3, 0.5), (forward, 0.6, 0.5)])
    return faces_us(canvas, face, np.array([0.0, 0.45, 0.0]))[0]
