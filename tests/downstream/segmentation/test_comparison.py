import csv
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_segmentation import CLASSES, CONFIG, CPU, IDS, INPUTS, MASKS, Shade
from torch import nn

from downstream.comparison import differences
from downstream.comparison.cross_validation import Folded, Networks
from downstream.comparison.inputs import Comparison
from downstream.comparison.run import compare as run_comparison
from downstream.segmentation import deeplab
from downstream.segmentation.classes import cityscapes_mapping, output_ids
from downstream.segmentation.confusion import confusion_matrix, miou
from downstream.segmentation.deeplab import Segmenter, to_input
from downstream.segmentation.table import detail_rows, notes, table_rows
from downstream.segmentation.task import SegmentationTask
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped

Save = Callable[[Path, np.ndarray], Path]
MakeSplit = Callable[[str], Comparison]


def shades(*networks: nn.Module, classes: int = 9) -> Networks[Segmenter]:
    mapping = cityscapes_mapping(MASKS) if classes == 19 else {}
    ids = output_ids(classes, MASKS, mapping)
    return alike(*(Segmenter(network, ids, f"shade {k}", CPU, mapping) for k, network in enumerate(networks)))


def alike(*segmenters: Segmenter) -> Networks[Segmenter]:
    """The same segmenters, one a seed, for every input."""
    return Networks({name: [Folded((segmenter,)) for segmenter in segmenters] for name in INPUTS})


def compare(comparison: Comparison, networks: Networks[Segmenter], out: Path, **changes: object) -> dict:
    task = SegmentationTask(replace(CONFIG, protocol="frozen", **changes))
    return run_comparison(task, comparison, networks, out, about={"data": "made"})


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
    assert list(entry["per_class"]) == result["classes"] == list(CLASSES)
    assert entry["per_class"]["person"] is None
    assert result["protocol"]["classes_without_truth"] == list(CLASSES[2:])
    figures = [result["inputs"][name]["miou"] for name in INPUTS]
    assert figures == sorted(figures, reverse=True)  # the fixture adds noise from input to input
    row = next(r for r in result["differences"] if (r["input"], r["against"]) == ("mean", "infrared"))
    assert row["difference"] == pytest.approx(figures[2] - figures[0])
    assert row["verdict"] == "too few pictures"


def test_table_and_csv(split: MakeSplit, tmp_path: Path) -> None:
    result = compare(split("test"), shades(Shade()), tmp_path)
    rows = table_rows(result)
    assert [row["input"] for row in rows] == ["infrared", "visible", "late", "mean", "max"]
    details = detail_rows(result)
    assert "car" in details[0]
    assert "person" not in details[0]
    assert rows[0]["mIoU"].startswith(f"{100 * result['inputs']['infrared']['miou']:.1f} [")
    with (tmp_path / "segmentation.csv").open() as file:
        assert float(next(csv.DictReader(file))["miou"]) == result["inputs"]["infrared"]["miou"]
    assert {f"vs {name}": "too few" for name in ("visible", "max", "late")}.items() <= rows[0].items()
    assert rows[0]["vs infrared"] == "–"
    assert notes(result)[-1].startswith("mIoU on 4 pictures (pictures taken as independent)")


def test_no_difference_is_said_in_words(split: MakeSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "MIN_PICTURES", 4)
    comparison = split("test")
    same = replace(comparison, inputs=tuple(replace(comparison.inputs[0], name=name) for name in INPUTS))
    result = compare(same, shades(Shade()), tmp_path, against=("mean:max",))
    row = next(r for r in result["differences"] if (r["input"], r["against"]) == ("mean", "max"))
    assert (row["difference"], row["verdict"]) == (0, "no evidence")
    assert row["interval"] == [0, 0]
    last = notes(result)[-1]
    assert last.startswith("mIoU without background: mean against max +0.0 [+0.0, +0.0]")
    assert last.endswith(": no evidence")


def test_a_second_run_predicts_only_what_is_new(split: MakeSplit, tmp_path: Path, save: Save) -> None:
    comparison, network = split("test"), Shade()
    first = compare(comparison, shades(network), tmp_path / "out")
    assert network.calls == 24  # four pictures of four inputs, and of both cameras for late fusion
    assert compare(comparison, shades(network), tmp_path / "out") == first
    assert network.calls == 24
    changed = comparison.input("max").files["00003D"]
    save(changed, 255 - np.asarray(Image.open(changed)))
    assert compare(comparison, shades(network), tmp_path / "out") != first
    assert network.calls == 25


