"""Tars in and out: the same pictures as of folders, by the same names, whoever reads and writes them."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from downstream.command import run_command
from downstream.commands import fuse, merge
from downstream.scale.rows import read_rows

COMMANDS = {"fuse": fuse, "merge": merge}
COUNT = 7


def _run(name: str, *args: object) -> int:
    module = COMMANDS[name]
    with pytest.raises(SystemExit) as exit_code:
        run_command(module.main, module.Config, [str(arg) for arg in args], f"dwsfusion {name}")
    return int(exit_code.value.code or 0)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


@pytest.fixture
def folders(tmp_path: Path, random: np.random.Generator, save) -> Path:
    root = tmp_path / "set"
    for k in range(COUNT):
        save(root / f"ir/a{k} ü.png", random.integers(0, 256, (20, 24), np.uint8))
        save(root / f"vi/a{k} ü.png", random.integers(0, 256, (20, 24, 3), np.uint8))
    return root


@pytest.fixture
def tars(folders: Path, tmp_path: Path) -> Path:
    (tmp_path / "tars").mkdir()
    names = sorted(p.stem for p in (folders / "ir").iterdir())
    for number, part in enumerate((names[:3], names[3:])):
        with tarfile.open(tmp_path / f"tars/pairs-{number}.tar", "w") as tar:
            for name in part:
                _add(tar, f"{name}.ir.png", (folders / f"ir/{name}.png").read_bytes())
                _add(tar, f"{name}.vis.png", (folders / f"vi/{name}.png").read_bytes())
                _add(tar, f"{name}.json", b"{}")
    return tmp_path / "tars"


def _pictures(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix in (".png", ".tar") or p.name == "fused.csv"}


ARGS = ("--method", "max", "--device", "cpu")


def test_pairs_in_tars_are_fused_as_those_in_folders(folders: Path, tars: Path, tmp_path: Path) -> None:
    assert _run("fuse", "--data", folders, "--out", tmp_path / "a", *ARGS, "--a-tar", 3) == 0
    assert _run("fuse", "--manifest", tars, "--out", tmp_path / "b", *ARGS, "--a-tar", 3) == 0
    for part in ("1/2", "2/2"):
        assert _run("fuse", "--manifest", tars, "--out", tmp_path / "c", *ARGS, "--shard", part) == 0
    assert _run("merge", "--out", tmp_path / "c", "--a-tar", 3) == 0
    files = _pictures(tmp_path / "a")
    assert len([name for name in files if name.endswith(".tar")]) == 3
    assert _pictures(tmp_path / "b") == files
    assert _pictures(tmp_path / "c") == files


def test_fewer_tars_leave_none_of_before(folders: Path, tmp_path: Path) -> None:
    for a_tar, count in ((1, COUNT), (COUNT, 1), (5, 2)):
        assert _run("fuse", "--data", folders, "--out", tmp_path / "a", *ARGS, "--a-tar", a_tar) == 0
        found = sorted(p.name for p in (tmp_path / "a").glob("*.tar"))
        assert found == [f"fused-{number:06}.tar" for number in range(count)]


@pytest.mark.parametrize("content", ["a tar", "no tar"])
@pytest.mark.parametrize("number", [0, 5])
def test_what_we_did_not_make_is_neither_replaced_nor_removed(
    folders: Path, tars: Path, content: str, number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / f"a/fused-{number:06}.tar"
    theirs.parent.mkdir()
    theirs.write_bytes(next(tars.iterdir()).read_bytes() if content == "a tar" else b"x")
    before = theirs.read_bytes()
    assert _run("fuse", "--data", folders, "--out", tmp_path / "a", *ARGS, "--a-tar", 3) == 2
    assert f"{theirs} was not made by this program" in " ".join(capsys.readouterr().err.split())
    assert theirs.read_bytes() == before
    assert not list((tmp_path / "a").glob("*.png"))


def test_webdataset_reads_what_we_write(folders: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    _run("fuse", "--data", folders, "--out", tmp_path / "a", *ARGS, "--a-tar", 4)
    shards = sorted(str(p) for p in (tmp_path / "a").glob("*.tar"))
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"))
    assert [sample["__key__"] for sample in samples] == [row.name for row in read_rows(tmp_path / "a/fused.csv")]
    for sample in samples:
        written = np.asarray(Image.open(tmp_path / f"a/{sample['__key__']}.png"))
        np.testing.assert_array_equal(sample["fused.png"], written)


def test_we_read_what_webdataset_writes(folders: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    with webdataset.TarWriter(str(tmp_path / "w.tar")) as writer:
        for path in sorted((folders / "ir").iterdir()):
            sides = {"ir.png": path.read_bytes(), "vis.png": (folders / "vi" / path.name).read_bytes()}
            writer.write({"__key__": path.stem, **sides})
    assert _run("fuse", "--data", folders, "--out", tmp_path / "a", *ARGS) == 0
    assert _run("fuse", "--manifest", tmp_path / "w.tar", "--out", tmp_path / "b", *ARGS) == 0
    assert _pictures(tmp_path / "a") == _pictures(tmp_path / "b")


def test_broken_tars_and_odd_wishes_are_one_line(
    tars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--out", tmp_path / "a", *ARGS)
    assert _run("fuse", "--manifest", tars, *out, "--a-tar", 0) == 2
    assert _run("fuse", "--manifest", tars, *out, "--a-tar", 2, "--shard", "1/2") == 2
    assert _run("fuse", "--manifest", tars, "--out", tars, *ARGS) == 2
    path = tars / "pairs-1.tar"
    path.write_bytes(path.read_bytes()[:3000])
    capsys.readouterr()
    assert _run("fuse", "--manifest", tars, *out) == 2
    assert "cut off" in capsys.readouterr().err.replace("\n", " ")
    assert not list((tmp_path / "a").glob("*.png"))
