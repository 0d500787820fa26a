"""The standing background: sky, skyline, ground and house fronts, painted from far to near."""

import cv2
import numpy as np

from downstream.sample.buffers import Buffers
from downstream.sample.canvas import Camera, Floats, Points
from downstream.sample.facades import Front, paint_front
from downstream.sample.scene import Building, Scene, Street

KERB = 4


def paint_backdrop(buffers: Buffers, scene: Scene, rng: np.random.Generator) -> None:
    """Paint everything that stands behind and below the things of the scene."""
    _paint_sky(buffers, scene, rng)
    _paint_skyline(buffers, scene, rng)
    _paint_ground(buffers, scene, rng)
    for building in sorted(scene.buildings, key=lambda house: -house.near_m):
        _paint_building(buffers, scene, building, rng)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cells: float) -> Floats:
    """Return smooth noise (height, width), about unit deviation, with some `cells` blotches across."""
    rows, columns = max(int(cells * height / width), 2) + 2, max(int(cells), 2) + 2
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _paint_sky(buffers: Buffers, scene: Scene, rng: np.random.Generator) -> None:
    camera = scene.camera
    height, width = buffers.heat.shape
    up = np.clip(1 - np.arange(height, dtype=np.float32) / camera.horizon_px, 0, 1)[:, None]
    clouds = sum(smooth_noise(rng, height, width, cells) / weight for cells, weight in ((4, 1.5), (9, 2.5), (22, 5)))
    cover = np.clip(np.asarray(clouds) * 0.7 + float(rng.uniform(-0.5, 0.7)), 0, 1).astype(np.float32)
    if scene.night:
        zenith, haze, cloud = np.array([[0.0008, 0.001, 0.0016], [0.006, 0.006, 0.006], [0.004, 0.004, 0.004]])
    else:
        zenith, haze, cloud = np.array([[0.2, 0.4, 0.78], [0.75, 0.85, 0.95], [0.95, 0.96, 0.98]])
    colour = haze + (zenith - haze) * (up**0.6)[..., None]
    buffers.glow[:] = colour + (cloud - colour) * (0.8 * cover)[..., None]
    buffers.heat[:] = 0.03 + 0.07 * (1 - up) ** 3 + 0.035 * cover


