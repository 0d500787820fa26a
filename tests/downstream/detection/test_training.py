import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from downstream.comparison.inputs import Comparison, Input
from downstream.comparison.jobs import run_jobs
from downstream.comparison.networks import make_networks
from downstream.comparison.plan import Matrix
from downstream.datasets.box_files import read_boxes
from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet
from downstream.detection.budget import Budget
from downstream.detection.config import DetectionConfig
from downstream.detection.label_sets import read_labelled
from downstream.detection.task import DetectionTask
from downstream.detection.training import DetectorJob, make_jobs, write_dataset
from downstream.detection.yolo import YoloDetector
from dwsfusion import InputError
from dwsfusion.images import read_image
from dwsfusion.pairs import Skipped

CPU = torch.device("cpu")
CLASSES = msrs().boxes.names
BUDGET = Budget(epochs=1, batch_size=4, image_size=64)


@pytest.fixture
def train(tmp_path, random, save):
    """Four small pictures with a bright car, grey in infrared, colour in fused."""
    inputs = {"infrared": {}, "fused": {}}
    root = tmp_path / "set" / "train"
    (root / "labels").mkdir(parents=True)
    for number in range(4):
        name = f"0000{number}D"
        image = random.integers(0, 90, (48, 64), np.uint8)
        image[20:40, 10 * number : 10 * number + 24] = 230
        (root / "labels" / f"{name}.txt").write_text(f"2 {(10 * number + 12) / 64} 0.625 0.375 0.41\n")
        inputs["infrared"][name] = save(tmp_path / "ir" / f"{name}.png", image)
        inputs["fused"][name] = save(tmp_path / "fused" / f"{name}.png", np.repeat(image[..., None], 3, axis=2))
    return Comparison(DataSet(msrs(), root), tuple(Input(name, files) for name, files in inputs.items()))


def train_all(train, out, joint, seeds=(0,), budget=BUDGET, folds=((),)):
    """Input name to its detectors' files: one entry a seed, in it one a fold."""
    matrix = Matrix(train.inputs, seeds, joint, folds)
    labels = read_labelled(train, None)
    jobs = make_jobs(matrix.places(), labels, CLASSES, "tiny.yaml", out, budget, CPU)
    run_jobs(jobs, [CPU])
    by_input = matrix.by_input({job.name: job.detector for job in jobs})
    return {name: [folded.networks for folded in own] for name, own in by_input.items()}


def weights(path):
    return torch.load(path, weights_only=False)["model"].state_dict()


def test_the_data_set_holds_every_picture_in_every_input(train, tmp_path):
    labels = read_labelled(train, None)
    dataset = write_dataset(tmp_path / "data", train.inputs, labels, CLASSES)
    pictures = sorted(p.stem for p in (tmp_path / "data/images").iterdir())
    assert pictures == sorted(f"{name}__{item.name}" for item in train.inputs for name in train.names)
    assert read_image(tmp_path / "data/images/00001D__infrared.png").shape == (48, 64, 3)
    given = read_boxes(tmp_path / "data/labels/00001D__fused.txt", (48, 64), msrs().boxes)
    np.testing.assert_allclose(given.boxes_xyxy, labels["00001D"].boxes_xyxy, atol=1e-5)
    assert given.classes.tolist() == [2]
    assert json.loads(dataset.read_text())["names"] == {"0": "person", "1": "bicycle", "2": "car"}


@pytest.mark.slow
def test_retrained_gives_each_input_its_own_detector(train, tmp_path):
    """Both inputs show the same pixels here, so with all else equal their detectors must be equal too."""
    found = train_all(train, tmp_path / "out", joint=False)
    infrared, fused = found["infrared"][0][0], found["fused"][0][0]
    assert infrared != fused
    assert sorted(p.name for p in infrared.parent.iterdir()) == ["detector.pt", "losses.jsonl", "training.json"]
    (row,) = map(json.loads, (infrared.parent / "losses.jsonl").read_text().splitlines())
    assert row["epoch"] == 1
    assert set(row) == {"epoch", "box_loss", "cls_loss", "dfl_loss"}
    assert min(row.values()) > 0
    ours, theirs = weights(infrared), weights(fused)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
