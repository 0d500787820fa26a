"""What a wheel and a source distribution hold. No network: the build's own backend is called."""

import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
MARK = b"AGPL"
SPEAKS_OF_IT = {"METADATA", "PKG-INFO", "README.md", "pyproject.toml", "MANIFEST.in", "yolo.py", "model_files.py"}
BUILD = "import sys; from setuptools import build_meta as b; to = sys.argv[1]; b.build_wheel(to); b.build_sdist(to)"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """The files of a wheel and of a source distribution, from a checkout that was installed before sample.pt left."""
    checkout, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("dist")
    for name in ("dwsfusion", "downstream"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, checkout / name)
    (checkout / "dwsfusion.egg-info").mkdir()
    (checkout / "dwsfusion.egg-info/SOURCES.txt").write_text("downstream/detection/sample.pt\n")
    subprocess.run([sys.executable, "-c", BUILD, out], cwd=checkout, check=True, capture_output=True)
    (wheel,), (source,) = out.glob("*.whl"), out.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive, tarfile.open(source) as tar:
        members = [member for member in tar.getmembers() if member.isfile()]
        return {
            "wheel": {name: archive.read(name) for name in archive.namelist()},
            "source": {member.name.partition("/")[2]: tar.extractfile(member).read() for member in members},
        }


def test_no_file_under_the_agpl_is_in_what_says_mit(files: dict[str, dict[str, bytes]]) -> None:
    assert MARK in (ROOT / "downstream/detection/sample.pt").read_bytes()  # the mark is there to be found
    for contents in files.values():
        marked = {Path(name).name for name, content in contents.items() if MARK in content}
        assert marked <= SPEAKS_OF_IT
        assert not [name for name in contents if name.endswith(".pt")]


def test_what_the_packages_read_is_there(files: dict[str, dict[str, bytes]]) -> None:
    code = {
        path.relative_to(ROOT).as_posix()
        for room in ("dwsfusion", "downstream")
        for path in (ROOT / room).rglob("*.py")
    }
    read = {"dwsfusion/weights/dwsfusion.safetensors", "dwsfusion/weights/dwsfusion-task.safetensors",
            "dwsfusion/weights/README.md", "downstream/detection/tiny.yaml",
            "downstream/datasets/msrs.yaml", "downstream/datasets/m3fd.yaml",
            "downstream/app/page/index.html", "downstream/app/page/app.js", "downstream/report/page/stage.js",
            "dwsfusion/py.typed", "downstream/py.typed"}  # fmt: skip
    for contents in files.values():
        assert not (code | read) - contents.keys()


HEAVY = {"ray", "openvino", "ncnn", "pnnx", "onnx", "onnxruntime", "pyarrow", "webdataset", "wandb", "matplotlib",
         "tensorboard", "ultralytics-opencv-headless", "segmentation-models-pytorch"}  # fmt: skip


def _asked(lines: Iterable[str], extra: str = "") -> set[str]:
    """Packages that are asked for here, with an extra or without."""
    found = map(Requirement, lines)
    return {canonicalize_name(r.name) for r in found if r.marker is None or r.marker.evaluate({"extra": extra})}


def test_fusing_brings_no_cluster_and_no_second_runtime(files: dict[str, dict[str, bytes]]) -> None:
    metadata = next(content for name, content in files["wheel"].items() if name.endswith(".dist-info/METADATA"))
    lines = message_from_bytes(metadata).get_all("Requires-Dist", [])
    brought, left = set(), list(_asked(lines))
    while left:
        name = left.pop()
        if name not in brought:
            brought.add(name)
            left += _asked(importlib.metadata.requires(name) or ())
    assert {"torch", "numpy", "numba"} <= brought
    assert not brought & HEAVY
    assert "ray" in _asked(lines, "ray")
    assert "ray" not in _asked(lines, "all")