def test_a_damaged_mask_is_made_anew(split: MakeSplit, tmp_path: Path) -> None:
    comparison = split("test")
    first = compare(comparison, shades(Shade()), tmp_path)
    mask = tmp_path / "predictions/max/00001D.png"
    whole = mask.read_bytes()
    mask.write_bytes(whole[: len(whole) // 2])
    assert compare(comparison, shades(Shade()), tmp_path) == first
    assert mask.read_bytes() == whole


def test_another_network_or_library_predicts_anew(
    split: MakeSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison, other = split("test"), Shade(0.5)
    compare(comparison, shades(Shade()), tmp_path)
    another = alike(Segmenter(other, IDS, "another", CPU))
    compare(comparison, another, tmp_path)
    assert other.calls == 24
    monkeypatch.setattr(deeplab, "library_version", lambda: "another version")
    compare(comparison, another, tmp_path)
    assert other.calls == 48


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


def test_with_how_many_pictures_a_class_is_measured_is_said(split: MakeSplit, tmp_path: Path) -> None:
    comparison = split("test")
    result = compare(comparison, shades(Shade()), tmp_path)
    truths = [np.asarray(Image.open(p)) for p in (comparison.root / "Segmentation_labels").glob("*.png")]
    expected = {name: sum(bool((t == i).any()) for t in truths) for i, name in enumerate(CLASSES)}
    assert result["protocol"]["pictures_with_class"] == expected
    assert any(f"background {expected['background']}, car {expected['car']}" in line for line in notes(result))


def test_pictures_without_a_label_are_left_out_and_counted(split: MakeSplit, tmp_path: Path) -> None:
    comparison = split("test")
    (comparison.root / "Segmentation_labels/00002N.png").unlink()
    result = compare(comparison, shades(Shade()), tmp_path)
    assert (result["images"], result["protocol"]["without_label"], result["protocol"]["skipped"]) == (3, 1, [])


def test_a_bad_picture_is_left_out_of_every_input(split: MakeSplit, tmp_path: Path, save: Save) -> None:
    comparison = split("test")
    whole = comparison.input("mean").files["00001D"].read_bytes()
    for item in ("mean", "max"):
        comparison.input(item).files["00001D"].write_bytes(whole[: len(whole) // 2])
    save(comparison.root / "Segmentation_labels/00004N.png", np.zeros((3, 3), np.uint8))
    train = Skipped("00001D", "train picture: cannot be read")  # another picture of that name
    result = compare(comparison, replace(shades(Shade()), skipped=(train,)), tmp_path)
    found = result["protocol"]["skipped"]
    assert [s["name"] for s in found] == ["00004N", "00001D", "00001D"]
    assert ("mean" in found[1]["reason"], found[2]) == (True, asdict(train))
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
    assert result["protocol"]["not_measurable"] == list(CLASSES[4:])
    entry = result["inputs"]["visible"]
    assert entry["per_class"]["color_cone"] is None
    assert entry["per_class"]["car"] == pytest.approx(0.5)  # the truth's cones are ignored, the background is not
    assert entry["miou"] == pytest.approx(0.25)


def test_each_fold_is_predicted_by_its_own_network(split: MakeSplit, tmp_path: Path) -> None:
    """Cars for all, or for none: what is counted must come from the network of the picture's fold."""
    comparison, networks = split("test"), (Shade(-9), Shade(9))
    own = tuple(Segmenter(network, IDS, f"shade {k}", CPU) for k, network in enumerate(networks))
    fold_of = {"00001D": 0, "00002N": 1, "00003D": 1, "00004N": 0}
    result = compare(comparison, Networks({name: [Folded(own, fold_of)] for name in INPUTS}), tmp_path)
    assert (networks[0].calls, networks[1].calls) == (12, 12)
    kept = np.load(tmp_path / "confusion/mean.npz")
    as_cars = kept["matrices"][:, :, 1].sum(1) > 0
    assert dict(zip(kept["names"].tolist(), as_cars.tolist(), strict=True)) == {n: k == 0 for n, k in fold_of.items()}
    assert result["images"] == 4


def test_the_pictures_that_gain_and_lose_the_most(split: MakeSplit, tmp_path: Path, save: Save) -> None:
    comparison = split("test")
    worse = comparison.input("max").files["00003D"]
    save(worse, 255 - np.asarray(Image.open(comparison.input("infrared").files["00003D"])))
    result = compare(comparison, shades(Shade()), tmp_path)
    largest = result["largest_changes"]
    assert largest["against"] == "infrared"
    found = largest["inputs"]["max"]["losses"][0]
    masks = [np.load(tmp_path / f"confusion/{name}.npz")["matrices"][2] for name in ("max", "infrared")]
    expected = [float(miou(m)) for m in masks]
    assert found == {
        "image": "00003D",
        "change": pytest.approx(expected[0] - expected[1]),
        "miou": pytest.approx(expected[0]),
        "miou_single": pytest.approx(expected[1]),
    }
    assert set(largest["inputs"]) == {"late", "mean", "max"}
    with (tmp_path / "pictures.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["input"] == "max"]
    assert float(rows[2]["change"]) == found["change"]


def test_any_pair_asked_for_is_compared(split: MakeSplit, tmp_path: Path) -> None:
    result = compare(split("test"), shades(Shade()), tmp_path, against=("mean:visible",))
    found = {(r["input"], r["against"], r["metric"]): r["difference"] for r in result["differences"]}
    entries = result["inputs"]
    for metric, value in (("miou", lambda e: e["miou"]), ("iou_car", lambda e: e["per_class"]["car"])):
        expected = value(entries["mean"]) - value(entries["visible"])
        assert found["mean", "visible", metric] == pytest.approx(expected)
    assert ("mean", "visible", "iou_person") not in found  # no person anywhere
    with pytest.raises(InputError, match="found 'mean:theirs'"):
        compare(split("test"), shades(Shade()), tmp_path, against=("mean:theirs",))


def test_another_mapping_counts_otherwise(split: MakeSplit, tmp_path: Path) -> None:
    comparison = split("test")
    assert shades(Shade(), classes=9).first.mapping is None

    class Trucks(nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return nn.functional.one_hot(torch.full(pixels.shape[:1] + pixels.shape[2:], 14), 19).movedim(3, 1)

    (tmp_path / "mine.json").write_text('{"truck": "car"}')
    plain, mapped = (
        Segmenter(Trucks(), output_ids(19, MASKS, mapping), "trucks", CPU, mapping)
        for mapping in (cityscapes_mapping(MASKS, path) for path in (None, tmp_path / "mine.json"))
    )
    assert plain.identity != mapped.identity
    results = [compare(comparison, alike(s), tmp_path / s.identity) for s in (plain, mapped)]
    assert [r["inputs"]["mean"]["per_class"]["car"] > 0 for r in results] == [False, True]
    assert [r["protocol"]["cityscapes_mapping"]["truck"] for r in results] == ["background", "car"]


def test_late_fusion_takes_the_likelier_of_both_cameras(split: MakeSplit, tmp_path: Path) -> None:
    """Surely a car in one camera outweighs perhaps none in the other; by votes or by grey levels it would not."""

    class Certain(nn.Module):
        """Three classes: the brighter, the surer of class 1; the rest is shared by the others."""

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            sure = pixels[:, :1]
            return torch.cat([torch.zeros_like(sure), 4 * sure, torch.full_like(sure, -9).repeat(1, 7, 1, 1)], 1)

    comparison = split("test")
    segmenter = Segmenter(Certain(), IDS, "certain", CPU)
    result = compare(comparison, alike(segmenter), tmp_path)
    assert list(result["inputs"]) == ["infrared", "visible", "late", "mean", "max"]
    mask = np.asarray(Image.open(tmp_path / "predictions/late/00001D.png"))
    logits = [
        segmenter.network(to_input(torch.from_numpy(np.array(Image.open(comparison.input(n).files["00001D"])))[None]))[
            0
        ]
        for n in ("infrared", "visible")
    ]
    expected = sum(x.softmax(0) for x in logits).argmax(0).numpy()
    np.testing.assert_array_equal(mask, expected)
    assert (mask != logits[1].argmax(0).numpy()).any()
    kept = np.load(tmp_path / "confusion/late.npz")
    assert kept["names"].tolist() == list(comparison.names)
    assert any(r["against"] == "late" and r["input"] == "mean" for r in result["differences"])
