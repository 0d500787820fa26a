"""What the tests of the comparisons share."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from drawn_detector import INPUTS as DRAWN_INPUTS
from drawn_detector import NAMES
from small_segmentation import INPUTS

from downstream.comparison.inputs import Comparison, Input
from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet

Save = Callable[[Path, np.ndarray], Path]
MakeSplit = Callable[[str], Comparison]


@pytest.fixture
def split(tmp_path: Path, random: np.random.Generator, save: Save) -> MakeSplit:
    """Makes four inputs over four small pictures of one split; each shows the cars with another noise."""

    def make(name: str, labels: str = "Segmentation_labels") -> Comparison:
        root = tmp_path / "set" / name
        names = ("00001D", "00002N", "00003D", "00004N")
        truths = [np.kron(random.integers(0, 2, (4, 5)), np.ones((9, 9))).astype(np.uint8) for _ in names]
        for picture, truth in zip(names, truths, strict=True):
            save(
                root / labels / f"{picture}.png",
                np.where(random.random(truth.shape) < 0.1, 255, truth).astype(np.uint8),
            )
        inputs = []
        for strength, item in enumerate(INPUTS, start=1):
            files = {}
            for picture, truth in zip(names, truths, strict=True):
                noise = random.normal(0, 20 * strength, truth.shape)
                pixels = np.clip(80 + 100 * truth.astype(float) + noise, 0, 255).astype(np.uint8)
                files[picture] = save(root / item / f"{picture}.png", np.repeat(pixels[..., None], 3, 2))
            inputs.append(Input(item, files))
        return Comparison(DataSet(msrs(), root), tuple(inputs))

    return make


@pytest.fixture
def drawn(tmp_path: Path, random: np.random.Generator, save: Save) -> Comparison:
    """Five pictures of random pixels in four inputs; a person and a car in each but the last, which is empty."""
    root = tmp_path / "set" / "test"
    inputs = []
    for name in DRAWN_INPUTS:
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


@pytest.fixture(scope="session")
def browser():
    """Chromium; without it, tests of pages are skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="pages are tested by playwright: pip install it")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("pages are tested in Chromium, which is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()