def test_joint_is_one_detector_and_goes_on_where_it_stopped(train, tmp_path):
    out = tmp_path / "out"
    found = train_all(train, out, joint=True, seeds=(0, 1))
    files = [out / f"joint-seed{seed}/detector.pt" for seed in (0, 1)]
    assert found["infrared"] == found["fused"] == [(file,) for file in files]
    assert json.loads((out / "joint-seed0/training.json").read_text())["pictures"] == 8
    first, second = (weights(path) for path in files)
    assert any(not torch.equal(first[name], second[name]) for name in first)
    made = [path.stat().st_mtime_ns for path in files]
    (out / "joint-seed1/training.json").unlink()  # as if stopped in the second
    train_all(train, out, joint=True, seeds=(0, 1))
    assert files[0].stat().st_mtime_ns == made[0]
    assert files[1].stat().st_mtime_ns != made[1]
    repeated = weights(files[1])
    assert all(torch.equal(second[name], repeated[name]) for name in second)
    train_all(train, out, joint=True, budget=replace(BUDGET, epochs=2))
    assert files[0].stat().st_mtime_ns != made[0]


@pytest.mark.slow
def test_a_trained_detector_detects(train, tmp_path):
    """Thirty epochs are enough to overfit four pictures."""
    config = DetectionConfig(
        detector=("tiny.yaml",), protocol="joint", image_size=64, epochs=30, batch_size=4, learning_rate=0.006
    )
    moved = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "ir", moved)
    infrared = Input("infrared", {name: moved / path.name for name, path in train.input("infrared").files.items()})
    tested = Comparison(DataSet(msrs(), tmp_path / "set/test"), (infrared, train.input("fused")))
    (tested.root / "labels").mkdir(parents=True)
    for path in (train.root / "labels").iterdir():
        (tested.root / "labels" / path.name).write_text(path.read_text())
    broken = replace(train, skipped=(Skipped("00009D", "cannot be read"),))
    made = make_networks(DetectionTask(config), tested, lambda: broken, tmp_path / "out", seed=0, device=CPU)
    assert made.by_input["infrared"] == made.by_input["fused"]
    detector = made.first
    assert detector.detectable == ("person", "bicycle", "car")
    found = list(detector.predict(tested.input("fused").files.values()))
    for number, car in enumerate(found):
        assert (car.classes[0], car.scores[0] > 0.3) == (2, True)
        assert car.boxes_xyxy[0] == pytest.approx([10 * number, 20, 10 * number + 24, 40], abs=6)
    assert made.skipped == (Skipped("00009D", "train picture: cannot be read"),)
    assert made.training["pictures"] == 4
    assert detector.seconds == made.seconds > 0
    assert made.training["early_stopping"].startswith("none")


@pytest.mark.slow
def test_folds_test_every_picture_on_a_detector_that_never_saw_it(train, tmp_path):
    config = DetectionConfig(
        detector=("tiny.yaml",), protocol="retrained", image_size=64, epochs=1, batch_size=2, folds=2
    )
    made = make_networks(
        DetectionTask(config), train, lambda: pytest.fail("no train split"), tmp_path / "out", seed=0, device=CPU
    )
    first, second = made.training["folds"]["pictures"]
    assert sorted(first + second) == list(train.names)
    assert "neighbouring frames are not kept together" in made.training["folds"]["how"]
    said = DetectionTask(config).protocol(
        replace(made, by_input={**made.by_input, "visible": made.by_input["fused"]}), {}
    )
    assert said["training"]["ranking"].startswith("the detections of all folds together")
    assert said["detector_sha256"] == made.by_input["fused"][0].identity
    for number, tested in enumerate((first, second), start=1):
        record = json.loads((tmp_path / f"out/fused-seed0-fold{number}of2/training.json").read_text())
        assert (record["inputs"], record["pictures"]) == (["fused"], 2)
        own = YoloDetector(tmp_path / f"out/fused-seed0-fold{number}of2/detector.pt", CPU, msrs().boxes, 64)
        files = [train.input("fused").files[name] for name in tested]
        trained = made.by_input["fused"][0].of(tested[0])
        for ours, theirs in zip(trained.predict(files), own.predict(files), strict=True):
            np.testing.assert_array_equal(ours.scores, theirs.scores)
    assert made.by_input["fused"][0].identity != made.by_input["infrared"][0].identity


