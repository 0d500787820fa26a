"""Light on the scene and the two cameras' optics: what arrives at the sensors, before noise."""

import cv2
import numpy as np
from numpy.typing import NDArray

from downstream.sample.actors import Actor
from downstream.sample.buffers import Buffers
from downstream.sample.canvas import Camera, Floats
from downstream.sample.scene import Scene

_LAMP_M = 5.2


def visible_clean(buffers: Buffers, scene: Scene, rng: np.random.Generator) -> Floats:
    """Light the scene and develop it.

    Args:
        buffers: The composed layers.
        scene: The plan.
        rng: The picture's own random numbers.

    Returns:
        (height, width, 3) RGB picture without noise, 0..255 as floats.
    """
    light = _night_light(buffers, scene, rng) if scene.night else _day_light(buffers, rng)
    radiance = buffers.colour * light + buffers.glow
    if not scene.night:
        haze = 1 - np.exp(-buffers.depth_m / float(rng.uniform(250, 700)))
        haze[buffers.depth_m > 400] = 0
        radiance += (np.array([0.7, 0.78, 0.88], np.float32) - radiance) * haze[..., None]
        radiance *= float(rng.uniform(0.6, 1.1))
    else:
        radiance *= float(rng.uniform(0.24, 0.66))
    _bloom(radiance)
    for actor in scene.actors:
        if actor.lamps and actor.kind == "car" and scene.night and np.cos(actor.yaw_rad) < 0:
            _glare(radiance, scene.camera, actor)
    tint = np.array([0.94, 1.06, 0.92] if scene.night else [1.0, 1.0, 0.98], np.float32)
    shown = 255 * np.clip(radiance * tint, 0, 1) ** np.float32(1 / 2.2)
    return np.asarray(cv2.GaussianBlur(shown, (0, 0), 0.75 if scene.night else 0.5), dtype=np.float32)


def infrared_clean(buffers: Buffers, scene: Scene, rng: np.random.Generator) -> Floats:
    """Form the thermal picture: (height, width), 0..255 as floats, without noise."""
    gain, dark = float(rng.uniform(0.8, 1.05)), float(rng.uniform(0.0, 0.05))
    soft = cv2.GaussianBlur(buffers.heat, (0, 0), 0.9 * scene.camera.height_px / 480 + 0.35)
    return np.asarray(np.clip(255 * (gain * soft - dark), 0, 255), dtype=np.float32)


