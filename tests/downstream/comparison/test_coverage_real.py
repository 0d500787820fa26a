"""The intervals on real pictures with real predictions: MSRS's 180 pairs at hand stand for a population."""

import numpy as np
import pytest
import torch
from interval_kinds import FINISHED_PAIRS, study_finished

from downstream.comparison.cross_validation import Folded, Networks
from downstream.comparison.preparing import prepare_comparison
from downstream.comparison.run import compare
from downstream.datasets.cards import msrs
from downstream.detection.config import DetectionConfig
from downstream.detection.task import DetectionTask
from downstream.detection.yolo import YoloDetector
from dwsfusion import Fuser

NOW, BEFORE = "± t jackknife errors, at least ½ picture", "percentile"
SIZE_PX, PICTURES, DRAWS = 320, 70, 60


@pytest.fixture(scope="module")
def finished(real_data, tmp_path_factory):
    """All pairs of both parts through YOLOv8n, on small pictures for the sake of time."""
    root, out = tmp_path_factory.mktemp("msrs") / "MSRS", tmp_path_factory.mktemp("out")
    for part in ("train", "test"):
        for folder in ("ir", "vi", "labels"):
            (root / "all" / folder).mkdir(parents=True, exist_ok=True)
            for file in (real_data / "data/MSRS" / part / folder).iterdir():
                (root / "all" / folder / file.name).symlink_to(file)
    fuser = Fuser.from_pretrained(device="cpu")
    comparison = prepare_comparison(root, "all", [], fuser=fuser, fused=out / "fused")
    detector = YoloDetector(real_data / "weights/yolov8n.pt", torch.device("cpu"), msrs().boxes, SIZE_PX)
    networks = Networks({item.name: [Folded((detector,))] for item in comparison.inputs})
    task = DetectionTask(DetectionConfig(detector=("yolov8n.pt",), resamples=50, image_size=SIZE_PX))
    compare(task, comparison, networks, out, about={"sample": False})
    return out


@pytest.mark.real_data
@pytest.mark.slow
def test_intervals_hold_the_truth_of_real_pictures_about_as_often_as_they_say(finished):
    held = study_finished(DetectionTask, finished, PICTURES, DRAWS, resamples=100)
    kept, before = ([held.share(kind, what) for what in held.kinds[kind]] for kind in (NOW, BEFORE))
    # 95 % of 60 draws: three standard errors below are 86 %.
    assert min(kept) >= 0.86
    assert np.mean(kept) > np.mean(before)
    assert held.share(BEFORE, ("dwsfusion", "max")) < held.share(NOW, ("dwsfusion", "max"))
    assert np.mean(held.all_at_once) >= 0.86
    assert set(FINISHED_PAIRS) <= set(held.kinds[NOW])
