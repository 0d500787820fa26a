"""The listed objects: which people, bicycles and cars there are, where, and which camera can see them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from downstream.sample.canvas import Camera

# How often an object is hidden from the (visible, infrared) camera; the rest is seen by both. Every class has
# all three groups, so that the class does not give the group away.
HIDDEN_SHARES = {"person": (0.27, 0.25), "bicycle": (0.29, 0.3), "car": (0.3, 0.26)}

_WHY = {
    ("person", "infrared", True): "stands in unlit dark",
    ("person", "infrared", False): "in deep shadow, the colour of the foliage behind",
    ("person", "visible", True): "lit, but dressed so warmly that nothing shows against what is behind",
    ("person", "visible", False): "thermal crossover: as warm as what is behind",
    ("bicycle", "infrared", True): "in unlit dark, its metal not at street temperature",
    ("bicycle", "infrared", False): "in deep shadow, the colour of the foliage behind",
    ("bicycle", "visible", True): "lit, at the temperature of the street",
    ("bicycle", "visible", False): "at the temperature of the street",
    ("car", "infrared", True): "warm, its lamps off, in unlit dark",
    ("car", "infrared", False): "warm, in deep shadow before dark foliage",
    ("car", "visible", True): "lit, parked so long that it has the street's temperature",
    ("car", "visible", False): "parked so long that it has the street's temperature",
}
GLARE = "beside headlights, washed out by their glare"
BOTH = "warmer or colder, and lighter or darker, than what is behind"


class StreetPlan(Protocol):
    """The part of the street's plan that matters here."""

    @property
    def half_m(self) -> float:
        """Half the carriageway's width."""

    @property
    def pave_m(self) -> tuple[float, float]:
        """Widths of the left and right pavements."""

    @property
    def verges(self) -> tuple[str, str]:
        """What lies beyond the pavements."""

    def x_at(self, u_m: float, z_m: float) -> float:
        """Return the world X of a place in the street."""


@dataclass(frozen=True)
class Actor:
    """One listed object.

    Attributes:
        kind: "person", "bicycle" or "car".
        x_m: Where it stands, to the right of the camera.
        z_m: Where it stands, ahead of the camera.
        yaw_rad: Its heading, 0 = away from us.
        seen_by: "both", "infrared" or "visible".
        why: Why one camera cannot see it.
        active: A car that runs, a bicycle that is ridden, a person who rides.
        lamps: Whether its lamps are on.
    """

    kind: str
    x_m: float
    z_m: float
    yaw_rad: float
    seen_by: str
    why: str
    active: bool = False
    lamps: bool = False

    @property
    def half_depth_m(self) -> float:
        """Half its extent along the line of sight."""
        length, width = {"person": (0.5, 0.5), "bicycle": (1.7, 0.5), "car": (4.4, 1.8)}[self.kind]
        return 0.5 * (length * abs(float(np.cos(self.yaw_rad))) + width * abs(float(np.sin(self.yaw_rad))))

    def span_px(self, camera: Camera) -> tuple[float, float]:
        """Return the left and right edge in the picture, roughly."""
        length, width = {"person": (0.6, 0.6), "bicycle": (1.75, 0.55), "car": (4.6, 2.2)}[self.kind]
        half = 0.5 * (length * abs(float(np.sin(self.yaw_rad))) + width * abs(float(np.cos(self.yaw_rad))))
        middle = camera.width_px / 2 + camera.scale(self.z_m) * self.x_m
        return middle - half * camera.scale(self.z_m), middle + half * camera.scale(self.z_m)


def place_actors(
    rng: np.random.Generator, camera: Camera, night: bool, street: StreetPlan, lamps_m: list[tuple[float, float]]
) -> list[Actor]:
    """Choose and place the listed objects of one picture.

    Args:
        rng: The picture's own random numbers.
        camera: The camera.
        night: Whether it is night.
        street: The street's plan.
        lamps_m: Where the lamps shine on the ground, (x, z).

    Returns:
        The objects; cars first.
    """
    actors: list[Actor] = []
    for kind, most in (
        ("car", (0.2, 0.42, 0.28, 0.1)),
        ("bicycle", (0.3, 0.38, 0.22, 0.1)),
        ("person", (0.0, 0.26, 0.34, 0.24, 0.16)),
    ):
        for _ in range(int(rng.choice(len(most), p=most))):
            hidden = HIDDEN_SHARES[kind]
            seen_by = str(rng.choice(["infrared", "visible", "both"], p=[*hidden, 1 - sum(hidden)]))
            actor = _find_place(rng, camera, night, street, lamps_m, actors, kind, seen_by)
            if actor is not None:
                actors.append(actor)
                if kind == "bicycle" and actor.active:
                    actors.append(_rider(actor, night))
    return actors


def _rider(bicycle: Actor, night: bool) -> Actor:
    group = "infrared" if bicycle.seen_by == "infrared" else "both"
    why = _WHY["person", group, night] if group != "both" else BOTH
    return Actor("person", bicycle.x_m, bicycle.z_m - 0.02, bicycle.yaw_rad, group, why, active=True)


def _find_place(
    rng: np.random.Generator,
    camera: Camera,
    night: bool,
    street: StreetPlan,
    lamps_m: list[tuple[float, float]],
    others: list[Actor],
    kind: str,
    seen_by: str,
) -> Actor | None:
    """Try some places; keep one in the picture, uncrowded, and as light or dark as the group needs."""
    best: tuple[float, Actor] | None = None
    for _ in range(14):
        actor = _propose(rng, street, others, kind, seen_by, night)
        crowd = _crowding(actor, others, camera)
        if crowd > 0.6:
            continue
        lamp_m = min(float(np.hypot(actor.x_m - x, actor.z_m - z)) for x, z in lamps_m)
        want = (lamp_m if seen_by == "infrared" else -lamp_m) if night else 0.0
        score = want * 0.25 + (4.0 if actor.why == GLARE else 0.0) - 3.0 * crowd + float(rng.uniform(0, 1))
        if best is None or score > best[0]:
            best = (score, actor)
    return best[1] if best is not None else None


