import json
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from downstream.sample import SampleConfig, is_sample, make_sample, writing
from downstream.sample.buffers import Buffers
from downstream.sample.canvas import Sprite
from downstream.sample.rendering import MIN_AREA_PX, Rendered
from downstream.sample.visibility import contrast
from downstream.sample.writing import FOLDERS, is_night, pair_name, render_pair
from dwsfusion.errors import InputError

SMALL = SampleConfig(train=2, test=2, height=120, width=160, seed=3)
SCENES = SampleConfig(train=32, test=0, height=192, width=256, seed=11)
YOLO_IDS = {"person": 0, "bicycle": 1, "car": 2}
CLASS_IDS = {"car": 1, "person": 2, "bicycle": 3}


@pytest.fixture(scope="module")
def scenes() -> list[Rendered]:
    return [render_pair(SCENES, "train", index) for index in range(SCENES.train)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("sample") / "new", SMALL)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def stands_out(picture: np.ndarray, scene: Rendered, owner: int) -> float:
    """Contrast to the surroundings in units of the noise; written apart from the generator's own measure."""
    layers = np.atleast_3d(picture).astype(float)
    smooth = np.atleast_3d(cv2.medianBlur(picture, 3)).astype(float)
    noise = max(1.48 * float(np.median(np.abs(layers - smooth))), 1.0)
    mask = scene.owners == owner
    ring = (cv2.dilate(mask.astype(np.uint8), np.ones((3, 9))) > 0) & ~mask & (scene.owners < 0)
    rows = np.flatnonzero(mask.any(axis=1))
    parts = []
    for band in np.array_split(rows, 3):
        inside, around = mask[band], ring[band]
        if inside.sum() > 5 and around.sum() > 5:
            parts.append(layers[band][inside].mean(axis=0) - layers[band][around].mean(axis=0))
    return float(np.sqrt(np.square(parts).mean(axis=0)).max()) / noise if parts else float("nan")


def test_layout_is_complete_and_readable(made: Path) -> None:
    names = {"train": {"00001D", "00003N"}, "test": {"00002N", "00004D"}}
    for split, wanted in names.items():
        assert {path.name for path in (made / split).iterdir()} == set(FOLDERS)
        for folder in FOLDERS:
            assert {path.stem for path in (made / split / folder).iterdir()} == wanted
        for name in wanted:
            ir, vis, mask = (
                read(made / split / folder / f"{name}.png") for folder in ("ir", "vi", "Segmentation_labels")
            )
            assert (ir.shape, vis.shape, mask.shape) == ((120, 160), (120, 160, 3), (120, 160))
            assert {ir.dtype, vis.dtype, mask.dtype} == {np.dtype(np.uint8)}
            assert mask.max() <= 8
    marker = json.loads((made / "sample.json").read_text())
    assert marker["config"] == {"train": 2, "test": 2, "height": 120, "width": 160, "seed": 3}
    assert not list(made.rglob(".*"))


def test_files_hold_what_was_rendered(made: Path) -> None:
    pair = render_pair(SMALL, "test", 0)
    name = pair_name("test", 0)
    assert np.array_equal(read(made / "test/ir" / f"{name}.png"), pair.ir)
    assert np.array_equal(read(made / "test/vi" / f"{name}.png")[..., ::-1], pair.vis)
    assert np.array_equal(read(made / "test/Segmentation_labels" / f"{name}.png"), pair.classes)


def test_same_bits_again_and_whatever_the_count(made: Path, tmp_path: Path) -> None:
    again = contents(make_sample(tmp_path / "again", SMALL))
    assert again == contents(made)
    fewer = contents(make_sample(tmp_path / "fewer", SampleConfig(1, 1, 120, 160, 3)))
    pictures = {name for name in fewer if name != "sample.json"}
    assert len(pictures) == 2 * len(FOLDERS)
    assert {name: again[name] for name in pictures} == {name: fewer[name] for name in pictures}


