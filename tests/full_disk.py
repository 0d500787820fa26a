"""A small disk that fills up, and a command that writes to it."""

import hashlib
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from downstream.commands import run

PAGE = 4096


class Disk:
    """A file system of its own in memory, whose size can be changed."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def resize(self, size: int) -> None:
        """Gives it so many bytes, in whole pages."""
        _mount(f"remount,size={max(size // PAGE, 1) * PAGE}", self.place)


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[Disk]:
    """Mounts a disk of so many bytes; the test is skipped where that is not ours to do."""
    place.mkdir()
    try:
        _mount(f"size={max(size // PAGE, 1) * PAGE}", place)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a disk that is full needs the right to mount one: {error}")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def code_of(command: str, args: Sequence[object]) -> int:
    """Runs a command in this process and gives its exit code; an error that it does not foresee comes out."""
    with pytest.raises(SystemExit) as caught:
        run(command, [str(a) for a in args])
    return int(caught.value.code or 0)


def pages_of(folder: Path) -> int:
    """The bytes that its files take on a small disk."""
    return sum(-(-path.stat().st_size // PAGE) * PAGE for path in folder.rglob("*") if path.is_file())


def contents(folder: Path, without: Sequence[str]) -> dict[str, str]:
    """Hashes of the files of a folder by their paths in it, but for those under these names."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(name): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not set(without) & set((name := path.relative_to(folder)).parts)
    }


def _mount(options: str, place: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True, capture_output=True)
