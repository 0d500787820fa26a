import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_segmentation import CONFIG, CPU, INPUTS, MASKS, PAIR, TRAINING, pair_of
from torch import nn

from downstream.comparison.inputs import Comparison
from downstream.comparison.networks import make_networks
from downstream.comparison.run import compare
from downstream.segmentation import retraining
from downstream.segmentation.config import SegmentationConfig
from downstream.segmentation.deeplab import DeepLabConfig, build_deeplab, save_deeplab
from downstream.segmentation.recipe import TrainingConfig, TrainingOptions
from downstream.segmentation.table import notes
from downstream.segmentation.task import SegmentationTask
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped

Save = Callable[[Path, np.ndarray], Path]
MakeSplit = Callable[[str], Comparison]


def test_frozen_uses_one_file_for_all(split: MakeSplit, tmp_path: Path) -> None:
    shape = DeepLabConfig(9, TRAINING.encoder, 8)
    save_deeplab(tmp_path / "net.safetensors", build_deeplab(shape), shape, "key")
    config = replace(CONFIG, protocol="frozen", segmenter=(tmp_path / "net.safetensors",))
    found = make_networks(
        SegmentationTask(config), split("test"), lambda: pytest.fail("trains"), tmp_path, seed=0, device=CPU
    )
    assert len({id(s) for own in found.by_input.values() for folded in own for s in folded.networks}) == 1
    assert list(found.by_input) == list(INPUTS)


