import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from downstream.inputs import Comparison, Input
from downstream.segmentation import protocols
from downstream.segmentation.classes import MSRS_CLASSES
from downstream.segmentation.comparison import PSEUDO_WARNING, compare_segmentation
from downstream.segmentation.confusion import confusion_matrix, miou
from downstream.segmentation.deeplab import DeepLabConfig, Segmenter, build_deeplab, save_deeplab
from downstream.segmentation.protocols import SegmentationConfig, Segmenters, make_segmenters
from downstream.segmentation.summary import notes, table_rows, title
from downstream.segmentation.training import TrainingConfig
from dwsfusion.errors import InputError

CPU = torch.device("cpu")
INPUTS = ("infrared", "visible", "mean", "max")
PAIR = ("infrared", "max")
TRAINING = TrainingConfig("tu-test_resnet", "none", decoder_channels=8, epochs=1, batch_size=2, crop_px=(32, 32))
CONFIG = SegmentationConfig("retrained", training=TRAINING, seeds=2, resamples=50)
Save = Callable[[Path, np.ndarray], Path]
MakeSplit = Callable[[str], Comparison]


class Shade(nn.Module):
    """Calls bright pixels cars, the others background."""

    def __init__(self, threshold: float = 0.0) -> None:
        super().__init__()
        self.threshold = threshold
        self.calls = 0

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        bright = (pixels[:, :1] > self.threshold).float()
        return torch.cat([1 - bright, bright, torch.full_like(pixels, -9).repeat(1, 3, 1, 1)[:, :7]], 1)


@pytest.fixture
def split(tmp_path: Path, random: np.random.Generator, save: Save) -> MakeSplit:
    """Makes four inputs over four small pictures of one split; each shows the cars with another noise."""

    def make(name: str, labels: str = "Segmentation_labels") -> Comparison:
        root = tmp_path / "set" / name
        names = ("00001D", "00002N", "00003D", "00004N")
        truths = [np.kron(random.integers(0, 2, (4, 5)), np.ones((9, 9))).astype(np.uint8) for _ in names]
        for picture, truth in zip(names, truths, strict=True):
            save(
                root / labels / f"{picture}.png",
                np.where(random.random(truth.shape) < 0.1, 255, truth).astype(np.uint8),
            )
        inputs = []
        for strength, item in enumerate(INPUTS, start=1):
            files = {}
            for picture, truth in zip(names, truths, strict=True):
                noise = random.normal(0, 20 * strength, truth.shape)
                pixels = np.clip(80 + 100 * truth.astype(float) + noise, 0, 255).astype(np.uint8)
                files[picture] = save(root / item / f"{picture}.png", np.repeat(pixels[..., None], 3, 2))
            inputs.append(Input(item, files))
        return Comparison(root, tuple(inputs))

    return make


def pair_of(comparison: Comparison) -> Comparison:
    """Two inputs of the four: enough to train on."""
    return replace(comparison, inputs=(comparison.input("infrared"), comparison.input("max")))


def shades(*networks: nn.Module, classes: int = 9) -> Segmenters:
    own = tuple(Segmenter(network, classes, f"shade {k}", CPU) for k, network in enumerate(networks))
    return Segmenters(dict.fromkeys(INPUTS, own))


def compare(comparison: Comparison, segmenters: Segmenters, out: Path, **changes: object) -> dict:
    config = replace(CONFIG, protocol="frozen", **changes)
    return compare_segmentation(comparison, segmenters, out, config, about={"data": "made"})


def test_saved_masks_and_matrices_give_the_same_figures(split: MakeSplit, tmp_path: Path) -> None:
    comparison, out = split("test"), tmp_path / "out"
    result = compare(comparison, shades(Shade()), out)
    assert json.loads((out / "segmentation.json").read_text()) == json.loads(json.dumps(result))
    for item in INPUTS:
        files = sorted((out / "predictions" / item).glob("*.png"))
        assert [f.stem for f in files] == list(comparison.names)
        masks = [np.asarray(Image.open(f)) for f in files]
        truths = [np.asarray(Image.open(comparison.root / "Segmentation_labels" / f.name)) for f in files]
        counted = np.stack([confusion_matrix(t, m, 9) for t, m in zip(truths, masks, strict=True)])
        kept = np.load(out / "confusion" / f"{item}.npz")
        np.testing.assert_array_equal(kept["matrices"], counted)
        assert kept["names"].tolist() == list(comparison.names)
        assert result["inputs"][item]["miou"] == pytest.approx(float(miou(counted.sum(0))))
        assert result["inputs"][item]["night"]["miou"] == pytest.approx(float(miou(counted[[1, 3]].sum(0))))


