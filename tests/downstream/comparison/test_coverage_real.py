"""The intervals on real pictures with real predictions: two thirds of MSRS's 180 pairs at hand stand for a population.

For the sake of time: small pictures for the detector, without the mean, and AP at the one IoU that mAP50 looks at.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from interval_kinds import FINISHED_PAIRS, study_pictures

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
SIZE_PX, POPULATION, PICTURES, DRAWS = 320, 120, 70, 60
INPUTS = ("infrared", "visible", "late", "max", "dwsfusion")
PAIRS = tuple(pair for pair in FINISHED_PAIRS if set(pair) <= set(INPUTS))


def linked(real_data: Path, root: Path) -> Path:
    """Two of three pairs of both parts, as one."""
    parts = [real_data / "data/MSRS" / part for part in ("train", "test")]
    pairs = sorted((path.stem, part) for part in parts for path in (part / "ir").iterdir())
    for folder, suffix in (("ir", "png"), ("vi", "png"), ("labels", "txt")):
        (root / "all" / folder).mkdir(parents=True)
        for place, (name, part) in enumerate(pairs):
            if place % 3 != 2:
                (root / "all" / folder / f"{name}.{suffix}").symlink_to(part / folder / f"{name}.{suffix}")
    return root


@pytest.fixture(scope="module")
def scores(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ClassScores]:
    """What YOLOv8n finds in every input, held against the labels at IoU 0.5."""
    root, out = linked(real_data, tmp_path_factory.mktemp("msrs") / "MSRS"), tmp_path_factory.mktemp("out")
    fuser = Fuser.from_pretrained(device="cpu")
    comparison = prepare_comparison(root, "all", [], fuser=fuser, fused=out / "fused")
    detector = YoloDetector(real_data / "weights/yolov8n.pt", torch.device("cpu"), msrs().boxes, SIZE_PX)
    task, networks = DetectionTask(DetectionConfig(detector=("yolov8n.pt",), image_size=SIZE_PX)), Folded((detector,))
    truth, _ = task.read_truth(comparison, task.labels(comparison), detector, out)
    looked_at = [item for item in comparison.inputs if item.name in INPUTS]
    seen = {item.name: task.predict(truth, networks, item, out, None, silent)[0] for item in looked_at}
    cameras = comparison.input("infrared"), comparison.input("visible")
    both = seen["infrared"], seen["visible"]
    seen["late"] = task.predict_late(networks, cameras, both, truth, out, None, silent)
    whole = {name: task.score(truth, detector, seen[name]) for name in INPUTS}
    return {n: ClassScores([replace(m, hits=m.hits[:1]) for m in own.matches]) for n, own in whole.items()}


@pytest.mark.real_data
@pytest.mark.slow
def test_intervals_hold_the_truth_of_real_pictures_about_as_often_as_they_say(scores: dict[str, ClassScores]) -> None:
    assert len(scores["late"].matches[0].objects) == POPULATION
    held = study_pictures(scores, "map50", POPULATION, PICTURES, DRAWS, resamples=100, pairs=PAIRS)
    kept, before = ([held.share(kind, what) for what in held.kinds[kind]] for kind in (NOW, BEFORE))
    # 95 % of 60 draws: three standard errors below are 86 %.
    assert min(kept) >= 0.86
    assert np.mean(kept) > np.mean(before)
    assert held.share(BEFORE, ("dwsfusion", "max")) < held.share(NOW, ("dwsfusion", "max"))
    assert np.mean(held.all_at_once) >= 0.86
    assert set(PAIRS) <= set(held.kinds[NOW])
