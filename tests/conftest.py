"""What all tests share: no network, tiny pairs on disk, and the real data where there is any."""

import os
from collections.abc import Callable
from pathlib import Path

os.environ |= {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "Agg",
}

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

torch.set_flush_denormal(True)

Array = NDArray[np.generic]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with ``data/``, ``official/`` and so on; the test is skipped where it is not there."""
    root = os.environ.get("DWSFUSION_REAL_DATA")
    if not root or not (Path(root) / "data").is_dir():
        pytest.skip("set DWSFUSION_REAL_DATA to the folder that holds data/ and official/")
    return Path(root)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """The same weights and tensors in every run, whatever tests ran before."""
    torch.manual_seed(0)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def save() -> Callable[[Path, Array], Path]:
    """Writes an array as a picture, by the suffix of its path."""

    def write(path: Path, image: Array) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        return path

    return write


@pytest.fixture
def pair_root(tmp_path: Path, random: np.random.Generator, save: Callable[[Path, Array], Path]) -> Path:
    """Three small pairs in MSRS's layout, `test` split."""
    for name in ("00001D", "00002N", "00003N"):
        save(tmp_path / "set/test/ir" / f"{name}.png", random.integers(0, 256, (32, 48), np.uint8))
        save(tmp_path / "set/test/vi" / f"{name}.png", random.integers(0, 256, (32, 48, 3), np.uint8))
    return tmp_path / "set"
