"""What stands where: the plan of one street, drawn at random but never by the look of it."""

from dataclasses import dataclass, field

import numpy as np

from downstream.sample.actors import Actor, place_actors
from downstream.sample.canvas import Camera, Colour
from downstream.sample.furniture import Mood


@dataclass(frozen=True)
class Street:
    """The street's plan; `u` is the distance to the right of its middle, in metres.

    Attributes:
        half_m: Half the carriageway's width.
        middle_m: Where the middle of the road is at the camera, to the right of it.
        slope: How far the middle shifts to the right per metre ahead.
        pave_m: Widths of the left and right pavements.
        kerbs: Whether there is a kerb on the left and right.
        verges: What lies beyond the pavement on the left and right: "grass", "paving" or "bays".
        zebra_m: How far ahead a zebra crossing begins, 0 = none.
    """

    half_m: float
    middle_m: float
    slope: float
    pave_m: tuple[float, float]
    kerbs: tuple[bool, bool]
    verges: tuple[str, str]
    zebra_m: float

    def x_at(self, u_m: float, z_m: float) -> float:
        """Return the world X of a place in the street."""
        return u_m + self.middle_m + self.slope * z_m


@dataclass(frozen=True)
class Building:
    """A box-shaped house beside the street, between `near_m` and `far_m` ahead."""

    side: int
    near_m: float
    far_m: float
    setback_m: float
    height_m: float


@dataclass(frozen=True)
class Prop:
    """A thing that is not listed as an object."""

    kind: str
    x_m: float
    z_m: float
    yaw_rad: float = 0.0
    size_m: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Light:
    """A street lamp's light: where it hangs, how strong it is and its colour."""

    x_m: float
    z_m: float
    power: float
    colour: Colour


@dataclass
class Scene:
    """One planned picture."""

    night: bool
    camera: Camera
    street: Street
    mood: Mood
    sun_m: tuple[float, float]
    headlights: float
    buildings: list[Building] = field(default_factory=list)
    props: list[Prop] = field(default_factory=list)
    lights: list[Light] = field(default_factory=list)
    actors: list[Actor] = field(default_factory=list)


def plan_scene(rng: np.random.Generator, night: bool, height_px: int, width_px: int) -> Scene:
    """Plan one street.

    Args:
        rng: The picture's own random numbers.
        night: Whether it is night.
        height_px: Height of the picture.
        width_px: Width of the picture.

    Returns:
        The plan.
    """
    focal_px = 0.94 * max(width_px, 4 * height_px / 3)
    camera = Camera(height_px, width_px, focal_px, height_px * float(rng.uniform(0.43, 0.49)), 1.5)
    light = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.0))
    street = _plan_street(rng)
    leaves: list[Colour] = [(0.1, 0.17, 0.035), (0.07, 0.13, 0.04), (0.22, 0.17, 0.03), (0.14, 0.19, 0.05)]
    ground_heat = float(rng.uniform(0.14, 0.2) if night else rng.uniform(0.22, 0.3))
    mood = Mood(
        night, light, ground_heat, leaves[rng.integers(len(leaves))], ground_heat + float(rng.uniform(-0.06, 0.03))
    )
    sun_m = (-light * float(rng.uniform(0.7, 1.6)), float(rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 0.7)))
    headlights = float(rng.uniform(0.5, 1.1)) if night and rng.random() < 0.6 else 0.0
    scene = Scene(night, camera, street, mood, sun_m, headlights)
    _plan_buildings(scene, rng)
    _plan_lamps(scene, rng)
    _plan_green(scene, rng)
    _plan_obstacles(scene, rng)
    lamps_m = [(lamp.x_m, lamp.z_m) for lamp in scene.lights]
    scene.actors = place_actors(rng, camera, night, street, lamps_m)
    if not night:
        _plan_hides(scene)
    return scene


def _plan_street(rng: np.random.Generator) -> Street:
    verges = ("grass", "paving", "bays")
    sides = rng.choice(3, 2, p=[0.3, 0.4, 0.3])
    kerbs = rng.random(2) < 0.75
    return Street(
        half_m=float(rng.uniform(2.8, 3.8)),
        middle_m=float(rng.uniform(-2.2, 2.2)),
        slope=float(rng.uniform(-0.07, 0.07)),
        pave_m=(float(rng.uniform(1.8, 3.2)), float(rng.uniform(1.8, 3.2))),
        kerbs=(bool(kerbs[0]), bool(kerbs[1])),
        verges=(verges[sides[0]], verges[sides[1]]),
        zebra_m=float(rng.uniform(6, 16)) if rng.random() < 0.35 else 0.0,
    )


def _edge(street: Street, side: int) -> float:
    """Where the pavement of a side ends, in metres from the road's middle."""
    return street.half_m + 0.3 + street.pave_m[0 if side < 0 else 1]


def _plan_buildings(scene: Scene, rng: np.random.Generator) -> None:
    for side in (-1, 1):
        verge = scene.street.verges[0 if side < 0 else 1]
        ahead = float(rng.uniform(3.5, 9.0)) + (18.0 if verge == "grass" and rng.random() < 0.6 else 0.0)
        while ahead < 85.0:
            length = float(rng.uniform(9.0, 22.0))
            setback = _edge(scene.street, side) + {"grass": 3.5, "paving": 0.3, "bays": 5.6}[verge]
            setback += float(rng.choice([0.0, 0.0, 1.5]))
            scene.buildings.append(Building(side, ahead, ahead + length, setback, float(rng.uniform(4.5, 15.0))))
            ahead += length + float(rng.choice([0.0, 2.5, 8.0]))


