"""Pairs in tars: names kept, nothing unpacked, and what is no picture of this folder refused."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dwsfusion import InputError
from dwsfusion.manifest import Manifest
from dwsfusion.runs import hash_file
from dwsfusion.tars import find_tars

Entry = tuple[str, bytes | tarfile.TarInfo]


def _png(seed: int, *shape: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8)).save(out, "png")
    return out.getvalue()


IR, VIS = _png(0, 20, 30), _png(1, 20, 30, 3)


def _tar(path: Path, *entries: Entry) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, held in entries:
            if isinstance(held, tarfile.TarInfo):
                held.name = name
                tar.addfile(held)
            else:
                member = tarfile.TarInfo(name)
                member.size = len(held)
                tar.addfile(member, io.BytesIO(held))
    return path


def _odd(kind: bytes, to: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo()
    member.type, member.linkname = kind, to
    return member


def test_pairs_are_read_where_they_lie_and_keep_their_names(tmp_path: Path) -> None:
    long, umlaut = "n" * 150, "Straße 1"
    _tar(tmp_path / "b.tar", ("./b.ir.png", IR), ("./b.vis.png", VIS), ("./b.json", b"{}"))
    _tar(
        tmp_path / "a.tar", (f"{long}.vis.png", VIS), (f"{long}.ir.png", IR), ("readme", b"x"),
        (f"{umlaut}.ir.png", IR), (f"{umlaut}.vis.png", VIS), ("x.y.ir.png", IR), ("x.y.vis.png", VIS),
    )  # fmt: skip
    manifest = Manifest(tmp_path)
    assert [(number, pair.name) for number, pair in manifest.numbered()] == [
        (0, long), (1, umlaut), (2, "x.y"), (3, "b")
    ]  # fmt: skip
    assert len(manifest) == 4
    assert not manifest.skipped
    (tmp_path / "ir.png").write_bytes(IR)
    for pair in manifest:
        ir, vis = pair.read()
        assert hash_file(pair.ir) == hash_file(tmp_path / "ir.png")
        np.testing.assert_array_equal(ir, np.asarray(Image.open(io.BytesIO(IR))))
        np.testing.assert_array_equal(vis, np.asarray(Image.open(io.BytesIO(VIS))))
    assert [pair.name for pair in Manifest(tmp_path / "b.tar")] == ["b"]


PAIR = ("x.ir.png", IR), ("x.vis.png", VIS)
GOOD = ("good2.ir.png", IR), ("good2.vis.png", VIS)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ((("../x.ir.png", IR), ("../x.vis.png", VIS)), "without folder"),
        ((("/tmp/x.ir.png", IR), ("/tmp/x.vis.png", VIS)), "without folder"),
        ((("d/x.ir.png", IR), ("d/x.vis.png", VIS)), "without folder"),
        ((("x.ir.png", _odd(tarfile.SYMTYPE, "/etc/passwd")), ("x.vis.png", VIS)), "a link, a device or a folder"),
        ((("x.ir.png", IR), ("x.vis.png", _odd(tarfile.LNKTYPE, "x.ir.png"))), "a link, a device or a folder"),
        ((("x.ir.png", _odd(tarfile.CHRTYPE)), ("x.vis.png", VIS)), "a link, a device or a folder"),
        ((("x.ir.png", _odd(tarfile.FIFOTYPE)), ("x.vis.png", VIS)), "a link, a device or a folder"),
        ((("x.ir.png", IR), ("x.ir.png", IR), ("x.vis.png", VIS)), "x.ir.png is there twice"),
        ((("x.ir.png", IR), ("y.txt", b"")), "infrared picture without its visible partner"),
        ((("x.vis.png", VIS),), "visible picture without its infrared partner"),
        ((PAIR[0], *GOOD, PAIR[1]), "without its"),
        ((*PAIR, *GOOD, *PAIR), "in several rows"),
        (((".ir.png", IR), (".vis.png", VIS)), "expected a name"),
    ],
)  # fmt: skip
def test_what_is_no_pair_is_named_and_the_others_are_taken(
    tmp_path: Path, entries: tuple[Entry, ...], reason: str
) -> None:
    path = _tar(tmp_path / "a.tar", *entries, ("good.ir.png", IR), ("good.vis.png", VIS))
    manifest = Manifest(path)
    assert {pair.name for pair in manifest} - {"good2"} == {"good"}
    assert any(reason in item.reason for item in manifest.skipped), manifest.skipped


@pytest.mark.parametrize("cut", [1, 512, 700, 10_240, 10_752])
def test_a_tar_that_is_cut_off_is_one_line(tmp_path: Path, cut: int) -> None:
    path = _tar(tmp_path / "a.tar", *((f"{k}.{side}.png", IR) for k in range(9) for side in ("ir", "vis")))
    whole = path.read_bytes()
    data_ends = max(i for i, byte in enumerate(whole) if byte) + 1
    path.write_bytes(whole[: data_ends - cut])
    with pytest.raises(InputError, match="cut off") as error:
        Manifest(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("data", [b"", b"no tar", bytes(1024), b"\x1f\x8b" + bytes(1022), b"x" * 1024 + bytes(512)])
def test_what_is_no_tar_of_pairs_is_one_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(InputError) as error:
        Manifest(tmp_path / "a.tar")
    assert "a.tar" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_broken_member_is_named_by_its_path(tmp_path: Path) -> None:
    (pair,) = Manifest(_tar(tmp_path / "a.tar", ("x.ir.png", b"broken"), ("x.vis.png", VIS)))
    with pytest.raises(InputError, match=r"a\.tar/\d+\+6/x\.ir\.png: not a readable picture .*x\.ir\.png'\)$"):
        pair.read()


def test_a_folder_without_tars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected tar files"):
        find_tars(tmp_path)


def test_a_folder_that_is_called_like_a_tar_is_a_folder(tmp_path: Path, save: Callable[..., Path]) -> None:
    path = save(tmp_path / "a.tar/1+2/x.png", np.zeros((4, 4), np.uint8))
    assert hash_file(path) == hash_file(path.rename(tmp_path / "y.png"))
