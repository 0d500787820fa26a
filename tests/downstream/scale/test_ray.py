"""On Ray: what one process writes, byte for byte, whatever dies on the way."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dying import deadly

from downstream.command import run_command
from downstream.commands import fuse, merge
from downstream.scale.attempts import ALONE, FOLDER, Attempts
from downstream.scale.rows import read_rows

COUNT = 70
pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is an extra")


@pytest.fixture
def manifest(tmp_path: Path, random: np.random.Generator, save, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three blocks of pairs, of which one lacks a picture and one is broken."""
    lines = ["name,ir,vis\n"]
    for k in range(COUNT):
        save(tmp_path / f"set/ir/{k:05}.png", random.integers(0, 256, (16, 24), np.uint8))
        save(tmp_path / f"set/vi/v{k:05}.png", random.integers(0, 256, (16, 24, 3), np.uint8))
        lines.append(f"{k:05},ir/{k:05}.png,vi/v{k:05}.png\n")
    (tmp_path / "set/vi/v00003.png").unlink()
    (tmp_path / "set/ir/00040.png").write_bytes(b"broken")
    path = tmp_path / "set/pairs.csv"
    path.write_text("".join(lines))
    monkeypatch.chdir(tmp_path)
    return path


ARGS = ("--manifest", "set/pairs.csv", "--method", "max", "--device", "cpu")
"""Relative: workers have a folder of their own."""


def _here(name: str, *args: str) -> int:
    module = {"fuse": fuse, "merge": merge}[name]
    with pytest.raises(SystemExit) as ended:
        run_command(module.main, module.Config, args, f"dwsfusion {name}")
    return int(ended.value.code or 0)


def _on_ray(workers: int, env: dict[str, str]) -> int:
    """In a process of its own, which may be killed."""
    call = [sys.executable, "-m", "downstream.commands", "fuse", *ARGS, "--out", "ray", "--engine", "ray"]
    env = os.environ | {"OMP_NUM_THREADS": "1"} | env
    done = subprocess.run(
        [*call, "--ray-workers", str(workers)], env=env, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode in (-9, 0, 1), done.stderr
    return done.returncode


def _files(folder: Path) -> dict[str, bytes]:
    runs = ("run.json", "run.log")
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name not in runs and "-of-" not in p.name}


@pytest.mark.slow
def test_two_workers_write_what_one_process_and_two_shards_do_even_where_the_command_and_a_worker_are_killed(
    manifest: Path, tmp_path: Path
) -> None:
    here, shards, ray = (tmp_path / name for name in ("here", "shards", "ray"))
    assert _here("fuse", *ARGS, "--out", "here") == 1
    assert {_here("fuse", *ARGS, "--out", "shards", "--shard", part) for part in ("1/2", "2/2")} == {0, 1}
    assert _here("merge", "--out", "shards", "--verify") == 1
    assert _files(shards) == _files(here)
    env = deadly(tmp_path / "dying", command="v00060.png", once="v00063.png")
    assert _on_ray(2, env) == -9
    kept = {p.name: p.stat().st_mtime_ns for p in ray.glob("*.png")}
    assert kept
    assert not (ray / "fused.csv").exists()
    assert _on_ray(2, env) == 1
    assert (tmp_path / "dying/opened-v00063.png").exists()  # a worker was killed in the second run
    assert _files(ray) == _files(here)
    assert {name: (ray / name).stat().st_mtime_ns for name in kept} == kept


@pytest.mark.slow
def test_a_picture_that_kills_every_worker_is_given_up_and_the_others_are_fused(manifest: Path, tmp_path: Path) -> None:
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(lines[:3] + lines[6:10]))
    assert _here("fuse", *ARGS, "--out", "here") == 0
    assert _on_ray(1, deadly(tmp_path / "dying", always="v00007.png")) == 1
    rows = {row.name: row for row in read_rows(tmp_path / "ray/fused.csv")}
    assert rows["00007"].status == "skipped"
    assert f"its worker died {ALONE + 1} times" in rows["00007"].reason
    others = {row.name: row for row in read_rows(tmp_path / "here/fused.csv") if row.name != "00007"}
    assert {name: row for name, row in rows.items() if name != "00007"} == others
    assert list((tmp_path / "ray" / FOLDER).iterdir())  # a second start does not try again


def test_what_was_begun_and_not_finished_alone_is_counted(tmp_path: Path) -> None:
    names = ["a", "b"]
    first = Attempts(tmp_path, names)
    assert not first.somebody_died
    first.begin()
    for _ in range(ALONE):
        again = Attempts(tmp_path, names)
        assert again.somebody_died
        assert not again.hopeless(1)
        with again.alone(0):
            pass
        again.alone(1).__enter__()
    last = Attempts(tmp_path, names)
    assert last.hopeless(1)
    assert not last.hopeless(0)
    last.forget()
    assert Attempts(tmp_path, names).somebody_died  # it is remembered
    assert not Attempts(tmp_path, ["a", "c"]).somebody_died


def test_a_block_that_was_told_is_forgotten(tmp_path: Path) -> None:
    Attempts(tmp_path, ["a"]).begin()
    again = Attempts(tmp_path, ["a"])
    with again.alone(0):
        pass
    again.forget()
    assert not list((tmp_path / FOLDER).iterdir())