def test_keys_and_order_of_the_inputs(split: MakeSplit, tmp_path: Path) -> None:
    result = compare(split("test"), shades(Shade()), tmp_path)
    entry = result["inputs"]["infrared"]
    low, high = entry["interval"]["miou"]
    assert low <= entry["miou"] <= high
    assert result["images"] == 4
    assert (entry["day"]["images"], entry["night"]["images"]) == (2, 2)
    assert list(entry["per_class"]) == result["classes"] == list(MSRS_CLASSES)
    assert entry["per_class"]["person"] is None
    assert result["protocol"]["classes_without_truth"] == list(MSRS_CLASSES[2:])
    figures = [result["inputs"][name]["miou"] for name in INPUTS]
    assert figures == sorted(figures, reverse=True)  # the fixture adds noise from input to input
    row = next(r for r in result["differences"] if (r["input"], r["against"]) == ("mean", "infrared"))
    assert row["difference"] == pytest.approx(figures[2] - figures[0])
    assert row["evidence"] == (row["interval"][1] < 0)


def test_table_and_csv(split: MakeSplit, tmp_path: Path) -> None:
    result = compare(split("test"), shades(Shade()), tmp_path)
    rows = table_rows(result)
    assert [row["input"] for row in rows] == list(INPUTS)
    assert "car" in rows[0]
    assert "person" not in rows[0]
    assert rows[0]["mIoU"].startswith(f"{100 * result['inputs']['infrared']['miou']:.1f} [")
    with (tmp_path / "segmentation.csv").open() as file:
        assert float(next(csv.DictReader(file))["miou"]) == result["inputs"]["infrared"]["miou"]
    assert any("against max" in line for line in notes(result))


def test_no_difference_is_said_in_words(split: MakeSplit, tmp_path: Path) -> None:
    comparison = split("test")
    same = replace(comparison, inputs=tuple(replace(comparison.inputs[0], name=name) for name in INPUTS))
    lines = notes(compare(same, shades(Shade()), tmp_path))
    assert "mIoU: mean against max +0.0 [+0.0, +0.0]: no evidence of a difference" in lines


def test_a_second_run_predicts_only_what_is_new(split: MakeSplit, tmp_path: Path, save: Save) -> None:
    comparison, network = split("test"), Shade()
    first = compare(comparison, shades(network), tmp_path / "out")
    assert network.calls == 16
    assert compare(comparison, shades(network), tmp_path / "out") == first
    assert network.calls == 16
    changed = comparison.input("max").files["00003D"]
    save(changed, 255 - np.asarray(Image.open(changed)))
    assert compare(comparison, shades(network), tmp_path / "out") != first
    assert network.calls == 17


