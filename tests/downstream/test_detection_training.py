import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from downstream.detection.protocols import DetectionConfig, make_detectors
from downstream.detection.training import train_detectors, write_dataset
from downstream.detection.yolo import Budget
from downstream.inputs import Comparison, Input
from dwsfusion import InputError
from dwsfusion.images import read_image

CPU = torch.device("cpu")
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
    return Comparison(root, tuple(Input(name, files) for name, files in inputs.items()))


def train_all(train, out, joint, seeds=(0,), budget=BUDGET):
    return train_detectors(
        train, "labels", "tiny.yaml", out, joint=joint, budget=budget, seeds=seeds, device=CPU
    )  # fmt: skip


def weights(path):
    return torch.load(path, weights_only=False)["model"].state_dict()


def test_the_data_set_holds_every_picture_in_every_input(train, tmp_path):
    labels = {name: train.root / "labels" / f"{name}.txt" for name in train.names}
    dataset = write_dataset(tmp_path / "data", train.inputs, labels)
    pictures = sorted(p.stem for p in (tmp_path / "data/images").iterdir())
    assert pictures == sorted(f"{name}__{item.name}" for item in train.inputs for name in train.names)
    assert read_image(tmp_path / "data/images/00001D__infrared.png").shape == (48, 64, 3)
    assert (tmp_path / "data/labels/00001D__fused.txt").read_text() == labels["00001D"].read_text()
    assert json.loads(dataset.read_text())["names"] == {"0": "person", "1": "bicycle", "2": "car"}


@pytest.mark.slow
def test_retrained_gives_each_input_its_own_detector(train, tmp_path):
    """Both inputs show the same pixels here, so with all else equal their detectors must be equal too."""
    found = train_all(train, tmp_path / "out", joint=False)
    infrared, fused = found["infrared"][0], found["fused"][0]
    assert infrared != fused
    assert sorted(p.name for p in infrared.parent.iterdir()) == ["detector.pt", "training.json"]
    ours, theirs = weights(infrared), weights(fused)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
def test_joint_is_one_detector_and_goes_on_where_it_stopped(train, tmp_path):
    out = tmp_path / "out"
    found = train_all(train, out, joint=True, seeds=(0, 1))
    assert found["infrared"] == found["fused"] == [out / f"joint-seed{seed}/detector.pt" for seed in (0, 1)]
    assert json.loads((out / "joint-seed0/training.json").read_text())["pictures"] == 8
    first, second = (weights(path) for path in found["fused"])
    assert any(not torch.equal(first[name], second[name]) for name in first)
    made = [path.stat().st_mtime_ns for path in found["fused"]]
    (out / "joint-seed1/training.json").unlink()  # as if stopped in the second
    again = train_all(train, out, joint=True, seeds=(0, 1))["fused"]
    assert again[0].stat().st_mtime_ns == made[0]
    assert again[1].stat().st_mtime_ns != made[1]
    repeated = weights(again[1])
    assert all(torch.equal(second[name], repeated[name]) for name in second)
    other = train_all(train, out, joint=True, budget=replace(BUDGET, epochs=2))["fused"]
    assert other[0].stat().st_mtime_ns != made[0]


@pytest.mark.slow
def test_a_trained_detector_detects(train, tmp_path):
    config = DetectionConfig(detector="tiny.yaml", protocol="joint", image_size=64, epochs=1, batch_size=4)
    tested = replace(train, root=tmp_path / "set" / "test")
    detectors = make_detectors(config, tested, lambda: train, tmp_path / "out", seed=0, device=CPU)
    assert detectors["infrared"] == detectors["fused"]
    assert detectors["fused"][0].detectable == ("person", "bicycle", "car")
    found = list(detectors["fused"][0].predict(tested.input("fused").files.values()))
    assert len(found) == 4


def test_training_on_the_tested_pictures_is_refused(train, tmp_path):
    config = DetectionConfig(detector="tiny.yaml", protocol="retrained")
    with pytest.raises(InputError, match="beside the tested ones"):
        make_detectors(config, train, lambda: train, tmp_path, seed=0, device=CPU)


def test_a_bad_label_is_named_before_anything_is_trained(train, tmp_path):
    (train.root / "labels/00002D.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    with pytest.raises(InputError, match=r"00002D\.txt, line 1"):
        train_all(train, tmp_path, joint=True)


def test_the_sample_scenes_have_settings_of_their_own():
    sample = DetectionConfig().settled(sample=True)
    assert (sample.detector, sample.protocol) == ("sample.pt", "frozen")
    assert DetectionConfig().settled(sample=False).detector == "yolov5su.pt"
    chosen = DetectionConfig(detector="mine.pt", epochs=3)
    assert chosen.settled(sample=True) == chosen