def test_frozen_without_a_file_says_what_is_needed(split: MakeSplit, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give --segmenter FILE"):
        make_networks(
            SegmentationTask(replace(CONFIG, protocol="frozen")),
            split("test"),
            lambda: split("train"),
            tmp_path,
            seed=0,
            device=CPU,
        )


def test_the_tested_pictures_are_never_trained_on(split: MakeSplit, tmp_path: Path) -> None:
    test = split("test")
    with pytest.raises(InputError, match="expected train pictures beside the tested ones"):
        make_networks(SegmentationTask(CONFIG), test, lambda: test, tmp_path, seed=0, device=CPU)


def test_missing_labels_are_noticed_before_the_training(split: MakeSplit, tmp_path: Path) -> None:
    test = split("test")
    (test.root / "Segmentation_labels").rename(test.root / "elsewhere")
    with pytest.raises(InputError, match="name others with --labels"):
        make_networks(SegmentationTask(CONFIG), test, lambda: pytest.fail("trains"), tmp_path, seed=0, device=CPU)


def test_from_training_to_figures(split: MakeSplit, tmp_path: Path) -> None:
    test, train = split("test"), split("train")
    config = replace(CONFIG, protocol="joint", seeds=1)
    segmenters = make_networks(SegmentationTask(config), test, lambda: train, tmp_path / "models", seed=0, device=CPU)
    result = compare(SegmentationTask(config), test, segmenters, tmp_path, about={"data": "made"})
    assert result["protocol"]["training"]["pictures"] == 4
    assert result["protocol"]["training"]["encoder_weights"] == "none"
    labels = [np.asarray(Image.open(p)) for p in (train.root / "Segmentation_labels").glob("*.png")]
    held = {name: [int((label == i).sum()) for label in labels] for i, name in enumerate(MASKS.names)}
    expected = {name: {"pictures": sum(n > 0 for n in own), "pixels": sum(own)} for name, own in held.items()}
    assert result["protocol"]["training"]["classes"] == expected
    (few,) = (line for line in notes(result) if line.startswith("hardly trained on, in fewer than 10"))
    assert f"background {expected['background']['pictures']}, car" in few  # four pictures hold nothing often
    assert "fewer than 3 seeds: not a result to quote" in notes(result)
    assert all(0 <= entry["pixel_accuracy"] < 1 for entry in result["inputs"].values())
    assert all(np.load(tmp_path / f"confusion/{name}.npz")["matrices"].shape == (4, 9, 9) for name in INPUTS)


def test_folds_train_on_the_pictures_that_they_do_not_test(
    split: MakeSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}

    def keep(network: nn.Module, pictures: list[np.ndarray], *rest: object) -> list[float]:
        seen[rest[-1]] = pictures
        return []

    monkeypatch.setattr(retraining, "train_network", keep)
    test = pair_of(split("test"))
    config = replace(CONFIG, folds=2, seeds=1)
    found = make_networks(
        SegmentationTask(config), test, lambda: pytest.fail("no train split"), tmp_path, seed=0, device=CPU
    )
    assert list(seen) == [f"train {name}-seed0-fold{fold}of2" for name in PAIR for fold in (1, 2)]
    fold_of = found.by_input["visible"][0].fold_of
    assert {name[-1] for name, fold in fold_of.items() if fold == 0} == {"D", "N"}
    for name in PAIR:
        for fold in (0, 1):
            others = [f for n, f in test.input(name).files.items() if fold_of[n] != fold]
            expected = [np.asarray(Image.open(f)) for f in others]
            trained = seen[f"train {name}-seed0-fold{fold + 1}of2"]
            assert all((a == b).all() for a, b in zip(trained, expected, strict=True))
        (folded,) = found.by_input[name]
        assert all(folded.of(picture) is folded.networks[fold] for picture, fold in fold_of.items())


def test_joint_and_folds_from_training_to_figures(split: MakeSplit, tmp_path: Path) -> None:
    config = replace(CONFIG, protocol="joint", folds=2, against=("mean:visible",))
    test = split("test")
    networks = make_networks(
        SegmentationTask(config), test, lambda: pytest.fail("no train split"), tmp_path / "m", seed=0, device=CPU
    )
    assert len(list((tmp_path / "m").glob("*.safetensors"))) == 4  # 2 seeds, 2 folds, one network for all inputs
    result = compare(SegmentationTask(config), test, networks, tmp_path, about={"data": "made"})
    training = result["protocol"]["training"]
    assert sorted(name for fold in training["folds"]["pictures"] for name in fold) == list(test.names)
    assert training["early_stopping"].startswith("none")
    assert result["images"] == 4
    assert "2 folds" in notes(result)[0]
    json.dumps(result)


def test_a_stopped_run_goes_on_and_ends_the_same(
    split: MakeSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test, train, out = pair_of(split("test")), pair_of(split("train")), tmp_path / "models"
    make = lambda: make_networks(SegmentationTask(CONFIG), test, lambda: train, out, seed=0, device=CPU)  # noqa: E731
    make()
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert sorted(first) == sorted(
        f"{name}-seed{k}.{suffix}" for name in PAIR for k in (0, 1) for suffix in ("safetensors", "jsonl")
    )
    (out / "visible-seed1.safetensors").unlink()
    calls = []
    original = retraining.train_network
    monkeypatch.setattr(retraining, "train_network", lambda *a: (calls.append(a[-1]), original(*a))[1])
    make()
    assert calls == ["train visible-seed1"]
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_changed_train_pictures_train_their_input_again(
    split: MakeSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Save
) -> None:
    test, train = pair_of(split("test")), pair_of(split("train"))

    def make(config: SegmentationConfig) -> None:
        make_networks(SegmentationTask(config), test, lambda: train, tmp_path / "m", seed=0, device=CPU)

    config = replace(CONFIG, seeds=1)
    make(config)
    calls = []
    monkeypatch.setattr(retraining, "train_network", lambda *a: calls.append(a[-1]) or [])
    save(train.input("visible").files["00001D"], np.zeros((36, 45, 3), np.uint8))
    make(config)
    assert calls == ["train visible-seed0"]
    make(replace(config, training=replace(TRAINING, lr=0.5)))
    assert calls[1:] == [f"train {name}-seed0" for name in PAIR]
    monkeypatch.setattr(retraining, "library_version", lambda: "another version")
    make(config)
    assert calls[3:] == [f"train {name}-seed0" for name in PAIR]


def test_every_input_starts_from_the_same_weights(
    split: MakeSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: dict[str, dict[str, torch.Tensor]] = {}

    def keep(network: nn.Module, *rest: object) -> list[float]:
        starts[str(rest[-1])] = {n: t.clone() for n, t in network.state_dict().items()}
        return []

    monkeypatch.setattr(retraining, "train_network", keep)
    test, train = pair_of(split("test")), pair_of(split("train"))
    make_networks(SegmentationTask(CONFIG), test, lambda: train, tmp_path, seed=0, device=CPU)
    for seed in (0, 1):
        reference = starts[f"train infrared-seed{seed}"]
        for name in PAIR:
            torch.testing.assert_close(starts[f"train {name}-seed{seed}"], reference, rtol=0, atol=0)
    head = "segmentation_head.0.weight"
    assert not torch.equal(starts["train visible-seed0"][head], starts["train visible-seed1"][head])


def test_joint_trains_one_network_on_equal_parts(
    split: MakeSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr(
        retraining, "train_network", lambda network, pictures, labels, *rest: shown.append((pictures, labels)) or []
    )
    test, train = pair_of(split("test")), pair_of(split("train"))
    config = replace(CONFIG, protocol="joint", seeds=1)
    found = make_networks(SegmentationTask(config), test, lambda: train, tmp_path, seed=0, device=CPU)
    assert [p.name for p in tmp_path.glob("*.safetensors")] == ["joint-seed0.safetensors"]
    assert len({own[0].identity for own in found.by_input.values()}) == 1
    ((pictures, labels),) = shown
    expected = [np.asarray(Image.open(f)) for item in train.inputs for f in item.files.values()]
    assert all((a == b).all() for a, b in zip(pictures, expected, strict=True))
    assert len(labels) == len(pictures) == 8


def test_a_bad_train_picture_is_left_out_of_every_input(split: MakeSplit, tmp_path: Path) -> None:
    test, train = pair_of(split("test")), pair_of(split("train"))
    train.input("visible").files["00002N"].write_bytes(b"no picture")
    train = replace(train, skipped=(Skipped("00009D", "no vi/00009D"),))
    found = make_networks(SegmentationTask(replace(CONFIG, seeds=1)), test, lambda: train, tmp_path, seed=0, device=CPU)
    assert [s.name for s in found.skipped] == ["00009D", "00002N"]
    assert all(s.reason.startswith("train picture: ") for s in found.skipped)
    assert found.training["pictures"] == 3


def test_settings_of_the_sample_keep_what_was_asked_for() -> None:
    asked = SegmentationConfig(training=TrainingOptions(epochs=2))
    sample = asked.settled(sample=True)
    assert (sample.protocol, sample.training.encoder_weights, sample.training.epochs) == ("joint", "none", 2)
    msrs = asked.settled(sample=False)
    assert (msrs.protocol, msrs.training.encoder, msrs.training.encoder_weights) == (
        "retrained",
        "mobilenet_v2",
        "imagenet",
    )
    assert replace(asked, protocol="retrained").settled(sample=True).protocol == "retrained"


def test_on_the_sample_what_equals_the_usual_value_is_kept_where_it_was_asked_for() -> None:
    usual = TrainingConfig()
    asked = TrainingOptions(epochs=usual.epochs, lr=usual.lr, crop_px=usual.crop_px)
    training = SegmentationConfig(training=asked).settled(sample=True).training
    assert (training.epochs, training.lr, training.crop_px) == (usual.epochs, usual.lr, usual.crop_px)
    assert (training.batch_size, training.encoder) == (4, "tu-test_resnet")
    with_encoder = SegmentationConfig(training=TrainingOptions("resnet18")).settled(sample=True).training
    assert with_encoder == replace(usual, encoder="resnet18")


def test_no_resamples_are_refused() -> None:
    with pytest.raises(InputError, match="--resamples of 1 or more, found 0"):
        SegmentationConfig(resamples=0).settled(sample=False)