def test_seed_split_and_number_matter() -> None:
    variants = [("train", 0, 3), ("train", 2, 3), ("test", 1, 3), ("train", 0, 4)]  # all by day
    pairs = [render_pair(SampleConfig(1, 1, 120, 160, seed), split, i) for split, i, seed in variants]
    assert len({pair.vis.tobytes() for pair in pairs}) == len({pair.ir.tobytes() for pair in pairs}) == 4


def test_splits_draw_different_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "render", lambda rng, *_: rng.random())
    drawn = [render_pair(SMALL, split, index) for split in ("train", "test") for index in range(5)]
    assert len(set(drawn)) == 10


def test_names_are_unique_and_half_are_nights() -> None:
    names = [pair_name(split, index) for split in ("train", "test") for index in range(60)]
    assert len({name[:5] for name in names}) == 120
    assert sum(name.endswith("N") for name in names) == 60
    assert all(is_night(split, 0) == pair_name(split, 0).endswith("N") for split in ("train", "test"))


def test_labels_follow_from_objects(made: Path, tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for path in made.glob("*/objects/*.json"):
        objects = json.loads(path.read_text())
        groups = {"labels": {"both", "infrared", "visible"}, "labels_infrared": {"both", "infrared"},
                  "labels_visible": {"both", "visible"}}  # fmt: skip
        for folder, group in groups.items():
            lines = (path.parents[1] / folder / f"{path.stem}.txt").read_text().splitlines()
            wanted = [item for item in objects if item["seen_by"] in group]
            assert len(lines) == len(wanted)
            counts[folder] += len(lines)
            for line, item in zip(lines, wanted, strict=True):
                assert all(len(field.split(".")[1]) == 6 for field in line.split()[1:])
                number, cx, cy, width, height = (float(field) for field in line.split())
                assert number == YOLO_IDS[item["class"]]
                box = np.array([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2])
                assert np.allclose(box * [160, 120, 160, 120], item["box_xyxy"], atol=1e-3)
        assert all(set(item) == {"class", "box_xyxy", "seen_by", "why"} and item["why"] for item in objects)
    assert counts["labels"] > 4


def test_boxes_are_tight_around_what_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    whole: dict[int, np.ndarray] = {}
    paste = Buffers.paste

    def record(self: Buffers, sprite: Sprite, class_id: int, owner: int, *rest: float) -> int:
        if owner >= 0:
            canvas = np.zeros((1200, 1600), np.bool_)  # the picture's corner lies at (400, 400)
            height, width = sprite.glow.shape[:2]
            rows, columns = slice(sprite.y_px + 400, None), slice(sprite.x_px + 400, None)
            canvas[rows, columns][:height, :width] = sprite.glow[..., 3] > 0.45
            whole[owner] = canvas[400 : 400 + self.heat.shape[0], 400 : 400 + self.heat.shape[1]]
        return paste(self, sprite, class_id, owner, *rest)

    monkeypatch.setattr(Buffers, "paste", record)
    free = covered = 0
    for index in range(7):
        whole.clear()
        scene = render_pair(SCENES, "train", index)
        for item in scene.objects:
            shown = scene.owners == item.owner
            assert (scene.classes[shown] == CLASS_IDS[item.kind]).all()
            assert shown.sum() >= MIN_AREA_PX
            assert not (shown & ~whole[item.owner]).any()
            rows, columns = np.nonzero(shown)
            assert item.box_xyxy == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            if shown.sum() == whole[item.owner].sum():
                rows, columns = np.nonzero(whole[item.owner])
                assert item.box_xyxy == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                free += 1
            else:
                covered += 1
    assert free > 10
    assert covered > 1


def test_all_classes_occur_often_and_not_tiny(scenes: list[Rendered]) -> None:
    for class_id in range(1, 9):
        areas = [int((scene.classes == class_id).sum()) for scene in scenes]
        areas = [area for area in areas if area >= 30]
        assert len(areas) >= 0.25 * len(scenes), class_id
        assert np.median(areas) > 100, class_id


def test_nights_are_dark_to_the_visible_camera_only(scenes: list[Rendered]) -> None:
    day, night = ([scene for scene in scenes if scene.night == dark] for dark in (False, True))
    assert len(day) == len(night)
    assert min(scene.vis.mean() for scene in day) > max(scene.vis.mean() for scene in night)
    assert np.median([scene.vis.mean() for scene in night]) < 55
    assert np.median([scene.ir.mean() for scene in night]) > 0.4 * np.median([scene.ir.mean() for scene in day])


def test_groups_occur_in_day_and_night_and_every_class(scenes: list[Rendered]) -> None:
    objects = [(item, scene.night) for scene in scenes for item in scene.objects]
    for night in (False, True):
        shares = Counter(item.seen_by for item, dark in objects if dark == night)
        total = sum(shares.values())
        # About 0.23 each is meant; some 70 objects scatter by 0.05, so this is three deviations wide.
        assert 0.08 <= shares["infrared"] / total <= 0.4
        assert 0.08 <= shares["visible"] / total <= 0.4
    for kind in YOLO_IDS:
        assert {item.seen_by for item, _ in objects if item.kind == kind} == {"both", "infrared", "visible"}


def test_hidden_objects_are_hidden_and_seen_ones_seen(scenes: list[Rendered]) -> None:
    hidden, seen = [], []
    for scene in scenes:
        for item in scene.objects:
            for camera, picture in (("infrared", scene.ir), ("visible", scene.vis)):
                value = stands_out(picture, scene, item.owner)
                if np.isfinite(value):
                    (seen if item.seen_by in ("both", camera) else hidden).append(value)
    assert len(hidden) > 25
    assert np.median(hidden) < 1.5
    assert np.quantile(hidden, 0.95) < 4.0
    assert np.median(seen) > 10.0
    assert np.quantile(seen, 0.05) > 4.0


def test_contrast_of_a_known_patch() -> None:
    picture = np.full((60, 60), 80, np.float32)
    mask = np.zeros((60, 60), np.bool_)
    mask[20:40, 25:35] = True
    assert contrast(picture, mask) == pytest.approx(0.0)
    picture[mask] = 100
    assert contrast(picture, mask) == pytest.approx(20.0)
    picture[20:30, 25:35] = 60  # lighter below and darker above must not cancel
    assert contrast(picture, mask) == pytest.approx(20.0)


def test_interrupted_run_is_completed_and_whole_one_left_alone(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "sample"
    shutil.copytree(made, root)
    calls: list[tuple[str, int]] = []
    real = writing.render_pair

    def count(config: SampleConfig, split: str, index: int) -> Rendered:
        calls.append((split, index))
        return real(config, split, index)

    monkeypatch.setattr(writing, "render_pair", count)
    make_sample(root, SMALL)
    assert calls == []
    for lost in ("sample.json", "train/ir/00003N.png", "train/labels/00003N.txt", "test/vi/00002N.png"):
        (root / lost).unlink()
    steps: list[tuple[int, int]] = []
    make_sample(root, SMALL, lambda done, total: steps.append((done, total)))
    assert calls == [("train", 1), ("test", 0)]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert contents(root) == contents(made)


def test_marker_comes_last_and_nobody_mixes_seeds(tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        make_sample(tmp_path, SMALL, stop)
    assert not is_sample(tmp_path)
    with pytest.raises(InputError, match=r"Found .*'seed': 3.* asked for .*'seed': 4.*delete the folder"):
        make_sample(tmp_path, SampleConfig(2, 2, 120, 160, seed=4))
    make_sample(tmp_path, SMALL)
    assert is_sample(tmp_path)


def test_other_config_is_refused(made: Path) -> None:
    before = contents(made)
    with pytest.raises(InputError, match=r"Found .*'train': 2.* asked for .*'train': 5.*Choose another folder"):
        make_sample(made, SampleConfig(5, 2, 120, 160, 3))
    assert contents(made) == before


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (SampleConfig(train=0, test=0), "at least one pair"),
        (SampleConfig(train=-1), "at least one pair"),
        (SampleConfig(height=40), "at least 96 x 96"),
        (SampleConfig(seed=-1), "seed of 0 or more"),
    ],
)
def test_senseless_configs_are_refused(config: SampleConfig, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        make_sample(tmp_path / "x", config)
    assert not (tmp_path / "x").exists()
