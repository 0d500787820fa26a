"""From a plan to a pair of pictures, its mask and its listed objects."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from downstream.sample import furniture
from downstream.sample.actors import BOTH, Actor
from downstream.sample.backdrop import paint_backdrop
from downstream.sample.buffers import Buffers
from downstream.sample.canvas import Floats, Frame, Sprite
from downstream.sample.car_model import CarState
from downstream.sample.lighting import add_infrared_noise, add_visible_noise, infrared_clean, visible_clean
from downstream.sample.people import draw_bicycle, draw_person
from downstream.sample.scene import Prop, Scene, plan_scene
from downstream.sample.vehicles import draw_car
from downstream.sample.visibility import HIDDEN_BELOW, SEEN_ABOVE, contrast, strengthen, weaken

CLASS_IDS = {
    "car": 1,
    "person": 2,
    "bicycle": 3,
    "kerb": 4,
    "stop": 5,
    "bollard": 5,
    "guardrail": 6,
    "cone": 7,
    "bump": 8,
}
MIN_SHOWN = 0.35
MIN_AREA_PX = 30


@dataclass(frozen=True)
class SampleObject:
    """One listed object.

    Attributes:
        kind: "person", "bicycle" or "car".
        box_xyxy: Left, top, right, bottom edge of what shows of it, in pixels (right and bottom exclusive).
        seen_by: "both", "infrared" or "visible".
        why: What makes it so.
        owner: Its number in `Rendered.owners`.
    """

    kind: str
    box_xyxy: tuple[int, int, int, int]
    seen_by: str
    why: str
    owner: int


@dataclass(frozen=True)
class Rendered:
    """One finished sample.

    Attributes:
        ir: (height, width) infrared picture, 0..255.
        vis: (height, width, 3) visible picture, RGB, 0..255.
        classes: (height, width) class ids.
        owners: (height, width) number of the object each pixel shows, -1 = none.
        objects: The listed objects.
        night: Whether it is a night scene.
    """

    ir: NDArray[np.uint8]
    vis: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    owners: NDArray[np.int16]
    objects: list[SampleObject]
    night: bool


@dataclass(frozen=True)
class _Drawn:
    """A sprite on its way into the picture."""

    sprite: Sprite
    kind: str
    owner: int
    x_m: float
    in_colour: bool = True
    in_heat: bool = True


def render(rng: np.random.Generator, night: bool, height_px: int, width_px: int) -> Rendered:
    """Plan and render one street scene.

    Args:
        rng: The picture's own random numbers.
        night: Whether it is night.
        height_px: Height of the pictures.
        width_px: Width of the pictures.

    Returns:
        Both pictures, mask and objects.
    """
    scene = plan_scene(rng, night, height_px, width_px)
    buffers = Buffers.empty(scene.camera)
    paint_backdrop(buffers, scene, rng)
    drawn = _draw_all(buffers, scene, rng)
    sun = [buffers.light_at(scene.camera, item.x_m, item.sprite.z_m) for item in drawn]
    _shade_ground(buffers, scene, drawn)
    whole_px = {
        item.owner: buffers.paste(
            item.sprite, CLASS_IDS.get(item.kind, 0), item.owner, sun[index], item.in_colour, item.in_heat
        )
        for index, item in enumerate(drawn)
    }
    vis, ir = visible_clean(buffers, scene, rng), infrared_clean(buffers, scene, rng)
    objects = _list_objects(buffers, scene, whole_px, vis, ir)
    return Rendered(
        add_infrared_noise(ir, rng), add_visible_noise(vis, night, rng), buffers.classes, buffers.owners, objects, night
    )


def _draw_all(buffers: Buffers, scene: Scene, rng: np.random.Generator) -> list[_Drawn]:
    """Draw all things, ordered from far to near; what lies flat on the road comes first."""
    drawn = [_draw_prop(scene, prop, rng) for prop in scene.props if _may_show(scene, prop)]
    for owner, actor in enumerate(scene.actors):
        sprite = _draw_actor(scene, actor, rng, buffers.light_at(scene.camera, actor.x_m, actor.z_m))
        drawn.append(
            _Drawn(sprite, actor.kind, owner, actor.x_m, actor.seen_by != "infrared", actor.seen_by != "visible")
        )
    return sorted(drawn, key=lambda item: (item.kind != "bump", -item.sprite.z_m))


def _may_show(scene: Scene, prop: Prop) -> bool:
    """Whether a thing, taken to be seven metres wide, reaches into the picture."""
    camera = scene.camera
    return (abs(prop.x_m) - 3.5) * camera.scale(prop.z_m) < camera.width_px / 2


def _draw_prop(scene: Scene, prop: Prop, rng: np.random.Generator) -> _Drawn:
    painters = {
        "cone": furniture.draw_cone,
        "bollard": furniture.draw_bollard,
        "stop": furniture.draw_wheel_stop,
        "guardrail": furniture.draw_guardrail,
        "bump": furniture.draw_bump,
        "lamp": furniture.draw_lamp,
        "sign": furniture.draw_sign,
        "tree": furniture.draw_tree,
    }
    frame = Frame(prop.x_m, prop.z_m, prop.yaw_rad)
    if prop.kind == "bush":
        sprite = furniture.draw_bush(scene.camera, frame, rng, scene.mood, *prop.size_m)
    else:
        sprite = painters[prop.kind](scene.camera, frame, rng, scene.mood)
    return _Drawn(sprite, prop.kind, -1, prop.x_m)


def _draw_actor(scene: Scene, actor: Actor, rng: np.random.Generator, sun: float) -> Sprite:
    frame = Frame(actor.x_m, actor.z_m, actor.yaw_rad)
    mood = scene.mood
    light = mood.light * (0.3 if scene.night else 0.4 + 0.6 * sun)
    if actor.kind == "person":
        return draw_person(scene.camera, frame, rng, light, scene.night, actor.active)
    if actor.kind == "bicycle":
        cold = scene.night and rng.random() < 0.5  # bare metal mirrors the cold sky
        warmth = mood.ground_heat + (-0.1 if cold else float(rng.uniform(0.1, 0.2)))
        return draw_bicycle(scene.camera, frame, rng, warmth, actor.active)
    cold = scene.night and not actor.active and rng.random() < 0.5
    body = mood.ground_heat + (-0.08 if cold else float(rng.uniform(0.08, 0.16)))
    return draw_car(scene.camera, frame, rng, CarState(actor.active, actor.lamps, body, light))


def _shade_ground(buffers: Buffers, scene: Scene, drawn: list[_Drawn]) -> None:
    """Lay shadows and contact shade of all things that the visible camera sees; warm the road under cars."""
    for item in drawn:
        if item.in_colour and not scene.night and item.kind != "bump":
            buffers.cast_shadow(scene.camera, item.sprite, item.x_m, scene.sun_m, 0.9)
    halves = {
        "person": (0.35, 0.3),
        "bicycle": (0.8, 0.3),
        "car": (1.3, 1.6),
        "cone": (0.35, 0.35),
        "bollard": (0.25, 0.25),
        "tree": (0.7, 0.7),
        "bush": (1.2, 0.6),
    }
    for item in drawn:
        if item.kind in halves:
            actor = scene.actors[item.owner] if item.owner >= 0 else None
            warm = 0.1 if actor is not None and actor.kind == "car" and actor.active and item.in_heat else 0.0
            buffers.press_ground(
                scene.camera, item.x_m, item.sprite.z_m, halves[item.kind], 0.6 if item.in_colour else 0.0, warm
            )


def _list_objects(
    buffers: Buffers, scene: Scene, whole_px: dict[int, int], vis: Floats, ir: Floats
) -> list[SampleObject]:
    """List what shows enough of itself; make planned contrasts real and check them in both pictures."""
    shown = []
    for owner in range(len(scene.actors)):
        area_px = int((buffers.owners == owner).sum())
        if area_px >= MIN_AREA_PX and area_px >= MIN_SHOWN * whole_px[owner]:
            shown.append(owner)
    for owner in shown:
        mask = buffers.owners == owner
        others = (buffers.owners >= 0) & ~mask
        for picture, blind in ((vis, "infrared"), (ir, "visible")):
            retouch = weaken if scene.actors[owner].seen_by == blind else strengthen
            retouch(picture, mask, others)
    listed = []
    for owner in shown:
        actor = _as_measured(scene.actors[owner], buffers.owners, owner, vis, ir)
        if actor is not None:
            rows, columns = np.nonzero(buffers.owners == owner)
            box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
            listed.append(SampleObject(actor.kind, box, actor.seen_by, actor.why, owner))
    return listed


def _as_measured(actor: Actor, owners: NDArray[np.int16], owner: int, vis: Floats, ir: Floats) -> Actor | None:
    """Correct an object's group where chance (a neighbour's glare, a bright edge behind) undid the plan."""
    mask = owners == owner
    others = (owners >= 0) & ~mask
    seen = {name: contrast(picture, mask, others) for name, picture in (("visible", vis), ("infrared", ir))}
    if actor.seen_by == "both":
        good = [name for name in seen if seen[name] >= SEEN_ABOVE]
        if len(good) == 2:
            return actor
        lost = [name for name in seen if seen[name] <= HIDDEN_BELOW]
        if len(good) == 1 and len(lost) == 1:
            return replace(actor, seen_by=good[0], why=f"no contrast left in the {lost[0]} picture")
        return actor if good else None
    hidden = "infrared" if actor.seen_by == "visible" else "visible"
    if seen[actor.seen_by] < SEEN_ABOVE:
        return None
    if seen[hidden] > HIDDEN_BELOW:
        return replace(actor, seen_by="both", why=BOTH)
    return actor
