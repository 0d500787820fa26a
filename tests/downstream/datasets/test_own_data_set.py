"""A data set of somebody's own, described in ten lines, through both tasks by the commands that a user types."""

import json

import numpy as np
import pytest
from PIL import Image

from downstream.commands import run

CARD = """\
name: Yard
pictures: {infrared: "hot/{name}.png", visible: "cold/{name}.jpg"}
boxes:
  labels: {drawn: {format: voc, path: "boxes/{name}.xml"}}
  classes: [{name: Goat, detectors: [sheep, car]}, {name: Farmer, detectors: person}]
masks:
  path: "masks/{name}.png"
  classes: [{name: ground, cityscapes: terrain}, {name: Farmer, number: 7, cityscapes: person}]
groups:
  fog: {list: fog.txt}
"""
BOX = "<bndbox><xmin>10</xmin><ymin>10</ymin><xmax>60</xmax><ymax>60</ymax></bndbox>"


@pytest.fixture
def yard(tmp_path, random):
    root = tmp_path / "yard"
    for folder in ("hot", "cold", "boxes", "masks"):
        (root / folder).mkdir(parents=True)
    for name in ("a", "b", "c"):
        Image.fromarray(random.integers(0, 256, (96, 128), np.uint8)).save(root / f"hot/{name}.png")
        Image.fromarray(random.integers(0, 256, (96, 128, 3), np.uint8)).save(root / f"cold/{name}.jpg")
        (root / f"boxes/{name}.xml").write_text(f"<annotation><object><name>Goat</name>{BOX}</object></annotation>")
        Image.fromarray(7 * random.integers(0, 2, (96, 128), np.uint8)).save(root / f"masks/{name}.png")
    (root / "dataset.yaml").write_text(CARD)
    (root / "fog.txt").write_text("b.png\n")
    return root


def call(name, *flags):
    with pytest.raises(SystemExit) as left:
        run(name, [str(flag) for flag in flags])
    return left.value.code


@pytest.mark.slow
def test_ten_lines_are_enough(yard, tmp_path, capsys, monkeypatch):
    assert CARD.count("\n") == 10
    monkeypatch.chdir(tmp_path)
    assert call("fuse", "--data", yard, "--method", "max") == 0
    assert sorted(p.name for p in (tmp_path / "out/fused/yard/max/test").glob("*.png")) == ["a.png", "b.png", "c.png"]
    capsys.readouterr()
    assert call("detection", "--data", yard, "--detector", "sample.pt", "--image-size", 96, "--resamples", 20) == 0
    assert "Goat" in capsys.readouterr().out
    detection = json.loads((tmp_path / "out/detection/detection.json").read_text())
    assert (detection["data_set"], detection["classes"], detection["groups"]) == ("Yard", ["Goat", "Farmer"], ["fog"])
    assert detection["inputs"]["max"]["per_class"]["Goat"]["objects"] == 3
    assert detection["inputs"]["max"]["fog"]["images"] == 1
    assert detection["protocol"]["mapping"] == {"car": "Goat", "person": "Farmer"}
    assert detection["protocol"]["labels"] == "drawn"
    training = ("--encoder", "tu-test_resnet", "--encoder-weights", "none", "--epochs", 1, "--batch-size", 2)
    folds = ("--protocol", "joint", "--folds", 2, "--seeds", 1, "--crop-px", 64, 64, "--resamples", 20)
    assert call("segmentation", "--data", yard, *training, *folds) == 0
    segmentation = json.loads((tmp_path / "out/segmentation/segmentation.json").read_text())
    assert segmentation["classes"] == ["ground", "Farmer"]
    with Image.open(tmp_path / "out/segmentation/predictions/max/a.png") as mask:
        assert set(np.unique(np.asarray(mask))) <= {0, 7}  # the data set's own ids
    for task in ("detection", "segmentation"):
        assert call("grids", "--data", yard, "--task", task, "--count", 1) == 0
        assert len(list((tmp_path / f"out/grids/{task}").glob("*.png"))) == 1


def test_a_card_without_boxes_cannot_be_detected_on(yard, capsys):
    (yard / "dataset.yaml").write_text(
        'name: Yard\npictures: {infrared: "hot/{name}.png", visible: "cold/{name}.jpg"}\n'
    )
    assert call("detection", "--data", yard) == 2
    assert "the card of Yard has no boxes" in capsys.readouterr().err
