"""Folders as other people keep them: names, links, rights, a full disk."""

import errno
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dwsfusion import Fuser, InputError, find_pairs, fuse_folder, runs
from dwsfusion.errors import OutputError
from dwsfusion.pairs import check_apart, images_by_stem
from dwsfusion.runs import whole_file, write_bytes, write_csv, write_text

Save = Callable[[Path, np.ndarray], Path]
GREY, RGB = np.full((20, 24), 90, np.uint8), np.full((20, 24, 3), 90, np.uint8)


def put(root: Path, ir: str, vis: str, save: Save) -> None:
    for name, pixels in ((ir, GREY), (vis, RGB)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(save(root / "made.png", pixels).read_bytes())
    (root / "made.png").unlink()


@pytest.mark.parametrize(
    "name",
    ["ä", "夜間", "🌙", "with space", "a'b\"c", "[bold]x[red]", ":smile:", "a%d", "-flag", "a.b.c", "x" * 240, "$HOME",
     "line\nbreak", "tab\t", "CON", "é" * 100, "#1", "a;b", "~", "a\\b"],
)  # fmt: skip
def test_names_of_any_letters_are_fused_under_their_names(name: str, tmp_path: Path, save: Save) -> None:
    put(tmp_path / "d", f"ir/{name}.png", f"vi/{name}.png", save)
    pairs = find_pairs(tmp_path / "d").pairs
    result = fuse_folder(Fuser.from_pretrained("max", "cpu"), pairs, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == [f"{name}.png"]
    assert list(result.files) == [name]


def test_names_are_compared_in_one_form_of_unicode(tmp_path: Path, save: Save) -> None:
    composed, parted = (unicodedata.normalize(form, "Fußgänger é") for form in ("NFC", "NFD"))
    put(tmp_path, f"ir/{composed}.png", f"vi/{parted}.png", save)
    assert [pair.name for pair in find_pairs(tmp_path).pairs] == [composed]
    put(tmp_path, f"ir/{parted}.png", f"vi/{parted}.png", save)
    with pytest.raises(InputError, match="found none"):  # now that name stands twice
        find_pairs(tmp_path)


def test_names_that_differ_by_case_are_different_pictures(tmp_path: Path, save: Save) -> None:
    for name in "aA":
        put(tmp_path, f"ir/{name}.png", f"vi/{name}.png", save)
    assert [pair.name for pair in find_pairs(tmp_path).pairs] == ["A", "a"]
    put(tmp_path, "ir/b.png", "vi/B.png", save)
    assert [s.name for s in find_pairs(tmp_path).skipped] == ["B", "b"]


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
def test_a_name_that_is_no_text_is_skipped_by_what_it_looks_like(tmp_path: Path, save: Save) -> None:
    put(tmp_path, "ir/a.png", "vi/a.png", save)
    for side in ("ir", "vi"):
        (tmp_path / side / os.fsdecode(b"b\xff.png")).write_bytes((tmp_path / "ir/a.png").read_bytes())
    found = find_pairs(tmp_path)
    assert [pair.name for pair in found.pairs] == ["a"]
    assert {s.name for s in found.skipped} == {r"b\udcff"}
    assert "no UTF-8: rename" in found.skipped[0].reason
    write_csv(tmp_path / "skipped.csv", [{"name": os.fsdecode(b"b\xff"), "reason": "x"}])
    assert "udcff" in (tmp_path / "skipped.csv").read_text()


def test_a_name_that_leaves_no_room_for_a_suffix_is_skipped(tmp_path: Path, save: Save) -> None:
    put(tmp_path, f"ir/{'x' * 248}.png", "vi/a.png", save)
    put(tmp_path, "ir/a.png", "vi/a.png", save)
    assert "shorten it" in find_pairs(tmp_path).skipped[0].reason


LINKS: dict[str, Callable[[Path, Path], object]] = {
    "a link to nowhere": lambda path, _: path.symlink_to("nowhere.png"),
    "a link to itself": lambda path, _: path.symlink_to(path.name),
    "a link to a folder": lambda path, root: path.symlink_to(root),
    "a folder": lambda path, _: path.mkdir(),
    "a pipe": lambda path, _: os.mkfifo(path),
}


@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize("side", ["ir", "vi"])
def test_what_is_no_file_is_skipped_once_and_waits_for_nobody(kind: str, side: str, tmp_path: Path, save: Save) -> None:
    put(tmp_path, "ir/a.png", "vi/a.png", save)
    put(tmp_path, "ir/b.png", "vi/b.png", save)
    (path := tmp_path / side / "b.png").unlink()
    LINKS[kind](path, tmp_path)
    found = find_pairs(tmp_path)
    assert [pair.name for pair in found.pairs] == ["a"]
    assert [s.name for s in found.skipped] == ["b"]
    assert "expected a file" in found.skipped[0].reason


def test_a_link_to_a_picture_is_followed(tmp_path: Path, save: Save) -> None:
    put(tmp_path, "ir/a.png", "vi/a.png", save)
    (tmp_path / "ir/b.png").symlink_to(tmp_path / "ir/a.png")
    (tmp_path / "vi/b.png").symlink_to("a.png")
    assert [pair.name for pair in find_pairs(tmp_path).pairs] == ["a", "b"]


NONE = {
    "names": (["ir/a_ir.png", "ir/b_ir.png", "ir/c_ir.png", "vi/a_vi.png"], ["3 files (a_ir.png, b_ir.png …)"]),
    "sub-folders": (["infrared/test/a.png", "visible/images/a.png"], ["sub-folders test", "sub-folders images"]),
    "suffixes": (["ir/a.webp", "vi/a.pgm"], [".webp are not read", ".pgm are not read", ".tif"]),
    "empty": (["ir/.keep", "vi/.keep"], ["infrared ir/: no picture", "visible vi/: no picture"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", NONE)
def test_without_a_pair_both_sides_are_shown(kind: str, tmp_path: Path) -> None:
    files, said = NONE[kind]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(InputError) as told:
        find_pairs(tmp_path)
    assert all(text in str(told.value) for text in said), told.value


def test_long_wave_infrared_is_a_name_for_infrared(tmp_path: Path, save: Save) -> None:
    put(tmp_path, "lwir/a.png", "rgb/a.png", save)
    assert len(find_pairs(tmp_path).pairs) == 1


def test_two_folders_of_one_name_are_named(tmp_path: Path, save: Save) -> None:
    put(tmp_path, "ir/a.png", "vi/a.png", save)
    (tmp_path / "IR").mkdir()
    with pytest.raises(InputError, match="found IR and ir"):
        find_pairs(tmp_path)


def test_a_folder_that_cannot_be_listed_is_one_line(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "ir/a.png", "vi/a.png", save)
    listed = Path.iterdir

    def denied(path: Path) -> object:
        if path.name == "ir":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(InputError, match=r"cannot list the folder .*ir: Permission denied"):
        find_pairs(tmp_path)
    with pytest.raises(InputError, match="cannot list"):
        images_by_stem(tmp_path / "ir")


def test_a_picture_that_may_not_be_read_is_skipped(tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        put(tmp_path, f"ir/{name}.png", f"vi/{name}.png", save)
    opened = Path.open

    def denied(path: Path, *args: object, **more: object) -> object:
        if path.name == "a.png" and path.parent.name == "vi":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *args, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", denied)
    result = fuse_folder(Fuser.from_pretrained("max", "cpu"), find_pairs(tmp_path).pairs, tmp_path / "out")
    assert ([s.name for s in result.skipped], list(result.files)) == (["a"], ["b"])


def test_links_in_a_circle_end_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(InputError, match="found none"):
        find_pairs(tmp_path / "a")
    check_apart(tmp_path / "a", [tmp_path / "ir/a.png"])
    with pytest.raises(OutputError, match="cannot write"):
        write_text(tmp_path / "a/x.txt", "")


FAILURES = {"full": errno.ENOSPC, "over the quota": errno.EDQUOT, "too large": errno.EFBIG, "read-only": errno.EROFS,
            "not ours": errno.EACCES, "failing": errno.EIO}  # fmt: skip


@pytest.mark.parametrize("kind", FAILURES)
def test_a_disk_that_takes_no_more_ends_the_run_and_leaves_whole_files(
    kind: str, tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcdef":  # two are written at a time
        put(tmp_path, f"ir/{name}.png", f"vi/{name}.png", save)
    written, pairs, fuser = Path.write_bytes, find_pairs(tmp_path).pairs, Fuser.from_pretrained("max", "cpu")

    def full(path: Path, data: bytes) -> int:
        if len(list(path.parent.glob("*.png"))) > 1:
            written(path, data[:20])
            raise OSError(FAILURES[kind], os.strerror(FAILURES[kind]), str(path))
        return written(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OutputError, match=r"cannot write .*png: .*: mend that"):
            fuse_folder(fuser, pairs, tmp_path / "out")
    left = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert left
    assert set(left) < {f"{name}.png" for name in "abcdef"}
    assert fuse_folder(fuser, pairs, tmp_path / "out").made == 6 - len(left)


def test_what_a_killed_process_left_is_removed_by_the_next_and_what_a_living_one_writes_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with whole_file(tmp_path / "first/a.txt") as beside:
        name = beside.name
        beside.touch()
    host, mine = name.split("-")[1:3]
    remains = {
        "of a dead process": f".{'0' * 16}-{host}-{'1' * 8}-999999999-1.tmp",
        "of an earlier one with this number": f".{'0' * 16}-{host}-{'1' * 8}-{os.getpid()}-1.tmp",
        "of a living one": f".{'0' * 16}-{host}-{'1' * 8}-{os.getppid()}-1.tmp",
        "of another machine": f".{'0' * 16}-{'f' * 8}-{'1' * 8}-999999999-1.tmp",
        "of this process": f".{'0' * 16}-{host}-{mine}-{os.getpid()}-1.tmp",
        "somebody's own": ".notes.tmp",
    }
    for file in remains.values():
        (tmp_path / file).touch()
    monkeypatch.setattr(runs, "_swept", set())
    write_bytes(tmp_path / "b.txt", b"b")
    left = {kind for kind, file in remains.items() if (tmp_path / file).exists()}
    assert left == {"of a living one", "of another machine", "of this process", "somebody's own"}