def test_a_cell_depends_on_the_pictures_that_it_is_trained_on_alone(train, tmp_path, save, monkeypatch):
    trained = []
    monkeypatch.setattr(DetectorJob, "train", lambda job, device, track: trained.append((job.name, job.key)))
    folds = (("00000D", "00001D"), ("00002D", "00003D"))
    train_all(train, tmp_path, joint=False, folds=folds)
    before = dict(trained)
    assert list(before) == [f"{name}-seed0-fold{k}of2" for name in ("infrared", "fused") for k in (1, 2)]
    save(train.input("fused").files["00003D"], np.zeros((48, 64, 3), np.uint8))
    train_all(train, tmp_path, joint=False, folds=folds)
    changed = [name for name, key in trained[4:] if before[name] != key]
    assert changed == ["fused-seed0-fold1of2"]  # fold 2 tests this picture and is trained on the others
    monkeypatch.setattr("downstream.detection.training.library_version", lambda: "another")
    train_all(train, tmp_path, joint=False, folds=folds)
    assert not {key for _, key in trained[4:8]} & {key for _, key in trained[8:]}


def test_training_on_the_tested_pictures_is_refused(train, tmp_path):
    config = DetectionConfig(detector=("tiny.yaml",), protocol="retrained")
    with pytest.raises(InputError, match="beside the tested ones"):
        make_networks(DetectionTask(config), train, lambda: train, tmp_path, seed=0, device=CPU)


def test_a_bad_label_is_named_before_anything_is_trained(train, tmp_path, monkeypatch):
    monkeypatch.setattr(DetectorJob, "train", lambda *_: pytest.fail("trains"))
    (train.root / "labels/00002D.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    config = DetectionConfig(detector=("tiny.yaml",), protocol="joint", folds=2)
    with pytest.raises(InputError, match=r"00002D\.txt, line 1"):
        make_networks(DetectionTask(config), train, lambda: train, tmp_path, seed=0, device=CPU)


@pytest.mark.parametrize(
    "config",
    [
        DetectionConfig(folds=5),
        DetectionConfig(devices=("cpu", "cpu")),
        DetectionConfig(protocol="joint", mapping=Path("mine.json")),
    ],
)
def test_settings_of_another_protocol_are_refused(config):
    with pytest.raises(InputError, match="--protocol"):
        config.settled(sample=False)


def test_no_resamples_are_refused():
    with pytest.raises(InputError, match="--resamples of 1 or more, found 0"):
        DetectionConfig(resamples=0).settled(sample=False)


def test_the_sample_scenes_have_settings_of_their_own():
    sample = DetectionConfig().settled(sample=True)
    assert (sample.detector, sample.protocol) == (("sample.pt",), "frozen")
    trained = DetectionConfig(protocol="joint", epochs=3).settled(sample=True)
    assert (trained.detector, trained.epochs, trained.learning_rate, trained.image_size) == (
        ("tiny.yaml",),
        3,
        0.006,
        256,
    )
    usual = Budget()
    asked = DetectionConfig(protocol="joint", epochs=usual.epochs, image_size=usual.image_size).settled(sample=True)
    assert asked.budget() == replace(usual, learning_rate=0.006)  # what was asked for is kept, usual as it is
    assert DetectionConfig().settled(sample=False).detector == ("yolov5su.pt",)
    assert DetectionConfig().settled(sample=False).budget() == usual
    chosen = DetectionConfig(detector=("mine.pt",), epochs=3)
    assert chosen.settled(sample=True) == chosen
