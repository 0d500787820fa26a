"""The files that grids become, and which pictures they show."""

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from figure_parts import captions, rectangles
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from downstream.comparison.grid_config import GridConfig
from downstream.comparison.grids import choose_names, choose_pictures, export_grids, make_grids
from downstream.comparison.inputs import Comparison, Input
from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet
from downstream.detection.task import DetectionTask
from downstream.report.grids import TRUTH
from downstream.report.panels import TEXT_WIDTH_IN
from downstream.segmentation.grids import SegmentationGrids
from downstream.segmentation.task import SegmentationTask
from dwsfusion.checkpoints import save_generator
from dwsfusion.errors import InputError
from dwsfusion.generator import Generator

Array = NDArray[np.generic]
Save = Callable[[Path, Array], Path]
ROOT = Path(__file__).parents[3]
CAR = "#d55e00"
CATEGORIES = [{"id": i, "name": name} for i, name in enumerate(("person", "bicycle", "car"))]


def data_set(root: Path) -> DataSet:
    return DataSet(msrs(), root)


class TestChoice:
    NAMES = ("01D", "02N", "03N", "04D", "05N")

    def test_night_and_many_objects_come_first(self, tmp_path):
        for name, objects in {"01D": 9, "02N": 1, "03N": 0, "04D": 2, "05N": 3}.items():
            (tmp_path / "labels").mkdir(exist_ok=True)
            (tmp_path / f"labels/{name}.txt").write_text("0 .5 .5 .1 .1\n" * objects)
        assert choose_pictures(self.NAMES, data_set(tmp_path), (), 4) == ["05N", "02N", "03N", "01D"]

    def test_without_labels_they_are_spaced_evenly(self, tmp_path):
        assert choose_pictures(self.NAMES, data_set(tmp_path), (), 3) == ["01D", "03N", "05N"]
        assert choose_pictures(self.NAMES, data_set(tmp_path), (), 99) == list(self.NAMES)

    def test_those_asked_for_keep_their_order(self, tmp_path):
        assert choose_pictures(self.NAMES, data_set(tmp_path), ("04D", "01D", "04D"), 1) == ["04D", "01D"]

    def test_an_unknown_name_is_refused_with_near_ones(self, tmp_path):
        with pytest.raises(InputError, match=r"found 02D: near are 0.*02N"):
            choose_pictures(self.NAMES, data_set(tmp_path), ("01D", "02D"), 3)

    @pytest.mark.parametrize(("known", "count"), [((), 3), (NAMES, 0)])
    def test_nothing_to_choose_is_refused(self, tmp_path, known, count):
        with pytest.raises(InputError, match="expected"):
            choose_pictures(known, data_set(tmp_path), (), count)


@pytest.fixture
def comparison(tmp_path: Path, random: np.random.Generator, save: Save) -> Comparison:
    """Infrared (grey) and visible of three pictures."""
    shapes = {"infrared": (48, 64), "visible": (48, 64, 3)}
    inputs = [
        Input(
            kind,
            {
                name: save(tmp_path / "test" / kind / f"{name}.png", random.integers(0, 256, shape, np.uint8))
                for name in ("1D", "2N", "3N")
            },
        )
        for kind, shape in shapes.items()
    ]
    return Comparison(DataSet(msrs(), tmp_path / "test"), tuple(inputs))


def export(comparison, config, out, task=None):
    return export_grids(make_grids(comparison, config, task), comparison.names, out)


