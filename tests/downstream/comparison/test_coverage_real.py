"""The intervals on real pictures with real predictions: MSRS's 180 pairs at hand stand for a population.

For the sake of time pictures have half their sides, and AP is taken at the one IoU that mAP50 looks at.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from interval_kinds import FINISHED, FINISHED_PAIRS, study_pictures
from PIL import Image

from downstream.comparison.cross_validation import Folded
from downstream.comparison.preparing import prepare_comparison
from downstream.datasets.cards import msrs
from downstream.detection.config import DetectionConfig
from downstream.detection.scores import ClassScores
from downstream.detection.task import DetectionTask
from downstream.detection.yolo import YoloDetector
from dwsfusion import Fuser
from dwsfusion.progress import silent

NOW, BEFORE = "± t jackknife errors, at least ½ picture", "percentile"
SIZE_PX, PICTURES, DRAWS = 320, 70, 60


def halved(real_data: Path, root: Path) -> Path:
    """All pairs of both parts with half their sides; labels are in fractions of these."""
    for part in ("train", "test"):
        for folder in ("ir", "vi", "labels"):
            (root / "all" / folder).mkdir(parents=True, exist_ok=True)
            for file in (real_data / "data/MSRS" / part / folder).iterdir():
                if folder == "labels":
                    shutil.copy(file, root / "all" / folder)
                else:
                    Image.open(file).reduce(2).save(root / "all" / folder / file.name)
    return root


@pytest.fixture(scope="module")
def scores(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ClassScores]:
    """What YOLOv8n finds in every input, held against the labels at IoU 0.5."""
    root, out = halved(real_data, tmp_path_factory.mktemp("msrs") / "MSRS"), tmp_path_factory.mktemp("out")
    fuser = Fuser.from_pretrained(device="cpu")
    comparison = prepare_comparison(root, "all", [], fuser=fuser, fused=out / "fused")
    detector = YoloDetector(real_data / "weights/yolov8n.pt", torch.device("cpu"), msrs().boxes, SIZE_PX)
    task, networks = DetectionTask(DetectionConfig(detector=("yolov8n.pt",), image_size=SIZE_PX)), Folded((detector,))
    truth, _ = task.read_truth(comparison, task.labels(comparison), detector, out)
    seen = {item.name: task.predict(truth, networks, item, out, None, silent)[0] for item in comparison.inputs}
    cameras = comparison.input("infrared"), comparison.input("visible")
    both = seen["infrared"], seen["visible"]
    seen["late"] = task.predict_late(networks, cameras, both, truth, out, None, silent)
    whole = {name: task.score(truth, detector, seen[name]) for name in FINISHED}
    return {n: ClassScores([replace(m, hits=m.hits[:1]) for m in own.matches]) for n, own in whole.items()}


@pytest.mark.real_data
@pytest.mark.slow
def test_intervals_hold_the_truth_of_real_pictures_about_as_often_as_they_say(scores: dict[str, ClassScores]) -> None:
    population = len(scores["late"].matches[0].objects)
    assert population == 180
    held = study_pictures(scores, "map50", population, PICTURES, DRAWS, resamples=100)
    kept, before = ([held.share(kind, what) for what in held.kinds[kind]] for kind in (NOW, BEFORE))
    # 95 % of 60 draws: three standard errors below are 86 %.
    assert min(kept) >= 0.86
    assert np.mean(kept) > np.mean(before)
    assert held.share(BEFORE, ("dwsfusion", "max")) < held.share(NOW, ("dwsfusion", "max"))
    assert np.mean(held.all_at_once) >= 0.86
    assert set(FINISHED_PAIRS) <= set(held.kinds[NOW])