def _paint_skyline(buffers: Buffers, scene: Scene, rng: np.random.Generator) -> None:
    """Close the street off with distant woods and house blocks."""
    camera = scene.camera
    height, width = buffers.heat.shape
    columns = np.arange(width)
    hill = 7.0 + 2.5 * smooth_noise(rng, 2, width, 9)[0] + 1.0 * smooth_noise(rng, 2, width, 50)[0]
    top = camera.horizon_px - camera.scale(110.0) * np.maximum(hill, 2.0)
    rows = np.arange(height)[:, None]
    wood = (rows >= top[None, :]) & (rows <= camera.horizon_px + 2)
    shade = 1 + 0.35 * smooth_noise(rng, height, width, 160) + 0.15 * smooth_noise(rng, height, width, 40)
    _fill(buffers, wood, np.array(scene.mood.leaf) * 0.8, scene.mood.leaf_heat, 110.0, np.clip(shade, 0.2, 2))
    for _ in range(int(rng.integers(2, 6))):
        left, wide, high = rng.uniform(-40, 40), rng.uniform(8, 20), rng.uniform(8, 26)
        corner = camera.project(np.array([[left, high, 100.0], [left + wide, -1, 100.0]]))
        block = (rows >= corner[0, 1]) & (rows <= camera.horizon_px + 2)
        block = block & (columns >= corner[0, 0])[None, :] & (columns < corner[1, 0])[None, :]
        panes = ((rows // max(height // 120, 2)) % 2 == 0) & ((columns // max(width // 160, 2)) % 2 == 0)[None, :]
        lit = panes & (rng.random((height, width)) < (0.06 if scene.night else 0.0)) & block
        grey = float(rng.uniform(0.25, 0.6))
        _fill(
            buffers,
            block,
            np.array([grey, grey * 0.97, grey * 0.92]),
            scene.mood.ground_heat + 0.02,
            100.0,
            np.where(panes, 0.6, 1.0).astype(np.float32),
        )
        buffers.glow[lit] += np.array([0.35, 0.28, 0.16], np.float32)


def _fill(buffers: Buffers, where: np.ndarray, colour: np.ndarray, heat: float, depth_m: float, shade: Floats) -> None:
    buffers.colour[where] = (colour * np.broadcast_to(shade[..., None], (*where.shape, 1))[where]).astype(np.float32)
    buffers.glow[where] = 0
    buffers.heat[where] = heat + 0.012 * (np.broadcast_to(shade, where.shape)[where] - 1)
    buffers.depth_m[where] = depth_m


def ground_map(camera: Camera) -> tuple[int, Floats, Floats]:
    """Return the first ground row and the world X and Z (rows, width) in metres of the ground's pixels."""
    top = int(np.ceil(camera.horizon_px)) + 1
    rows = np.arange(top, camera.height_px, dtype=np.float32)[:, None] + 0.5
    columns = np.arange(camera.width_px, dtype=np.float32)[None, :] + 0.5
    ahead = camera.focal_px * camera.eye_m / (rows - camera.horizon_px)
    z_m = np.broadcast_to(ahead, (rows.size, camera.width_px)).astype(np.float32)
    return top, ((columns - camera.width_px / 2) * z_m / camera.focal_px).astype(np.float32), z_m


def _paint_ground(buffers: Buffers, scene: Scene, rng: np.random.Generator) -> None:
    street, mood = scene.street, scene.mood
    top, x_m, z_m = ground_map(scene.camera)
    u_m = x_m - street.middle_m - street.slope * z_m
    fine, rough = (_world_noise(rng, u_m, z_m, size) for size in (6.0, 0.9))
    asphalt = float(rng.uniform(0.1, 0.17))
    colour = np.empty((*u_m.shape, 3), np.float32)
    colour[:] = np.array([asphalt, asphalt, asphalt * 1.03])
    heat = np.full(u_m.shape, mood.ground_heat, np.float32)
    wear = np.exp(-(((np.abs(np.abs(u_m) - street.half_m / 2) - 0.75) / 0.35) ** 2))  # where the tyres run
    colour *= (1 - 0.12 * wear)[..., None]
    heat += 0.012 * wear
    _paint_marks(colour, street, u_m, z_m)
    classes = buffers.classes[top:]
    for index, side in enumerate((-1, 1)):
        _paint_side(colour, heat, classes, scene, index, side * u_m, z_m)
    fade = np.clip(14.0 / z_m, 0, 1)
    colour *= np.clip(1 + (0.1 * fine + 0.13 * rough) * fade, 0.3, 1.8)[..., None]
    heat += (0.006 * fine * fade + 0.008 * _world_noise(rng, u_m, z_m, 0.2)).astype(np.float32)
    buffers.colour[top:], buffers.heat[top:], buffers.depth_m[top:] = colour, heat, z_m
    buffers.glow[top:], buffers.ground[top:] = 0, True
    if not scene.night:
        _lay_house_shadow(buffers, scene, rng, top, u_m, z_m)


def _world_noise(rng: np.random.Generator, u_m: Floats, z_m: Floats, per_metre: float) -> Floats:
    noise = np.pad(rng.standard_normal((255, 255)).astype(np.float32), 4, mode="wrap")
    soft = cv2.GaussianBlur(noise, (0, 0), 1.0)[4:-3, 4:-3]  # repeats after 255 cells without a seam
    tile = np.asarray(soft / soft.std(), dtype=np.float32)
    across, along = np.mod(u_m * per_metre * 2, 255.0), np.mod(z_m * per_metre * 2, 255.0)
    return cv2.remap(tile, across.astype(np.float32), along.astype(np.float32), cv2.INTER_LINEAR).astype(np.float32)


def _paint_marks(colour: Floats, street: Street, u_m: Floats, z_m: Floats) -> None:
    """Paint lane marks and the zebra crossing: paint has the road's temperature, so infrared misses it."""
    dashes = (np.abs(u_m) < 0.075) & (np.mod(z_m, 6.0) < 3.4)
    edges = np.abs(np.abs(u_m) - street.half_m + 0.35) < 0.06
    marks = dashes | edges
    if street.zebra_m > 0:
        inside = (z_m > street.zebra_m) & (z_m < street.zebra_m + 3.2) & (np.abs(u_m) < street.half_m - 0.2)
        marks = (marks & ~inside) | (inside & (np.mod(u_m + 50.0, 0.95) < 0.48))
    colour[marks] = colour[marks] * 0.25 + np.array([0.5, 0.5, 0.48], np.float32)


def _paint_side(
    colour: Floats, heat: Floats, classes: np.ndarray, scene: Scene, index: int, out_m: Floats, z_m: Floats
) -> None:
    """Paint kerb, pavement and what lies beyond on one side; `out_m` grows outwards."""
    street, mood = scene.street, scene.mood
    pave = (out_m > street.half_m) & (out_m <= street.half_m + 0.3 + street.pave_m[index])
    joints = (np.mod(out_m, 0.6) < 0.03) | (np.mod(z_m, 0.6) < 0.035)
    colour[pave] = np.where(joints & (z_m < 20), 0.17, 0.24)[pave][:, None] * np.array([1.0, 0.97, 0.92], np.float32)
    heat[pave] = mood.ground_heat + 0.03
    beyond = out_m > street.half_m + 0.3 + street.pave_m[index]
    verge = street.verges[index]
    if verge == "grass":
        colour[beyond] = np.array(mood.leaf, np.float32) * 1.1
        heat[beyond] = mood.leaf_heat - 0.01
    elif verge == "bays":
        start = street.half_m + 0.3 + street.pave_m[index]
        lines = beyond & (np.mod(z_m + 0.3, 2.6) < 0.11) & (out_m < start + 5.2)
        colour[lines] = 0.55
    else:
        colour[beyond] = np.where(joints, 0.22, 0.3)[beyond][:, None] * np.array([1.0, 0.93, 0.85], np.float32)
        heat[beyond] = mood.ground_heat + 0.035
    if street.kerbs[index]:
        face = (out_m > street.half_m - 0.06) & (out_m <= street.half_m + 0.06)
        kerb = (out_m > street.half_m - 0.06) & (out_m <= street.half_m + 0.28)
        stones = np.where(np.mod(z_m, 1.0) < 0.03, 0.25, 0.44)
        colour[kerb] = stones[kerb][:, None]
        colour[face] *= 0.45
        heat[kerb] = mood.ground_heat + 0.055
        heat[face] = mood.ground_heat + 0.03
        classes[kerb & (z_m < 30)] = KERB


def _lay_house_shadow(
    buffers: Buffers, scene: Scene, rng: np.random.Generator, top: int, u_m: Floats, z_m: Floats
) -> None:
    """Shade the street on the sun's side, as a row of houses does, and dapple it with tree shadow."""
    side = np.sign(scene.mood.light)
    reach = float(rng.uniform(-0.2, 1.1)) * scene.street.half_m
    roofs = reach + 1.2 * np.sign(np.sin(z_m * float(rng.uniform(0.15, 0.3)))) * (np.sin(z_m * 0.37) > 0)
    inside = np.clip((u_m * side - roofs) * 2.5 + 0.5, 0, 1)
    dapple = _world_noise(rng, u_m, z_m, 0.5) + _world_noise(rng, u_m, z_m, 1.5) * 0.6
    dapple = np.clip(dapple * 1.2 - float(rng.uniform(0.3, 1.6)), 0, 1) * (np.abs(u_m) > scene.street.half_m * 0.3)
    buffers.sun[top:] *= ((1 - 0.93 * inside) * (1 - 0.8 * dapple)).astype(np.float32)


def _paint_building(buffers: Buffers, scene: Scene, building: Building, rng: np.random.Generator) -> None:
    street, side = scene.street, building.side
    near, far, high = building.near_m, building.far_m, building.height_m
    wall = side * building.setback_m
    x_near, x_far = street.x_at(wall, near), street.x_at(wall, far)
    sunny = side * scene.mood.light < 0
    style = int(rng.integers(1 << 30))
    flank: Points = np.array([[x_near, high, near], [x_far, high, far], [x_far, 0, far], [x_near, 0, near]])
    gable: Points = np.array(
        [[x_near + side * 11, high, near], [x_near, high, near], [x_near, 0, near], [x_near + side * 11, 0, near]]
    )
    if side * x_near > 0.2:  # else we stand inside the wall's plane
        paint_front(buffers, scene, Front(flank, far - near, high, 1.0 if sunny else 0.0, style))
    paint_front(buffers, scene, Front(gable, 11.0, high, 1.0 if scene.sun_m[1] > 0 else 0.0, style))
