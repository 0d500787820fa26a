"""Each shipped card on a tiny folder in its official layout: fuse, detect or segment, table, grid."""

from pathlib import Path

import numpy as np
import pytest
import torch
from layouts import LAYOUTS, Layout

from downstream.comparison.cross_validation import Folded, Networks
from downstream.comparison.preparing import prepare_comparison
from downstream.comparison.run import compare
from downstream.datasets.cards import choose_card, shipped
from downstream.detection.coco import Detections
from downstream.detection.config import DetectionConfig
from downstream.detection.grids import DetectionGrids
from downstream.detection.task import DetectionTask
from downstream.segmentation.config import SegmentationConfig
from downstream.segmentation.deeplab import Segmenter
from downstream.segmentation.grids import SegmentationGrids
from downstream.segmentation.task import SegmentationTask
from dwsfusion import Fuser
from dwsfusion.baselines import MaxFusion

FUSER = Fuser(MaxFusion(), "dwsfusion", "stand-in", "cpu")
PICTURES = {
    "MSRS": ("00001D", "00002N", "00003N"),
    "MFNet": ("00001D", "00002N"),
    "FMB": ("00001", "00002", "00003"),
    "PST900": ("31_bag1a_rect_rgb_frame0000000007", "31_bag1a_rect_rgb_frame0000000008"),
    "M3FD": ("00000", "00001", "00002"),
    "LLVIP": ("190001", "190002"),
    "FLIR": ("08864", "08865"),
    "KAIST": ("set06_V000_I00019", "set06_V000_I00039"),
    "TNO": ("1", "2"),
    "RoadScene": ("1", "2"),
}
GROUPS = {"MSRS": [1, 2], "MFNet": [1, 1], "KAIST": [2, 0]}


class OneBox:
    """Finds an object of the first class, where all layouts have one."""

    identity, seconds, runtime_difference = "one box", 0.0, None

    def __init__(self, classes):
        self.detectable = classes
        self.settings = {"detector": "one", "image_size_px": 64}

    def predict(self, files):
        for _ in files:
            yield Detections(np.array([[10.0, 12, 30, 40]]), np.array([0]), np.array([0.9]))


class Grey(torch.nn.Module):
    """Sees the first class wherever it is dark, the second elsewhere."""

    def __init__(self, classes):
        super().__init__()
        self.classes = classes

    def forward(self, pixels):
        bright = (pixels[:, :1] > 0).float()
        return torch.cat([1 - bright, bright, -9 * torch.ones_like(bright).repeat(1, self.classes - 2, 1, 1)], 1)


@pytest.fixture(params=sorted(LAYOUTS))
def named(request):
    return request.param


@pytest.fixture
def comparison(named, tmp_path):
    root = tmp_path / named
    LAYOUTS[named](Layout(root))
    return prepare_comparison(root, "test", [], fuser=FUSER, fused=tmp_path / "fused")


def test_every_shipped_card_has_a_layout_and_says_its_sources():
    assert set(shipped()) == set(LAYOUTS)
    for card in shipped().values():
        assert card.checked
        assert all(source.startswith("https://") for source in card.sources)
        assert card.sources


def test_pairs_groups_and_inputs(named, comparison):
    assert comparison.data.card is shipped()[named]
    assert comparison.names == PICTURES[named]
    assert [item.name for item in comparison.inputs] == ["infrared", "visible", "mean", "max", "dwsfusion"]
    sizes = [int(chosen.sum()) for chosen in comparison.data.groups(comparison.names).values()]
    assert sizes == GROUPS.get(named, [])