def add_visible_noise(clean: Floats, night: bool, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add shot and read noise to a picture (height, width, 3) and round it to 8 bits."""
    read, shot = (2.2, 0.012) if night else (1.1, 0.012)
    deviation = np.sqrt(read**2 + shot * clean)
    noise = rng.standard_normal(clean.shape, dtype=np.float32)
    noise = 0.8 * noise + 0.6 * noise.mean(axis=2, keepdims=True) * np.sqrt(3)
    return np.asarray(np.clip(np.rint(clean + deviation * noise), 0, 255), dtype=np.uint8)


def add_infrared_noise(clean: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add the detector's noise, rows, columns and uneven gain to a picture (height, width); round it."""
    height, width = clean.shape
    noise = 1.3 * rng.standard_normal(clean.shape, dtype=np.float32)
    noise += 0.7 * rng.standard_normal((height, 1), dtype=np.float32)
    noise += 0.6 * rng.standard_normal((1, width), dtype=np.float32)
    x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    fall = 1 - 0.07 * (x[None, :] ** 2 + y[:, None] ** 2)
    return np.asarray(np.clip(np.rint(clean * fall + noise), 0, 255), dtype=np.uint8)


def _day_light(buffers: Buffers, rng: np.random.Generator) -> Floats:
    sky = np.array([0.36, 0.42, 0.5], np.float32) * float(rng.uniform(0.7, 1.0))
    sun = np.array([1.25, 1.15, 0.98], np.float32) * float(rng.uniform(0.75, 1.1))
    return (sky * buffers.sky[..., None] + sun * buffers.sun[..., None]).astype(np.float32)


def _positions(buffers: Buffers, camera: Camera) -> tuple[Floats, Floats]:
    """World X and Y (height, width) in metres of what each pixel shows."""
    height, width = buffers.heat.shape
    columns = np.arange(width, dtype=np.float32)[None, :] + 0.5 - width / 2
    rows = np.arange(height, dtype=np.float32)[:, None] + 0.5 - camera.horizon_px
    per_px = buffers.depth_m / camera.focal_px
    return (columns * per_px).astype(np.float32), (camera.eye_m - rows * per_px).astype(np.float32)


def _night_light(buffers: Buffers, scene: Scene, rng: np.random.Generator) -> Floats:
    x_m, y_m = _positions(buffers, scene.camera)
    z_m = buffers.depth_m
    light = np.empty((*z_m.shape, 3), np.float32)
    light[:] = np.array([0.004, 0.0047, 0.0046]) * float(rng.uniform(0.4, 1.7))
    for lamp in scene.lights:
        away = (x_m - lamp.x_m) ** 2 + (z_m - lamp.z_m) ** 2 + np.maximum(_LAMP_M - y_m, 0.7) ** 2
        pool = lamp.power * _LAMP_M**3 / (away * np.sqrt(away))
        light += np.minimum(pool, 2.0)[..., None] * np.array(lamp.colour, np.float32)
    if scene.headlights > 0:
        wide = np.exp(-((x_m / (1.4 + 0.2 * z_m)) ** 2))
        low = np.exp(-np.maximum(y_m - 0.4, 0) / 0.7)
        beam = 0.5 * scene.headlights * wide * low * (9.0 / (6.0 + z_m)) ** 2 * (1 - np.exp(-((z_m / 4.5) ** 3)))
        light += beam[..., None] * np.array([0.95, 1.0, 0.9], np.float32)
    for actor in scene.actors:
        if actor.lamps and actor.kind == "car":
            light += _throw(actor, x_m, y_m, z_m)[..., None] * np.array([1.0, 0.97, 0.85], np.float32)
    return np.asarray(light * (0.35 + 0.65 * buffers.sky[..., None]), dtype=np.float32)


def _throw(actor: Actor, x_m: Floats, y_m: Floats, z_m: Floats) -> Floats:
    """The light a car's headlights throw on what lies ahead of it."""
    sine, cosine = float(np.sin(actor.yaw_rad)), float(np.cos(actor.yaw_rad))
    ahead = (x_m - actor.x_m) * sine + (z_m - actor.z_m) * cosine - 2.1
    across = (x_m - actor.x_m) * cosine - (z_m - actor.z_m) * sine
    inside = np.clip(ahead / 0.8, 0, 1) * np.exp(-((across / (1.0 + 0.2 * np.maximum(ahead, 0))) ** 2))
    low = np.exp(-np.maximum(y_m - 0.5, 0) / 0.6)
    return np.asarray(0.6 * inside * low / (1 + np.maximum(ahead, 0) / 4) ** 2, dtype=np.float32)


def _bloom(radiance: Floats) -> None:
    """Let what is brighter than white spill over its surroundings."""
    height, width = radiance.shape[:2]
    bright = np.minimum(np.maximum(radiance - 0.85, 0), 12.0).astype(np.float32)
    small = cv2.resize(bright, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    spill = sum(
        weight * cv2.GaussianBlur(small, (0, 0), sigma * height / 480)
        for weight, sigma in ((0.3, 1.2), (0.12, 4.0), (0.05, 13.0))
    )
    radiance += cv2.resize(np.asarray(spill, np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def _glare(radiance: Floats, camera: Camera, actor: Actor) -> None:
    """Dazzle the camera with the headlights of a car that comes towards us."""
    height, width = radiance.shape[:2]
    rows, columns = np.arange(height)[:, None] + 0.5, np.arange(width)[None, :] + 0.5
    near_m = actor.z_m + 2.1 * float(np.cos(actor.yaw_rad))
    for side in (-0.68, 0.68):
        x_m = actor.x_m + 2.1 * float(np.sin(actor.yaw_rad)) + side
        centre = camera.project(np.array([x_m, 0.66, near_m]))
        reach = 0.36 * camera.scale(near_m)
        away = ((columns - centre[0]) ** 2 + (rows - centre[1]) ** 2) / reach**2
        streak = np.exp(-(((rows - centre[1]) / (0.1 * reach + 1)) ** 2)) / (1 + np.abs(columns - centre[0]) / reach)
        facing = max(-float(np.cos(actor.yaw_rad)), 0.0) ** 4
        halo = facing * (3.5 / (1 + away) ** 1.5 + 0.25 * streak)
        radiance += halo.astype(np.float32)[..., None] * np.array([1.0, 0.98, 0.9], np.float32)
