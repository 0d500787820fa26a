"""Shards and what is merged of them are what an undivided run makes."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from downstream.command import run_command
from downstream.commands import NAMES, detection, fuse, merge, segmentation
from downstream.commands.merge import undivided
from downstream.scale.rows import read_rows

COMMANDS = {"fuse": fuse, "merge": merge, "detection": detection, "segmentation": segmentation}
COUNT = 9


def _run(name: str, *args: object) -> int:
    module = COMMANDS[name]
    with pytest.raises(SystemExit) as exit_code:
        run_command(module.main, module.Config, [str(arg) for arg in args], f"dwsfusion {name}")
    return int(exit_code.value.code or 0)


@pytest.fixture
def data(tmp_path: Path, random: np.random.Generator, save) -> Path:
    root = tmp_path / "set"
    for k in range(COUNT):
        name = f"{k:05}{'DN'[k % 2]}"
        save(root / f"test/ir/{name}.png", random.integers(0, 256, (48, 64), np.uint8))
        save(root / f"test/vi/{name}.png", random.integers(0, 256, (48, 64, 3), np.uint8))
        save(root / f"test/Segmentation_labels/{name}.png", random.integers(0, 3, (48, 64)).astype(np.uint8))
        label = root / f"test/labels/{name}.txt"
        label.parent.mkdir(exist_ok=True)
        label.write_text("2 0.5 0.5 0.4 0.4\n")
    return root


def _manifest(data: Path) -> Path:
    lines = [f"{p.stem},test/ir/{p.name},test/vi/{p.name}\n" for p in sorted((data / "test/ir").iterdir())]
    path = data / "pairs.csv"
    path.write_text("name,ir,vis\n" + "".join(reversed(lines)))
    return path


def _files(folder: Path) -> dict[str, bytes]:
    return {
        p.name: p.read_bytes() for p in folder.iterdir() if p.suffix == ".png" or p.name in ("fused.csv", "skipped.csv")
    }


@pytest.mark.parametrize("kind", ["folder", "manifest"])
@pytest.mark.parametrize("shared", [True, False])
def test_merged_shards_are_the_undivided_run(data: Path, tmp_path: Path, kind: str, shared: bool) -> None:
    (data / "test/ir/00003N.png").write_bytes(b"broken")
    (data / "test/vi/00004D.png").unlink()
    given = ("--data", data) if kind == "folder" else ("--manifest", _manifest(data))
    args = (*given, "--method", "max", "--device", "cpu")
    assert _run("fuse", *args, "--out", tmp_path / "whole") == 1
    outs = [tmp_path / ("parts" if shared else f"part{i}") for i in (1, 2, 3)]
    codes = [_run("fuse", *args, "--shard", f"{i}/3", "--out", out) for i, out in enumerate(outs, start=1)]
    assert max(codes) == 1
    out = outs[0] if shared else tmp_path / "merged"
    assert _run("merge", *(() if shared else outs), "--out", out, "--verify") == 1
    assert _files(out) == _files(tmp_path / "whole")
    assert len(_files(out)) == COUNT  # two are skipped, and two tables
    counts = [json.loads((folder / "run.json").read_text()) for folder in (out, tmp_path / "whole")]
    assert [record["fused"] for record in counts] == [COUNT - 2] * 2


def test_a_shard_that_was_stopped_goes_on_and_merges_to_the_same(data: Path, tmp_path: Path) -> None:
    args = ("--data", data, "--method", "mean", "--device", "cpu")
    _run("fuse", *args, "--out", tmp_path / "whole")
    _run("fuse", *args, "--shard", "1/2", "--out", tmp_path / "parts")
    assert _run("merge", "--out", tmp_path / "parts") == 2  # the second shard is missing
    _run("fuse", *args, "--shard", "2/2", "--out", tmp_path / "parts")
    made = next(row.name for row in read_rows(tmp_path / "parts/fused-2-of-2.csv"))
    (tmp_path / f"parts/{made}.png").unlink()
    assert _run("merge", "--out", tmp_path / "parts") == 2
    _run("fuse", *args, "--shard", "2/2", "--out", tmp_path / "parts")
    assert _run("merge", "--out", tmp_path / "parts") == 0
    assert _files(tmp_path / "parts") == _files(tmp_path / "whole")


def test_a_launcher_s_processes_are_shards(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        assert _run("fuse", "--data", data, "--method", "max", "--out", tmp_path / "out", "--device", "cpu") == 0
    assert sorted(p.name for p in (tmp_path / "out").glob("fused*.csv")) == ["fused-1-of-2.csv", "fused-2-of-2.csv"]
    rows = [row for i in (1, 2) for row in read_rows(tmp_path / f"out/fused-{i}-of-2.csv")]
    assert sorted(int(row.number) for row in rows) == list(range(COUNT))


def test_shards_of_different_runs_are_not_merged(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ("--data", data, "--out", tmp_path / "parts", "--device", "cpu")
    _run("fuse", *args, "--method", "max", "--shard", "1/2")
    shutil.rmtree(tmp_path / "parts")
    _run("fuse", "--data", data, "--out", tmp_path / "a", "--method", "max", "--shard", "1/2")
    _run("fuse", "--data", data, "--out", tmp_path / "b", "--method", "mean", "--shard", "2/2")
    capsys.readouterr()
    assert _run("merge", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "c") == 2
    assert "the shards differ in made_by" in capsys.readouterr().err.replace("\n", " ")
    assert _run("merge", tmp_path / "a", tmp_path / "a", "--out", tmp_path / "c") == 2
    assert "1 of 2 shards are missing or not finished: 2/2" in capsys.readouterr().err.replace("\n", " ")
    assert _run("merge", "--out", tmp_path / "nothing") == 2


def test_a_damaged_picture_is_found_when_asked_for(data: Path, tmp_path: Path) -> None:
    _run("fuse", "--data", data, "--out", tmp_path / "a", "--method", "max", "--shard", "1/1")
    picture = next((tmp_path / "a").glob("*.png"))
    picture.write_bytes(picture.read_bytes()[:-4])
    assert _run("merge", tmp_path / "a", "--out", tmp_path / "b", "--verify") == 2


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_detection_of_all_shards_is_that_of_an_undivided_run(
    data: Path, tmp_path: Path, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ("--data", data, "--detector", "sample.pt", "--image-size", "64", "--resamples", "20", "--device", "cpu")
    fused = ("--fused", tmp_path / "fused")
    assert _run("detection", *args, *fused, "--out", tmp_path / "whole") == 0
    outs = [tmp_path / ("parts" if shared else f"part{i}") for i in (1, 2)]
    for i, out in enumerate(outs, start=1):
        command = [*args, *fused, "--out", out, "--shard", f"{i}/2"]
        monkeypatch.setattr("sys.argv", ["dwsfusion", "detection", *map(str, command)])
        assert _run("detection", *command) == 0
        assert not (out / "detection.json").exists()
    out = outs[0] if shared else tmp_path / "merged"
    looked_at: list[Path] = []
    monkeypatch.setattr(
        "downstream.detection.yolo.YoloDetector.predict", lambda _, files: iter(looked_at.extend(files) or ())
    )
    monkeypatch.setattr("sys.argv", ["dwsfusion", "merge"])
    assert _run("merge", *(() if shared else outs), "--out", out) == 0
    assert not looked_at  # nobody looks again
    for name in ("detection.json", "pictures.csv", "ground_truth.json", "predictions/late.json"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_the_shards_own_command_is_that_of_all_pictures_without_shard_and_folder() -> None:
    asked = [
        "--data",
        "d",
        "--shard",
        "1/2",
        "--out=there",
        "--detector",
        "a",
        "b",
        "--out",
        "x",
        "--shard=2/2",
        "--common",
    ]
    wanted = ["--data", "d", "--detector", "a", "b", "--common"]
    assert undivided(["dwsfusion", "detection", *asked], "detection") == wanted
    assert undivided(["compare_detection.py", *asked], "detection") == wanted


def test_ray_is_asked_for_where_it_is_missed_and_its_flags_belong_to_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    args = ("--data", data, "--method", "max", "--out", tmp_path / "out")
    for words, said in (
        (("--engine", "ray"), "this needs ray: pip install 'dwsfusion[ray]'"),
        (("--ray-address", "auto"), "belong to --engine ray"),
        (("--engine", "ray", "--ray-workers", "0"), "at least 1 worker"),
    ):
        assert _run("fuse", *args, *words) == 2
        assert said in capsys.readouterr().err.replace("\n", " ")


def test_shards_belong_to_frozen_networks(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        _run("segmentation", "--data", data, "--protocol", "joint", "--shard", "1/2", "--out", data.parent / "o") == 2
    )
    assert "--shard belongs to --protocol frozen" in capsys.readouterr().err


def test_more_shards_than_pictures_leave_some_empty(data: Path, tmp_path: Path) -> None:
    args = ("--data", data, "--method", "max", "--out", tmp_path / "out", "--device", "cpu")
    assert {_run("fuse", *args, "--shard", f"{i}/40") for i in range(1, 41)} == {0}
    assert _run("merge", "--out", tmp_path / "out") == 0
    assert len(list((tmp_path / "out").glob("*.png"))) == COUNT
    assert "merge" in NAMES