def test_boxes(named, comparison, tmp_path):
    card = comparison.data.card
    if card.boxes is None:
        pytest.skip("a card without boxes")
    task = DetectionTask(DetectionConfig(detector=("one.pt",), resamples=20), card)
    one = [Folded((OneBox(card.boxes.names),))]
    networks = Networks({item.name: one for item in comparison.inputs})
    result = compare(task, comparison, networks, tmp_path / "out", about={"sample": False})
    assert (result["data_set"], tuple(result["classes"])) == (named, card.boxes.names)
    objects = result["inputs"]["max"]["per_class"][card.boxes.names[0]]["objects"]
    assert objects == len(comparison.names) - (named == "FLIR")  # a dog does not count there
    assert list(result["inputs"])[2] == "late"
    assert result["inputs"]["late"]["per_class"][card.boxes.names[0]]["ap50"] == pytest.approx(1)
    _, rows = task.details(result)
    assert set(card.boxes.names) <= set(rows[0])
    assert set(card.groups) <= set(rows[0]) | {g for g in card.groups if not result["inputs"]["max"][g]}
    figure = DetectionGrids(comparison, tmp_path / "out").draw(comparison.names[0])
    assert f"{card.boxes.names[0]} 0.90" in [text.get_text() for text in figure.axes[0].texts]


def test_masks(named, comparison, tmp_path):
    card = comparison.data.card
    if card.masks is None:
        pytest.skip("a card without masks")
    classes = len(card.masks.classes)
    segmenter = Segmenter(Grey(classes), np.arange(classes, dtype=np.uint8), "grey", torch.device("cpu"))
    task = SegmentationTask(SegmentationConfig(protocol="frozen", resamples=20), card)
    networks = Networks({i.name: [Folded((segmenter,))] for i in comparison.inputs})
    result = compare(task, comparison, networks, tmp_path / "out", about={})
    assert (result["data_set"], tuple(result["classes"])) == (named, card.masks.names)
    assert list(result["inputs"]["late"]["per_class"]) == list(card.masks.names)
    assert 0 < result["inputs"]["max"]["miou"] < 0.5
    _, rows = task.details(result)
    assert {name.replace("_", " ") for name in card.masks.names} <= set(rows[0])
    labels = comparison.data.files(card.masks.path, comparison.names)
    figure = SegmentationGrids(comparison, tmp_path / "out", card.masks, labels).draw(comparison.names[0])
    assert len(figure.axes) >= len(comparison.inputs) + 2  # late fusion and the truth
    shown = {tuple(colour) for colour in figure.axes[0].images[0].get_array().reshape(-1, 3).tolist()}
    assert shown <= {c.colour for c in card.masks.classes[:2]}


def test_the_card_is_found_by_the_layout_alone(named, tmp_path, caplog):
    """Plain layouts are taken for MSRS, whose card holds for what has none."""
    LAYOUTS[named](Layout(tmp_path / "of-a-friend"))
    found = choose_card(tmp_path / "of-a-friend")
    assert found.name == ("MSRS" if named in ("TNO", "RoadScene") else named)


def test_a_picture_that_a_list_names_and_a_camera_lacks_is_named(tmp_path):
    LAYOUTS["FLIR"](Layout(tmp_path / "FLIR"))
    (tmp_path / "FLIR/JPEGImages/FLIR_08865_RGB.jpg").unlink()
    comparison = prepare_comparison(tmp_path / "FLIR", "test", [], fuser=FUSER, fused=tmp_path / "fused")
    assert comparison.names == ("08864",)
    assert [(s.name, s.reason) for s in comparison.skipped] == [("08865", "infrared picture without its partner")]


def test_four_channel_pictures_are_parted_once(tmp_path):
    LAYOUTS["MFNet"](Layout(tmp_path / "MFNet"))
    first = prepare_comparison(tmp_path / "MFNet", "test", [], fuser=FUSER, fused=tmp_path / "fused")
    made = {path: path.stat().st_mtime_ns for path in Path(tmp_path / "fused").rglob("*.png")}
    again = prepare_comparison(tmp_path / "MFNet", "test", [], fuser=FUSER, fused=tmp_path / "fused")
    assert first.fingerprint() == again.fingerprint()
    assert made == {path: path.stat().st_mtime_ns for path in Path(tmp_path / "fused").rglob("*.png")}
