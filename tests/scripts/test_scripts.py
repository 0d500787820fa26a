"""Every command from end to end on a few tiny sample scenes, as a user types it."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from downstream.sample import SampleConfig, make_sample

SCRIPTS = Path(__file__).parents[2] / "scripts"


def run(monkeypatch: pytest.MonkeyPatch, script: str, *args: object) -> int:
    """Runs a script in this process and gives its exit code."""
    monkeypatch.setattr(sys, "argv", [script, *map(str, args)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(SCRIPTS / script), run_name="__main__")
    return int(caught.value.code or 0)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("data") / "sample", SampleConfig(4, 3, 192, 256, 5))


def test_fused_pictures_lie_under_the_sources_names(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "fuse_msrs.py", "--data", scenes) == 0
    out = tmp_path / "out/fused/sample/dwsfusion/test"
    names = sorted(p.name for p in (scenes / "test/ir").iterdir())
    assert sorted(p.name for p in out.iterdir()) == [*names, "fused.csv", "run.json", "run.log"]
    assert json.loads((out / "run.json").read_text())["fused"] == 3
    assert run(monkeypatch, "fuse_msrs.py", "--data", scenes) == 0
    assert json.loads((out / "run.json").read_text())["kept"] == 3
    assert "dwsfusion" in capsys.readouterr().out


def test_a_broken_picture_is_code_1_and_an_unusable_call_code_2(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("ir", "vi"):
        (tmp_path / folder).mkdir()
        for path in (scenes / "test" / folder).iterdir():
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    (tmp_path / "ir/00002N.png").write_bytes(b"broken")
    call = ("--data", tmp_path, "--method", "max", "--out", tmp_path / "out")
    assert run(monkeypatch, "fuse_msrs.py", *call) == 1
    skipped = json.loads((tmp_path / "out/run.json").read_text())["skipped"]
    assert [s["name"] for s in skipped] == ["00002N"]
    capsys.readouterr()
    assert run(monkeypatch, "fuse_msrs.py", "--data", tmp_path / "nowhere") == 2
    assert run(monkeypatch, "fuse_msrs.py", *call, "--weights", "w.pth") == 2
    assert run(monkeypatch, "fuse_msrs.py", *call, "--batch-size", 0) == 2
    errors = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in errors] == ["error"] * 3


def test_training_goes_on_and_its_weights_fuse(scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "training"
    call = ("--data", scenes, "--epochs", 1, "--batch-size", 8, "--patch", 176, 176, "--out", out)
    assert run(monkeypatch, "train_dwsfusion.py", *call) == 0
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 2
    before = (out / "checkpoints/last.safetensors").read_bytes()
    assert run(monkeypatch, "train_dwsfusion.py", *call) == 0
    assert (out / "checkpoints/last.safetensors").read_bytes() == before
    fuse = ("--data", scenes, "--weights", out / "checkpoints/last.safetensors", "--out", tmp_path / "fused")
    assert run(monkeypatch, "fuse_msrs.py", *fuse) == 0


def test_training_for_a_task_goes_on(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, detector = tmp_path / "training", SCRIPTS.parent / "downstream/detection/sample.pt"
    call = ("--data", scenes, "--epochs", 1, "--batch-size", 4, "--patch", 176, 176, "--out", out, "--adversarial", 0)
    task = ("--task", "detection", "--detector", detector, "--labels", "labels")
    assert run(monkeypatch, "train_dwsfusion.py", *call, *task, "--free-maps", "--held-by", "name") == 0
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["part"] for line in lines] == ["train", "validation"]
    assert all(line["detection"] > 0 for line in lines)
    capsys.readouterr()
    assert run(monkeypatch, "train_dwsfusion.py", *call, "--free-maps", "--held-by", "name") == 2
    assert "other networks or labels of a task" in capsys.readouterr().err
    assert run(monkeypatch, "train_dwsfusion.py", *call, "--detector", detector) == 2
    assert "--detector belongs to --task detection" in capsys.readouterr().err


def test_the_comparisons_and_their_grids(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = ("--data", scenes)
    assert run(monkeypatch, "compare_detection.py", *data, "--resamples", 20) == 0
    detection = json.loads(Path("out/detection/detection.json").read_text())
    assert list(detection["inputs"]) == ["infrared", "visible", "late", "mean", "max", "dwsfusion"]
    training = ("--epochs", 1, "--crop-px", 48, 64, "--encoder-weights", "none", "--seeds", 1, "--resamples", 20)
    assert run(monkeypatch, "compare_segmentation.py", *data, *training) == 0
    segmentation = json.loads(Path("out/segmentation/segmentation.json").read_text())
    assert segmentation["protocol"]["name"] == "joint"
    assert all(0 < found["miou"] <= 1 for found in segmentation["inputs"].values())
    for task in ("fusion", "detection", "segmentation"):
        assert run(monkeypatch, "export_grids.py", *data, "--task", task, "--count", 1) == 0
        assert len(list(Path("out/grids", task).glob("*.png"))) == len(list(Path("out/grids", task).glob("*.pdf"))) == 1
    out = capsys.readouterr().out
    assert "too few pictures for a verdict" in out.replace("\n", " ")


def test_make_sample_says_where_the_scenes_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    size = ("--train", 0, "--test", 1, "--height", 96, "--width", 128)
    assert run(monkeypatch, "make_sample.py", "--out", tmp_path / "s", *size) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "s")
    assert run(monkeypatch, "make_sample.py", "--out", tmp_path / "s", *size, "--seed", 1) == 2
