"""Writes the sample scenes to disk in MSRS's layout."""

import itertools
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from downstream.sample.rendering import Rendered, SampleObject, render
from dwsfusion.errors import InputError
from dwsfusion.runs import write_bytes

FORMAT_VERSION = 1
FOLDERS = ("ir", "vi", "Segmentation_labels", "labels", "labels_infrared", "labels_visible", "objects")

_SPLITS = ("train", "test")
_YOLO_IDS = {"person": 0, "bicycle": 1, "car": 2}
_MIN_SIDE_PX = 96
_MARKER = "sample.json"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SampleConfig:
    """How many sample scenes to make, how large, and from which seed."""

    train: int = 120
    """Number of training pairs."""
    test: int = 80
    """Number of test pairs."""
    height: int = 480
    """Height of the pictures in pixels."""
    width: int = 640
    """Width of the pictures in pixels."""
    seed: int = 0
    """Seed: the same seed gives the same pictures, however many are made."""


def make_sample(
    root: Path, config: SampleConfig = SampleConfig(), progress: Callable[[int, int], None] | None = None
) -> Path:
    """Make the sample data set, or finish one whose making was interrupted.

    Every picture depends only on the seed, the split, its number and the picture size. Files appear whole or
    not at all, and `sample.json` appears last.

    Args:
        root: Folder for the data set; made if missing.
        config: What to make.
        progress: Called with (pairs done, pairs in all) after every pair.

    Returns:
        `root`.

    Raises:
        InputError: If the config makes no sense, or `root` holds a sample made from another config.
    """
    _check(config)
    root = Path(root)
    wanted = {"format_version": FORMAT_VERSION, "config": asdict(config)}
    marker, plan = root / _MARKER, root / f".{_MARKER}.unfinished"
    if _matches(marker, wanted, root):
        return root
    # The plan of an interrupted run is kept apart, so that nobody takes an unfinished sample for a whole one,
    # and nobody completes it with pictures of another seed.
    if not _matches(plan, wanted, root):
        write_bytes(plan, _as_json(wanted))
    for split, folder in itertools.product(_SPLITS, FOLDERS):
        (root / split / folder).mkdir(parents=True, exist_ok=True)
    jobs = [(split, index) for split in _SPLITS for index in range(getattr(config, split))]
    _LOG.info("making %d sample pairs in %s", len(jobs), root)
    for done, (split, index) in enumerate(jobs, start=1):
        _make_pair(root / split, config, split, index)
        if progress is not None:
            progress(done, len(jobs))
    write_bytes(marker, _as_json(wanted))
    plan.unlink(missing_ok=True)
    return root


def is_sample(root: Path) -> bool:
    """Whether a data root holds sample scenes."""
    return (root / _MARKER).is_file()


def is_night(split: str, index: int) -> bool:
    """Whether a picture is a night scene: every other one is, in either split."""
    return (index + _SPLITS.index(split)) % 2 == 1


def pair_name(split: str, index: int) -> str:
    """Return a pair's name, such as `00001D`: unique over both splits whatever their sizes.

    Args:
        split: "train" (odd numbers) or "test" (even numbers).
        index: Number of the pair in its split, from 0.

    Returns:
        The name without suffix, ending in D (day) or N (night).
    """
    return f"{2 * index + 1 + _SPLITS.index(split):05d}{'N' if is_night(split, index) else 'D'}"


def render_pair(config: SampleConfig, split: str, index: int) -> Rendered:
    """Render one pair without writing it.

    Args:
        config: Seed and picture size.
        split: "train" or "test".
        index: Number of the pair in its split, from 0.

    Returns:
        Pictures, mask and objects.
    """
    rng = np.random.default_rng([config.seed, _SPLITS.index(split), index])
    return render(rng, is_night(split, index), config.height, config.width)


def _check(config: SampleConfig) -> None:
    if config.train < 0 or config.test < 0 or config.train + config.test == 0:
        raise InputError(
            f"Expected at least one pair, found train={config.train}, test={config.test}: "
            "set train or test to 1 or more, neither below 0."
        )
    if min(config.height, config.width) < _MIN_SIDE_PX:
        raise InputError(
            f"Expected pictures of at least {_MIN_SIDE_PX} x {_MIN_SIDE_PX} pixels, found height="
            f"{config.height}, width={config.width}: choose a larger height or width."
        )
    if config.seed < 0:
        raise InputError(f"Expected a seed of 0 or more, found {config.seed}: choose another seed.")


def _matches(path: Path, wanted: dict[str, object], root: Path) -> bool:
    """Whether a marker is there and says what is wanted; raise if it says something else."""
    if not path.is_file():
        return False
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = "unreadable text"
    if found != wanted:
        raise InputError(
            f"{root} already holds a sample of another kind. Found {found}, asked for {wanted}. "
            "Choose another folder, ask for the config found, or delete the folder first."
        )
    return True


def _make_pair(folder: Path, config: SampleConfig, split: str, index: int) -> None:
    name = pair_name(split, index)
    paths = {kind: folder / kind / f"{name}{_suffix(kind)}" for kind in FOLDERS}
    missing = [kind for kind, path in paths.items() if not path.is_file()]
    if not missing:
        return
    pair = render_pair(config, split, index)
    for kind in missing:
        write_bytes(paths[kind], _encode(kind, pair))


def _as_json(content: object) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def _suffix(kind: str) -> str:
    if kind.startswith("labels"):
        return ".txt"
    return ".json" if kind == "objects" else ".png"


def _encode(kind: str, pair: Rendered) -> bytes:
    """Return the content of one of a pair's files."""
    if kind == "objects":
        listed = [
            {"class": item.kind, "box_xyxy": list(item.box_xyxy), "seen_by": item.seen_by, "why": item.why}
            for item in pair.objects
        ]
        return _as_json(listed)
    if kind.startswith("labels"):
        wanted = kind.removeprefix("labels").removeprefix("_")
        return _yolo(
            [item for item in pair.objects if item.seen_by in ("both", wanted) or not wanted], *pair.ir.shape
        ).encode()
    image = {"ir": pair.ir, "vi": pair.vis[..., ::-1], "Segmentation_labels": pair.classes}[kind]
    done, buffer = cv2.imencode(".png", np.ascontiguousarray(image), [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise OSError(
            f"Expected OpenCV to encode a PNG of shape {image.shape}, but it failed: check that it has PNG support."
        )
    return buffer.tobytes()


def _yolo(objects: list[SampleObject], height_px: int, width_px: int) -> str:
    """Return one line `class cx cy w h` per object, as fractions of the picture."""
    lines = []
    for item in objects:
        x0, y0, x1, y1 = item.box_xyxy
        values = ((x0 + x1) / 2 / width_px, (y0 + y1) / 2 / height_px, (x1 - x0) / width_px, (y1 - y0) / height_px)
        lines.append(f"{_YOLO_IDS[item.kind]} " + " ".join(f"{value:.6f}" for value in values) + "\n")
    return "".join(lines)
