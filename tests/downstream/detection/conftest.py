"""What the tests of a comparison by detection share."""

import pytest
from drawn_detector import DrawnDetector


@pytest.fixture
def comparison(drawn):
    return drawn


@pytest.fixture
def detectors(comparison):
    labels = comparison.root / "labels"
    return {
        "infrared": [DrawnDetector(labels, blind_to=2)],
        "visible": [DrawnDetector(labels, blind_to=0)],
        "max": [DrawnDetector(labels, shift=3.0)],
        "ours": [DrawnDetector(labels)],
    }
