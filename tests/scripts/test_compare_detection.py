import json

import numpy as np
import pytest

from downstream.command import run_command
from downstream.commands import detection
from dwsfusion.checkpoints import save_generator
from dwsfusion.generator import Generator


@pytest.fixture
def data(tmp_path, random, save):
    """Pairs of 48 x 64 pixels with a car, and a network with random weights."""
    for split in ("train", "test"):
        for name in ("00001D", "00002N", "00003N", "00004D"):
            save(tmp_path / f"set/{split}/ir/{name}.png", random.integers(0, 256, (48, 64), np.uint8))
            save(tmp_path / f"set/{split}/vi/{name}.png", random.integers(0, 256, (48, 64, 3), np.uint8))
            label = tmp_path / f"set/{split}/labels/{name}.txt"
            label.parent.mkdir(exist_ok=True)
            label.write_text("2 0.5 0.5 0.4 0.4\n")
    save_generator(Generator(), tmp_path / "network.safetensors")
    return tmp_path / "set"


def run(data, *args):
    home = data.parent
    given = ["--data", data, "--weights", home / "network.safetensors", "--fused", home / "fused", "--device", "cpu"]
    with pytest.raises(SystemExit) as exit_code:
        run_command(detection.main, detection.Config, [*map(str, given), "--out", str(home / "out"), *args])
    return exit_code.value.code


@pytest.mark.slow
def test_joint_comparison_from_scratch(data, capsys):
    training = ("--detector", "tiny.yaml", "--protocol", "joint", "--epochs", "1", "--batch-size", "4")
    assert run(data, *training, "--image-size", "64", "--resamples", "20") == 0
    out = data.parent / "out"
    result = json.loads((out / "detection.json").read_text())
    assert list(result["inputs"]) == ["infrared", "visible", "late", "mean", "max", "dwsfusion"]
    assert result["protocol"]["name"] == "joint"
    assert json.loads((out / "run.json").read_text())["seed"] == 0
    assert sorted(p.name for p in out.iterdir()) == [
        "detection.csv", "detection.json", "ground_truth.json", "objects.json", "pictures.csv",
        "predictions", "run.json", "run.log", "training",
    ]  # fmt: skip
    shown = capsys.readouterr()
    assert "dwsfusion" in shown.out
    assert "there are too few pictures for a verdict" in shown.out.replace("\n", " ")


@pytest.mark.slow
def test_a_broken_picture_of_a_method_is_code_1_and_the_time_is_told(data, capsys, random, save):
    for name in ("00001D", "00002N", "00003N", "00004D"):
        save(data.parent / f"theirs/{name}.png", random.integers(0, 256, (48, 64, 3), np.uint8))
    (data.parent / "theirs/00003N.png").write_bytes(b"broken")
    frozen = ("--detector", "sample.pt", "--image-size", "64", "--resamples", "20")
    assert run(data, *frozen, "--inputs", f"theirs={data.parent / 'theirs'}", "--against", "theirs:mean") == 1
    result = json.loads((data.parent / "out/detection.json").read_text())
    assert (result["images"], [s["name"] for s in result["protocol"]["skipped"]]) == (3, ["00003N"])
    assert {(r["input"], r["against"]) for r in result["differences"]} >= {("theirs", "mean")}
    seconds = json.loads((data.parent / "out/run.json").read_text())["seconds"]
    steps = ["load", "fuse", "train", "predict", "score", "bootstrap", "objects"]
    assert list(seconds) == [*steps, "total", "in_models"]
    assert seconds["total"] == pytest.approx(sum(seconds[step] for step in steps))
    assert 0 < seconds["in_models"] <= seconds["predict"]
    assert "% in the predicting models themselves" in capsys.readouterr().out


def test_a_missing_detector_ends_with_one_line(data, capsys):
    assert run(data, "--detector", "no/such.pt") == 2
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")] == [
        "error: expected a detector at no/such.pt, found no such file"
    ]
