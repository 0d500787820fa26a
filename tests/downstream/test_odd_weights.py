"""Files that are no weights, or no weights of this network: one line each, of our own, and no code is run."""

import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from odd_pictures import RGB, encoded

from downstream.detection import yolo
from downstream.detection.yolo import YoloDetector, check_model
from downstream.segmentation.state_files import read_state_file
from dwsfusion import Fuser, InputError
from dwsfusion.checkpoints import DEFAULT_WEIGHTS


class RunsCode:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.folder,)


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("notes.txt", "x")


def _truncated(path: Path, content: bytes) -> None:
    path.write_bytes(content[: len(content) // 2])


def _half(path: Path) -> None:
    torch.save({"x": torch.zeros(999)}, path)
    _truncated(path, path.read_bytes())


def _tensors(path: Path, **tensors: torch.Tensor) -> None:
    safetensors.torch.save_file(tensors, path)


FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "empty": ("a.pth", lambda path: path.touch()),
    "zeros": ("a.pth", lambda path: path.write_bytes(bytes(99))),
    "text": ("a.pth", lambda path: path.write_text("weights")),
    "a web page": ("a.pth", lambda path: path.write_text("<html>404</html>")),
    "git lfs": ("a.pth", lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n")),
    "a picture": ("a.pth", lambda path: path.write_bytes(encoded(RGB, "PNG"))),
    "a zip": ("a.pth", _zip),
    "onnx": ("a.pth", lambda path: path.write_bytes(b"\x08\x07\x12\x07pytorch\x1a\x052.4.0:\xff")),
    "half a file": ("a.pth", lambda path: _half(path)),
    "a pickle": ("a.pth", lambda path: path.write_bytes(pickle.dumps({"x": 1}))),
    "a pickle that runs code": ("a.pth", lambda path: path.write_bytes(pickle.dumps(RunsCode(path.parent / "ran")))),
    "torch's own that runs code": ("a.pth", lambda path: torch.save({"x": RunsCode(path.parent / "ran")}, path)),
    "a whole network": ("a.pth", lambda path: torch.save(torch.nn.Conv2d(1, 1, 1), path)),
    "a list": ("a.pth", lambda path: torch.save([torch.zeros(1)], path)),
    "numbers": ("a.pth", lambda path: torch.save({"epoch": 3, "best": 0.5}, path)),
    "another network": ("a.pth", lambda path: torch.save(torch.nn.Conv2d(1, 1, 1).state_dict(), path)),
    "empty tensors": ("a.safetensors", lambda path: path.touch()),
    "no tensors": ("a.safetensors", lambda path: path.write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")),
    "a header of exabytes": ("a.safetensors", lambda path: path.write_bytes(b"\xff" * 8 + b"{}")),
    "half tensors": ("a.safetensors", lambda path: _truncated(path, DEFAULT_WEIGHTS.read_bytes())),
    "tensors of another network": ("a.safetensors", lambda path: _tensors(path, x=torch.zeros(2))),
    "a configuration that is none": (
        "a.safetensors", lambda path: safetensors.torch.save_file({"x": torch.zeros(2)}, path, {"config": "[1"})),
    "an unknown setting": (
        "a.safetensors", lambda path: safetensors.torch.save_file({"x": torch.zeros(2)}, path, {"config": '{"y": 1}'})),
    "a folder": ("a.pth", lambda path: path.mkdir()),
}  # fmt: skip


PLAIN = ("another network", "tensors of another network", "numbers", "a configuration that is none",
         "an unknown setting", "no tensors")  # fmt: skip
"""What can be read as names and values, and is refused later."""


def refused(load: Callable[[], object], folder: Path) -> str:
    with pytest.raises(InputError) as told:
        load()
    assert not (folder / "ran").exists()
    assert "weights_only" not in str(told.value)
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize("kind", FILES)
def test_the_fuser_says_what_a_file_is(kind: str, tmp_path: Path) -> None:
    name, make = FILES[kind]
    make(tmp_path / name)
    assert "expected" in refused(lambda: Fuser.from_pretrained(tmp_path / name, "cpu"), tmp_path)


@pytest.mark.parametrize("kind", [kind for kind in FILES if kind not in PLAIN])
def test_the_segmenter_says_what_a_file_is(kind: str, tmp_path: Path) -> None:
    name, make = FILES[kind]
    make(tmp_path / name)
    assert str(tmp_path / name) in refused(lambda: read_state_file(tmp_path / name), tmp_path)


@pytest.mark.parametrize("kind", [kind for kind, (name, _) in FILES.items() if name == "a.pth"])
def test_the_detector_says_what_a_file_is_and_runs_no_code(kind: str, tmp_path: Path) -> None:
    FILES[kind][1](tmp_path / "a.pt")
    assert "expected a detector" in refused(lambda: check_model(tmp_path / "a.pt"), tmp_path)


@pytest.mark.slow
def test_no_code_is_run_where_ultralytics_was_there_before(tmp_path: Path) -> None:
    (weights := tmp_path / "a.pt").write_bytes(pickle.dumps({"x": RunsCode(tmp_path / "ran")}))
    program = f"""
import ultralytics.nn.tasks
from downstream.detection.yolo import check_model
from dwsfusion import InputError
try:
    check_model({str(weights)!r})
except InputError as told:
    print(told)
"""
    env = {name: value for name, value in os.environ.items() if name != "ULTRALYTICS_SAFE_LOAD"}
    env["PYTHONPATH"] = str(Path(yolo.__file__).parents[2])
    said = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True).stdout
    assert "expected a detector" in said
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("task", ["segment", "classify", "obb", "pose"])
def test_a_model_for_another_task_is_refused_when_it_is_loaded(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from downstream.datasets.cards import msrs
    from downstream.detection import yolo

    class Model:
        def __init__(self, _: str) -> None:
            self.task, self.names = task, {0: "person"}

    (tmp_path / "a.pt").touch()
    monkeypatch.setattr(yolo._ultralytics(), "YOLO", Model)
    with pytest.raises(InputError, match=f"detector of upright boxes .* found a model for {task}"):
        YoloDetector(tmp_path / "a.pt", torch.device("cpu"), msrs().boxes)