def test_a_damaged_mask_is_made_anew(split: MakeSplit, tmp_path: Path) -> None:
    comparison = split("test")
    first = compare(comparison, shades(Shade()), tmp_path)
    mask = tmp_path / "predictions/max/00001D.png"
    whole = mask.read_bytes()
    mask.write_bytes(whole[: len(whole) // 2])
    assert compare(comparison, shades(Shade()), tmp_path) == first
    assert mask.read_bytes() == whole


def test_another_network_predicts_anew(split: MakeSplit, tmp_path: Path) -> None:
    comparison, other = split("test"), Shade(0.5)
    compare(comparison, shades(Shade()), tmp_path)
    another = (Segmenter(other, 9, "another", CPU),)
    compare(comparison, Segmenters(dict.fromkeys(INPUTS, another)), tmp_path)
    assert other.calls == 16


def test_several_seeds(split: MakeSplit, tmp_path: Path) -> None:
    comparison = split("test")
    both = compare(comparison, shades(Shade(), Shade(0.5)), tmp_path / "both")["inputs"]["mean"]
    each = [compare(comparison, shades(Shade(t)), tmp_path / str(t))["inputs"]["mean"]["miou"] for t in (0.0, 0.5)]
    assert both["seeds"]["miou"] == pytest.approx(each)
    assert both["miou"] == pytest.approx(np.mean(each))
    assert both["spread"]["miou"] == pytest.approx(abs(each[0] - each[1]))
    assert np.load(tmp_path / "both/confusion/mean.npz")["matrices"].shape == (2, 4, 9, 9)
    folder = tmp_path / "both/predictions/mean"
    assert len(list(folder.glob("*.png"))) == len(list((folder / "seed1").glob("*.png"))) == 4


def test_pseudo_labels_are_marked_everywhere(split: MakeSplit, tmp_path: Path) -> None:
    comparison = split("test", "Segmentation_labels_pseudo")
    result = compare(comparison, shades(Shade()), tmp_path, labels="Segmentation_labels_pseudo")
    assert PSEUDO_WARNING in title(result)
    assert PSEUDO_WARNING in notes(result)
    assert json.loads((tmp_path / "segmentation.json").read_text())["protocol"]["warning"] == PSEUDO_WARNING
    with (tmp_path / "segmentation.csv").open() as file:
        assert {row["note"] for row in csv.DictReader(file)} == {PSEUDO_WARNING}


def test_pictures_without_a_label_are_left_out_and_counted(split: MakeSplit, tmp_path: Path) -> None:
    comparison = split("test")
    (comparison.root / "Segmentation_labels/00002N.png").unlink()
    result = compare(comparison, shades(Shade()), tmp_path)
    assert (result["images"], result["protocol"]["without_label"], result["protocol"]["skipped"]) == (3, 1, [])


def test_a_bad_picture_is_left_out_of_every_input(split: MakeSplit, tmp_path: Path, save: Save) -> None:
    comparison = split("test")
    whole = comparison.input("mean").files["00001D"].read_bytes()
    comparison.input("mean").files["00001D"].write_bytes(whole[: len(whole) // 2])
    save(comparison.root / "Segmentation_labels/00004N.png", np.zeros((3, 3), np.uint8))
    result = compare(comparison, shades(Shade()), tmp_path)
    assert sorted(s["name"] for s in result["protocol"]["skipped"]) == ["00001D", "00004N"]
    assert result["images"] == 2
    for item in INPUTS:
        assert np.load(tmp_path / f"confusion/{item}.npz")["names"].tolist() == ["00002N", "00003D"]


def test_cityscapes_leaves_out_what_it_cannot_name(split: MakeSplit, tmp_path: Path, save: Save) -> None:
    comparison = split("test")
    label = np.full((36, 45), 7, np.uint8)
    label[:9], label[9:18] = 0, 1
    for name in comparison.names:
        save(comparison.root / f"Segmentation_labels/{name}.png", label)

    class Cars(nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return nn.functional.one_hot(torch.full(pixels.shape[:1] + pixels.shape[2:], 13), 19).movedim(3, 1)

    result = compare(comparison, shades(Cars(), classes=19), tmp_path)
    assert result["protocol"]["measurable"] == ["background", "car", "person", "bike"]
    assert result["protocol"]["not_measurable"] == list(MSRS_CLASSES[4:])
    entry = result["inputs"]["visible"]
    assert entry["per_class"]["color_cone"] is None
    assert entry["per_class"]["car"] == pytest.approx(0.5)  # the truth's cones are ignored, the background is not
    assert entry["miou"] == pytest.approx(0.25)


def test_frozen_uses_one_file_for_all(split: MakeSplit, tmp_path: Path) -> None:
    shape = DeepLabConfig(TRAINING.encoder, 9, 8)
    save_deeplab(tmp_path / "net.safetensors", build_deeplab(shape), shape, "key")
    config = replace(CONFIG, protocol="frozen", segmenter=tmp_path / "net.safetensors")
    found = make_segmenters(config, split("test"), lambda: pytest.fail("trains"), tmp_path, seed=0, device=CPU)
    assert len({id(s) for own in found.by_input.values() for s in own}) == 1
    assert list(found.by_input) == list(INPUTS)


def test_frozen_without_a_file_says_what_is_needed(split: MakeSplit, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give --segmenter FILE"):
        make_segmenters(
            replace(CONFIG, protocol="frozen"), split("test"), lambda: split("train"), tmp_path, seed=0, device=CPU
        )


def test_the_tested_pictures_are_never_trained_on(split: MakeSplit, tmp_path: Path) -> None:
    test = split("test")
    with pytest.raises(InputError, match="expected train pictures beside the tested ones"):
        make_segmenters(CONFIG, test, lambda: test, tmp_path, seed=0, device=CPU)


def test_missing_labels_are_noticed_before_the_training(split: MakeSplit, tmp_path: Path) -> None:
    test = split("test")
    (test.root / "Segmentation_labels").rename(test.root / "elsewhere")
    with pytest.raises(InputError, match="name the folder with --labels"):
        make_segmenters(CONFIG, test, lambda: pytest.fail("trains"), tmp_path, seed=0, device=CPU)


def test_from_training_to_figures(split: MakeSplit, tmp_path: Path) -> None:
    test, train = split("test"), split("train")
    config = replace(CONFIG, protocol="joint", seeds=1)
    segmenters = make_segmenters(config, test, lambda: train, tmp_path / "models", seed=0, device=CPU)
    result = compare_segmentation(test, segmenters, tmp_path, config, about={"data": "made"})
    assert result["protocol"]["training"]["pictures"] == 4
    assert result["protocol"]["training"]["encoder_weights"] == "none"
    assert "fewer than 3 seeds: not a result to quote" in notes(result)
    assert all(0 <= entry["pixel_accuracy"] < 1 for entry in result["inputs"].values())
    assert all(np.load(tmp_path / f"confusion/{name}.npz")["matrices"].shape == (4, 9, 9) for name in INPUTS)


def test_a_stopped_run_goes_on_and_ends_the_same(
    split: MakeSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test, train, out = pair_of(split("test")), pair_of(split("train")), tmp_path / "models"
    make = lambda: make_segmenters(CONFIG, test, lambda: train, out, seed=0, device=CPU)  # noqa: E731
    make()
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert sorted(first) == sorted(f"{name}-seed{k}.safetensors" for name in PAIR for k in (0, 1))
    (out / "max-seed1.safetensors").unlink()
    calls = []
    original = protocols.train_network
    monkeypatch.setattr(protocols, "train_network", lambda *a: (calls.append(a[-1]), original(*a)))
    make()
    assert [call.split(" (")[0] for call in calls] == ["train max, seed 1"]
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_changed_train_pictures_train_their_input_again(
    split: MakeSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Save
) -> None:
    test, train = pair_of(split("test")), pair_of(split("train"))
    make = lambda config: make_segmenters(config, test, lambda: train, tmp_path / "m", seed=0, device=CPU)  # noqa: E731
    config = replace(CONFIG, seeds=1)
    make(config)
    calls = []
    monkeypatch.setattr(protocols, "train_network", lambda *a: calls.append(a[-1].split(",")[0]))
    save(train.input("max").files["00001D"], np.zeros((36, 45, 3), np.uint8))
    make(config)
    assert calls == ["train max"]
    make(replace(config, training=replace(TRAINING, lr=0.5)))
    assert calls[1:] == [f"train {name}" for name in PAIR]


def test_every_input_starts_from_the_same_weights(
    split: MakeSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: dict[str, dict[str, torch.Tensor]] = {}

    def keep(network: nn.Module, *rest: object) -> None:
        starts[str(rest[-1]).split(" (")[0]] = {n: t.clone() for n, t in network.state_dict().items()}

    monkeypatch.setattr(protocols, "train_network", keep)
    test, train = pair_of(split("test")), pair_of(split("train"))
    make_segmenters(CONFIG, test, lambda: train, tmp_path, seed=0, device=CPU)
    for seed in (0, 1):
        reference = starts[f"train infrared, seed {seed}"]
        for name in PAIR:
            torch.testing.assert_close(starts[f"train {name}, seed {seed}"], reference, rtol=0, atol=0)
    head = "segmentation_head.0.weight"
    assert not torch.equal(starts["train max, seed 0"][head], starts["train max, seed 1"][head])


def test_joint_trains_one_network_on_equal_parts(
    split: MakeSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr(
        protocols, "train_network", lambda network, pictures, labels, *rest: shown.append((pictures, labels))
    )
    test, train = pair_of(split("test")), pair_of(split("train"))
    config = replace(CONFIG, protocol="joint", seeds=1)
    found = make_segmenters(config, test, lambda: train, tmp_path, seed=0, device=CPU)
    assert [p.name for p in tmp_path.glob("*.safetensors")] == ["joint-seed0.safetensors"]
    assert len({own[0].identity for own in found.by_input.values()}) == 1
    ((pictures, labels),) = shown
    expected = [np.asarray(Image.open(f)) for item in train.inputs for f in item.files.values()]
    assert all((a == b).all() for a, b in zip(pictures, expected, strict=True))
    assert len(labels) == len(pictures) == 8


def test_a_bad_train_picture_is_left_out_of_every_input(split: MakeSplit, tmp_path: Path) -> None:
    test, train = pair_of(split("test")), pair_of(split("train"))
    train.input("max").files["00002N"].write_bytes(b"no picture")
    found = make_segmenters(replace(CONFIG, seeds=1), test, lambda: train, tmp_path, seed=0, device=CPU)
    assert [s.name for s in found.skipped] == ["00002N"]
    assert found.train_pictures == 3


def test_settings_of_the_sample_keep_what_was_asked_for() -> None:
    asked = SegmentationConfig(training=TrainingConfig(epochs=2))
    sample = asked.settled(sample=True)
    assert (sample.protocol, sample.training.encoder_weights, sample.training.epochs) == ("joint", "none", 2)
    msrs = asked.settled(sample=False)
    assert (msrs.protocol, msrs.training.encoder, msrs.training.encoder_weights) == (
        "retrained",
        "mobilenet_v2",
        "imagenet",
    )
    assert replace(asked, protocol="retrained").settled(sample=True).protocol == "retrained"
