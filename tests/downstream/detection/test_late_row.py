"""Late fusion as a row of a comparison."""

import json

import numpy as np
from drawn_detector import INPUTS, NAMES, DrawnDetector, compare

from downstream.detection.grids import DetectionGrids
from downstream.detection.table import table_rows
from downstream.detection.task import DetectionTask


def test_late_fusion_is_a_row_where_one_detector_looks_at_both_cameras(comparison, tmp_path, save):
    """Blind to cars in infrared and to persons in visible, as if each camera showed one kind alone."""

    class ByCamera(DrawnDetector):
        def predict(self, files):
            for path in files:
                self.blind_to = {"infrared": 2, "visible": 0}.get(path.parent.name)
                yield from super().predict([path])

    one = [ByCamera(comparison.root / "labels")]
    result = compare(comparison, dict.fromkeys(INPUTS, one), tmp_path)
    assert list(result["inputs"]) == ["infrared", "visible", "late", "max", "ours"]
    late = result["inputs"]["late"]
    assert (late["map"], result["inputs"]["infrared"]["map"], result["inputs"]["visible"]["map"]) == (1, 0.5, 0.5)
    assert late["complementarity"]["infrared_only"]["recall"] == late["complementarity"]["visible_only"]["recall"] == 1
    assert (late["kept"], late["lost"], late["won"]) == (8, 0, 0)
    pairs = {(r["input"], r["against"]) for r in result["differences"] if r["metric"] == "map50"}
    assert {("late", "max"), ("ours", "late"), ("infrared", "late")} <= pairs
    assert "late" in result["largest_changes"]["inputs"]
    assert len(json.loads((tmp_path / "predictions/late.json").read_text())) == 8
    assert "late" not in result["protocol"]["detectors"]
    assert [row["input"] for row in table_rows(result)][2] == "late"
    names, scores = DetectionTask.reopen(tmp_path, ["late", "max"])
    assert names == NAMES
    assert scores["late"][0].figures(np.ones((1, 5), int))["map"] == 1


def test_where_each_camera_has_a_detector_of_its_own_there_is_no_late_fusion(comparison, detectors, tmp_path):
    result = compare(comparison, detectors, tmp_path)
    assert "late" not in result["inputs"]
    assert "late" not in result["protocol"]
    assert not (tmp_path / "predictions/late.json").exists()


def test_late_fusion_of_an_earlier_run_is_not_drawn(comparison, detectors, tmp_path):
    shared = compare(comparison, dict.fromkeys(INPUTS, detectors["visible"]), tmp_path)
    assert shared["protocol"]["late"].startswith("the boxes of both cameras")
    panels = [len(DetectionGrids(comparison, tmp_path).draw(NAMES[0]).axes)]
    compare(comparison, detectors, tmp_path)
    panels.append(len(DetectionGrids(comparison, tmp_path).draw(NAMES[0]).axes))
    assert panels[0] == panels[1] + 1