class TestExport:
    def test_writes_png_and_pdf_and_skips_what_is_unreadable(self, comparison, tmp_path):
        comparison.input("visible").files["2N"].write_bytes(b"no picture")
        skipped = export(comparison, GridConfig(), tmp_path / "out")
        assert [s.name for s in skipped] == ["2N"]
        assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["1D.pdf", "1D.png", "3N.pdf", "3N.png"]
        with Image.open(tmp_path / "out/1D.png") as image:
            assert image.size[0] == pytest.approx(TEXT_WIDTH_IN * 300, abs=1)
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert (tmp_path / "out/1D.pdf").read_bytes().startswith(b"%PDF")

    def test_same_input_gives_same_bytes(self, comparison, tmp_path):
        for folder in "ab":
            export(comparison.only(["1D"]), GridConfig(), tmp_path / folder)
        for suffix in ("png", "pdf"):
            assert (tmp_path / f"a/1D.{suffix}").read_bytes() == (tmp_path / f"b/1D.{suffix}").read_bytes()

    def test_draws_a_finished_detection_run(self, comparison, tmp_path, monkeypatch):
        run = tmp_path / "run"
        (run / "predictions").mkdir(parents=True)
        images = [{"id": i, "file_name": f"{n}.png", "height": 48, "width": 64} for i, n in ((7, "1D"), (8, "3N"))]
        box = {"image_id": 8, "category_id": 2, "bbox": [10, 12, 20, 6]}
        truth = {"images": images, "annotations": [{**box, "id": 1}], "categories": CATEGORIES}
        (run / "ground_truth.json").write_text(json.dumps(truth))
        for name, score in (("infrared", 0.9), ("visible", 0.3)):
            (run / f"predictions/{name}.json").write_text(json.dumps([{**box, "score": score}]))
        drawn: dict[str, Figure] = {}
        monkeypatch.setattr(
            "downstream.comparison.grids.write_figure", lambda figure, out, name: drawn.update({name: figure})
        )
        config = GridConfig(task="detection", predictions=run, score=0.5)
        assert choose_names(comparison.data, comparison.names, config, DetectionTask) == ["1D", "3N"]
        assert export(comparison.only(["1D", "3N"]), config, tmp_path / "out", DetectionTask) == []
        found = [rectangles(axes, CAR) for axes in drawn["3N"].axes]
        assert found == [[(10, 12, 20, 6)], [], [(10, 12, 20, 6)]]
        assert [axes.patches[:] for axes in drawn["1D"].axes] == [[], [], []]

    @pytest.mark.parametrize(
        "text",
        [None, "{", "3", '[{"image_id": 1}]', '[{"image_id": 1, "category_id": 9, "bbox": [1, 1, 2, 2], "score": 1}]'],
    )
    def test_a_run_that_is_not_whole_is_refused(self, comparison, tmp_path, text):
        (tmp_path / "predictions").mkdir()
        truth = {"images": [], "annotations": [], "categories": CATEGORIES}
        (tmp_path / "ground_truth.json").write_text(json.dumps(truth))
        if text is not None:
            (tmp_path / "predictions/infrared.json").write_text(text)
        with pytest.raises(InputError, match=r"infrared\.json.*compare_detection"):
            make_grids(comparison, GridConfig(task="detection", predictions=tmp_path), DetectionTask)

    def test_draws_a_finished_segmentation_run(self, comparison, tmp_path, save, monkeypatch):
        ids = np.zeros((48, 64), np.uint8)
        for kind in ("infrared", "visible"):
            save(tmp_path / "run/predictions" / kind / "2N.png", ids + 1)
        save(comparison.root / "Segmentation_labels/2N.png", ids)
        drawn: dict[str, Figure] = {}
        monkeypatch.setattr(
            "downstream.comparison.grids.write_figure", lambda figure, out, name: drawn.update({name: figure})
        )
        config = GridConfig(task="segmentation", predictions=tmp_path / "run")
        assert choose_names(comparison.data, comparison.names, config, SegmentationTask) == ["2N"]
        assert export(comparison.only(["2N"]), config, tmp_path / "out", SegmentationTask) == []
        skipped = export(comparison.only(["1D", "2N"]), config, tmp_path / "out", SegmentationTask)
        assert [s.name for s in skipped] == ["1D"]
        assert captions(drawn["2N"]) == ["(a) Infrared", "(b) Visible", f"(c) {TRUTH}"]
        assert (drawn["2N"].axes[0].images[0].get_array() == [64, 0, 128]).all()

    def test_what_the_network_does_not_know_stands_below_its_colour_maps(self, comparison, tmp_path, save):
        for kind in ("infrared", "visible"):
            save(tmp_path / "predictions" / kind / "2N.png", np.zeros((48, 64), np.uint8))
        plain = SegmentationGrids(comparison, tmp_path, msrs().masks, {}).draw("2N")
        said = {"protocol": {"not_measurable": ["car_stop", "bump"]}, "inputs": {"infrared": {}, "visible": {}}}
        (tmp_path / "segmentation.json").write_text(json.dumps(said))
        noted = SegmentationGrids(comparison, tmp_path, msrs().masks, {}).draw("2N")
        below = "not known to the network, and not held against it: car stop, bump"
        assert [t.get_text() for figure in (plain, noted) for t in figure.texts] == ["", below]
        assert noted.get_figheight() > plain.get_figheight()

    def test_the_largest_gains_and_losses_of_a_run_are_chosen(self, comparison, tmp_path):
        for kind in ("infrared", "visible"):
            save_mask = tmp_path / "run/predictions" / kind
            save_mask.mkdir(parents=True)
            for name in comparison.names:
                Image.fromarray(np.zeros((48, 64), np.uint8)).save(save_mask / f"{name}.png")
        gains, losses = [{"image": "3N"}, {"image": "1D"}], [{"image": "2N"}]
        inputs = {"mean": {"gains": gains, "losses": losses}, "max": {"gains": [], "losses": []}}
        path = tmp_path / "run/segmentation.json"
        path.write_text(json.dumps({"protocol": {}, "largest_changes": {"inputs": inputs}}))

        def chosen(**asked):
            config = GridConfig(**{"task": "segmentation", "predictions": tmp_path / "run", **asked})
            task = SegmentationTask if config.task == "segmentation" else None
            return choose_names(comparison.data, comparison.names, config, task)

        assert chosen(largest=1, of="mean") == ["3N", "2N"]
        assert chosen(largest=5, of="mean", images=("1D",)) == ["1D", "3N", "2N"]
        for problem, asked in (
            ("expected --of one of mean, max, found 'dwsfusion'", {"largest": 1}),
            ("no picture on which max gains or loses", {"largest": 1, "of": "max"}),
            ("--largest belongs to --task detection", {"largest": 1, "task": "fusion"}),
            ("expected --largest between 0 and 10, found 11", {"largest": 11, "of": "mean"}),
            ("expected --largest between 0 and 10, found -1", {"largest": -1, "of": "mean"}),
        ):
            with pytest.raises(InputError, match=problem):
                chosen(**asked)
        path.write_text('{"protocol": {}}')
        with pytest.raises(InputError, match=r"largest gains and losses in .*segmentation\.json, found none"):
            chosen(largest=1, of="mean")

    def test_zoom_belongs_to_fusion(self, comparison, tmp_path):
        with pytest.raises(InputError, match="--task fusion"):
            make_grids(comparison, GridConfig(task="segmentation", zoom=("1,2,9,9",)), SegmentationTask)


def test_script_end_to_end(
    pair_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_generator(Generator(), tmp_path / "weights.safetensors")
    arguments = [
        "--data", str(pair_root), "--weights", str(tmp_path / "weights.safetensors"), "--device", "cpu",
        "--images", "00002N", "--zoom", "20,10,8,6", "--fused", str(tmp_path / "fused"), "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["export_grids.py", *arguments])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(ROOT / "scripts/export_grids.py"), run_name="__main__")
    assert stopped.value.code == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"00002N.png", "00002N.pdf", "run.json", "run.log"}
    assert json.loads((tmp_path / "out/run.json").read_text())["pictures"] == ["00002N"]
    assert "00002N" in capsys.readouterr().out
    assert {p.name for p in (tmp_path / "fused").rglob("*.png")} == {"00002N.png"}  # what is not drawn is not fused