def _plan_lamps(scene: Scene, rng: np.random.Generator) -> None:
    side = int(rng.choice([-1, 1]))
    ahead = float(rng.uniform(7.5, 13.0))
    spacing = float(rng.uniform(11.0, 18.0))
    colours: list[Colour] = [(1.0, 0.82, 0.5), (0.9, 1.0, 0.86), (1.0, 0.95, 0.85)]
    colour = colours[rng.integers(len(colours))]
    alternate = rng.random() < 0.5
    for index in range(4):
        u_m = side * (scene.street.half_m + 0.75)
        x_m = scene.street.x_at(u_m, ahead)
        scene.props.append(Prop("lamp", x_m, ahead, 0.0 if side < 0 else np.pi))
        scene.lights.append(Light(x_m - side * 1.0, ahead, float(rng.uniform(0.08, 0.3)), colour))
        ahead += spacing
        side = -side if alternate and index % 2 == 0 else side


def _plan_green(scene: Scene, rng: np.random.Generator) -> None:
    street = scene.street
    for side in (-1, 1):
        verge = street.verges[0 if side < 0 else 1]
        ahead = float(rng.uniform(9.0, 16.0))
        if verge == "grass" or rng.random() < 0.5:
            u_m = side * (_edge(street, side) + (1.8 if verge == "grass" else -0.5))
            for _ in range(int(rng.integers(1, 5))):
                scene.props.append(Prop("tree", street.x_at(u_m, ahead), ahead))
                ahead += float(rng.uniform(6.0, 11.0))
        if verge == "grass":
            for ahead in np.arange(6.0, 40.0, 2.2):
                if rng.random() < 0.75:
                    u_m = side * (_edge(street, side) + 1.2 + float(rng.uniform(0, 0.4)))
                    size = (2.6, float(rng.uniform(1.0, 1.7)))
                    scene.props.append(Prop("bush", street.x_at(u_m, float(ahead)), float(ahead), 0.0, size))
        if rng.random() < 0.6:
            ahead = float(rng.uniform(8.0, 22.0))
            u_m = side * (street.half_m + 0.6)
            scene.props.append(Prop("sign", street.x_at(u_m, ahead), ahead))


def _plan_obstacles(scene: Scene, rng: np.random.Generator) -> None:
    street = scene.street
    side = int(rng.choice([-1, 1]))
    if rng.random() < 0.46:  # a guardrail between road and pavement
        start = float(rng.uniform(5.0, 9.0))
        for index in range(int(rng.integers(2, 6))):
            ahead = start + 2.0 * index
            scene.props.append(
                Prop(
                    "guardrail",
                    street.x_at(side * (street.half_m + 0.55), ahead),
                    ahead,
                    float(np.arctan(street.slope)),
                )
            )
    if rng.random() < 0.46:  # cones around road works
        u_m, ahead = float(rng.uniform(-0.8, 0.8)) * street.half_m, float(rng.uniform(5.5, 9.5))
        for _ in range(int(rng.integers(2, 5))):
            scene.props.append(Prop("cone", street.x_at(u_m, ahead), ahead))
            u_m, ahead = u_m + float(rng.uniform(-0.6, 0.6)), ahead + float(rng.uniform(0.3, 2.2))
    if rng.random() < 0.44:
        ahead = float(rng.uniform(4.8, 9.0))
        scene.props.append(Prop("bump", street.x_at(0.0, ahead), ahead, float(np.arctan(street.slope))))
    if rng.random() < 0.3:  # bollards along the other pavement
        ahead = float(rng.uniform(5.5, 8.0))
        for _ in range(int(rng.integers(2, 6))):
            scene.props.append(Prop("bollard", street.x_at(-side * (street.half_m + 0.5), ahead), ahead))
            ahead += 1.7
    _plan_bays(scene, rng)


def _plan_bays(scene: Scene, rng: np.random.Generator) -> None:
    """Put wheel stops into the parking bays, and now and then onto the pavement."""
    street = scene.street
    for side in (-1, 1):
        bays = street.verges[0 if side < 0 else 1] == "bays"
        if not bays and rng.random() > 0.12:
            continue
        u_m = side * (_edge(street, side) + (0.4 if bays else -1.2))
        for ahead in (8.0, 10.6, 13.2, 15.8):
            scene.props.append(Prop("stop", street.x_at(u_m, ahead), ahead, 0.0 if not bays else side * np.pi / 2))


def _plan_hides(scene: Scene) -> None:
    """Put something dark and leafy behind whatever the visible camera must not see by day."""
    for actor in scene.actors:
        if actor.seen_by == "infrared":
            across = abs(float(np.sin(actor.yaw_rad))) > 0.5
            sizes = {"person": (1.9, 2.1), "bicycle": (2.7, 1.7), "car": (5.2 if across else 3.4, 2.1)}
            behind_m = actor.z_m + actor.half_depth_m + 0.15
            scene.props.append(Prop("bush", actor.x_m, behind_m, 0.0, sizes[actor.kind]))
