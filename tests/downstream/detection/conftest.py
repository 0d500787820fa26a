"""What the tests of a comparison by detection share."""

import numpy as np
import pytest
from drawn_detector import INPUTS, NAMES, DrawnDetector

from downstream.comparison.inputs import Comparison, Input
from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet


@pytest.fixture
def comparison(tmp_path, random, save):
    """Five pictures of random pixels in four inputs; a person and a car in each but the last, which is empty."""
    root = tmp_path / "set" / "test"
    inputs = []
    for name in INPUTS:
        files = {n: save(tmp_path / name / f"{n}.png", random.integers(0, 256, (80, 100), np.uint8)) for n in NAMES}
        inputs.append(Input(name, files))
    for folder in ("labels", "labels_infrared", "labels_visible"):
        (root / folder).mkdir(parents=True)
        for number, name in enumerate(NAMES[:-1]):
            person = f"0 {0.2 + number / 10:.1f} 0.5 0.2 0.4\n" if folder != "labels_visible" else ""
            car = "2 0.7 0.5 0.3 0.2\n" if folder != "labels_infrared" else ""
            (root / folder / f"{name}.txt").write_text(person + car)
        (root / folder / f"{NAMES[-1]}.txt").write_text("")
    return Comparison(DataSet(msrs(), root), tuple(inputs))


@pytest.fixture
def detectors(comparison):
    labels = comparison.root / "labels"
    return {
        "infrared": [DrawnDetector(labels, blind_to=2)],
        "visible": [DrawnDetector(labels, blind_to=0)],
        "max": [DrawnDetector(labels, shift=3.0)],
        "ours": [DrawnDetector(labels)],
    }