def _crowding(actor: Actor, others: list[Actor], camera: Camera) -> float:
    """How much of the narrower of two things overlaps (0..1), at worst; 1 if it leaves the picture."""
    left, right = actor.span_px(camera)
    inside = min(right, camera.width_px) - max(left, 0.0)
    if inside < 0.7 * (right - left) or right - left > 0.62 * camera.width_px:
        return 1.0
    worst = 0.0
    for other in others:
        other_left, other_right = other.span_px(camera)
        shared = min(right, other_right) - max(left, other_left)
        if shared > 0 and abs(other.z_m - actor.z_m) < other.half_depth_m + actor.half_depth_m:
            return 1.0  # they would stand in one another
        share = shared / max(min(right - left, other_right - other_left), 1.0)
        if share > 0.1 and "both" not in (actor.seen_by, other.seen_by):
            return 1.0
        if share > 0.1 and (other.seen_by if actor.z_m > other.z_m else actor.seen_by) != "both":
            return 1.0  # who cannot be seen must not stand in front of another, which would shine through
        worst = max(worst, share)
    return worst


def _propose(
    rng: np.random.Generator, street: StreetPlan, others: list[Actor], kind: str, seen_by: str, night: bool
) -> Actor:
    why = _WHY[kind, seen_by, night] if seen_by != "both" else BOTH
    if kind == "car":
        return _propose_car(rng, street, seen_by, why, night)
    side = int(rng.choice([-1, 1]))
    pave_m = street.pave_m[0 if side < 0 else 1]
    z_m = float(np.exp(rng.uniform(np.log(6.5), np.log(21.0))))
    if kind == "bicycle":
        ridden = rng.random() < {"visible": 0.25, "both": 0.55, "infrared": 0.4}[seen_by]
        u_m = side * (street.half_m - 0.7 if ridden else street.half_m + float(rng.uniform(0.7, 0.3 + pave_m)))
        if seen_by == "infrared" and not night:
            ridden, u_m = False, side * (street.half_m + pave_m + 0.1)
        yaw = float(rng.choice([0.0, np.pi]) + rng.normal(0, 0.3))
        if rng.random() < 0.6:
            yaw = float(rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.3))
        return Actor("bicycle", street.x_at(u_m, z_m), min(z_m, 15.0), yaw, seen_by, why, ridden, ridden)
    cars = [other for other in others if other.kind == "car" and other.lamps and abs(other.yaw_rad) > 2.5]
    if cars and seen_by == "infrared" and rng.random() < 0.7:
        car = cars[int(rng.integers(len(cars)))]
        return Actor(
            "person",
            car.x_m + side * float(rng.uniform(1.25, 1.7)),
            car.z_m - 1.0 + float(rng.uniform(0, 2.5)),
            float(rng.uniform(0, 2 * np.pi)),
            seen_by,
            GLARE,
        )
    u_m = side * (street.half_m + float(rng.uniform(0.5, pave_m)))
    leafy = seen_by == "infrared" and not night  # the foliage it vanishes against does not grow on roads
    if leafy:
        u_m = side * (street.half_m + pave_m + 0.2)
    elif rng.random() < 0.3:
        u_m = float(rng.uniform(-street.half_m, street.half_m))
    yaw = float(rng.choice([0.0, np.pi, np.pi / 2, -np.pi / 2]) + rng.normal(0, 0.35))
    return Actor("person", street.x_at(u_m, z_m), z_m, yaw, seen_by, why)


def _propose_car(rng: np.random.Generator, street: StreetPlan, seen_by: str, why: str, night: bool) -> Actor:
    side = int(rng.choice([-1, 1]))
    bays = street.verges[0 if side < 0 else 1] == "bays"
    moving = seen_by == "both" and rng.random() < 0.75
    z_m = float(np.exp(rng.uniform(np.log(9.0), np.log(24.0))))
    if moving and rng.random() < 0.25:  # crosses the street
        return Actor(
            "car",
            float(rng.uniform(-4, 4)),
            max(z_m, 13.0),
            float(rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.2)),
            seen_by,
            why,
            True,
            night,
        )
    if moving:
        side = -1 if night and rng.random() < 0.5 else side  # by night oncoming cars matter most: they dazzle
        yaw = 0.0 if side > 0 else np.pi
        return Actor(
            "car",
            street.x_at(side * street.half_m * 0.52, z_m),
            z_m,
            yaw + float(rng.normal(0, 0.06)),
            seen_by,
            why,
            True,
            night,
        )
    warm = seen_by == "infrared" or rng.random() < 0.4
    if bays and rng.random() < 0.7:
        pave_m = street.pave_m[0 if side < 0 else 1]
        u_m = side * (street.half_m + 0.3 + pave_m + 3.0)
        yaw = float(rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.08))
        return Actor("car", street.x_at(u_m, z_m), z_m, yaw, seen_by, why, warm, False)
    yaw = float(rng.choice([0.0, np.pi]) + rng.normal(0, 0.05))
    leafy = seen_by == "infrared" and not night
    u_m = side * (street.half_m + street.pave_m[0 if side < 0 else 1] if leafy else street.half_m - 1.0)
    return Actor("car", street.x_at(u_m, z_m), z_m, yaw, seen_by, why, warm, False)
