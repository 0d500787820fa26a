"""Pairs in tar files by WebDataset's convention: ``NAME.ir.png`` and ``NAME.vis.png`` side by side.

Nothing is unpacked: a member's path says where in the tar its bytes lie, ``shard.tar/START+SIZE/NAME.ir.png``, so
whoever has the path reads them alone, on another machine too.
"""

import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from dwsfusion.errors import InputError

TAR = ".tar"
_SIDES = {"ir.png": 0, "vis.png": 1}
_PLACE = re.compile(r"(\d{1,18})\+(\d{1,18})")
_END = bytes(tarfile.BLOCKSIZE)
"""A tar ends with such blocks."""


class Member(io.BytesIO):
    """The bytes of a tar's member; in messages it is called by its path."""

    def __init__(self, path: Path, data: bytes) -> None:
        super().__init__(data)
        self._path = path

    def __repr__(self) -> str:
        return repr(str(self._path))


def stored(path: Path) -> Path | Member:
    """A member of a tar by the path that `tar_pairs` gives; any other path itself.

    Raises:
        OSError: the tar cannot be read.
    """
    place, tar = _PLACE.fullmatch(path.parent.name), path.parent.parent
    if place is None or tar.suffix != TAR or not tar.is_file():
        return path
    with tar.open("rb") as file:
        file.seek(int(place[1]))
        return Member(path, file.read(int(place[2])))


def find_tars(path: Path) -> list[Path]:
    """A tar file itself, or those of a folder in the order of their names.

    Raises:
        InputError: the folder cannot be listed, or holds none.
    """
    if not path.is_dir():
        return [path]
    try:
        tars = sorted(p for p in path.iterdir() if p.suffix == TAR and not p.name.startswith("."))
    except OSError as error:
        raise InputError(f"cannot list the folder {path}: {error.strerror}: see to its rights") from error
    if not tars:
        raise InputError(f"expected tar files in {path}, found none")
    return tars


def tar_pairs(tar: Path) -> Iterator[tuple[str, Path | None, Path | None, str]]:
    """Goes through a tar's headers: of each sample the name, the two paths, and what is wrong with it.

    Neighbours of one name are one sample; other members of it are left alone. What is no file (links, devices) is
    refused here; a name with a folder, and so one that leads out of a folder, where names are judged.

    Raises:
        InputError: it is no tar, or cut off.
    """
    sample: _Sample | None = None
    for member in _members(tar):
        given = member.name.removeprefix("./")
        key, side = _parted(given)
        if side is None:
            continue
        if sample is not None and sample.name != key:
            yield sample.told()
            sample = None
        sample = sample or _Sample(key)
        if not member.isreg() or member.issparse():
            sample.problem = f"{tar}: {given} is no file but a link, a device or a folder"
        elif sample.sides[side] is not None:
            sample.problem = f"{tar}: {given} is there twice"
        sample.sides[side] = tar / f"{member.offset_data}+{member.size}" / given.rpartition("/")[2]
    if sample is not None:
        yield sample.told()


@dataclass
class _Sample:
    name: str
    sides: list[Path | None] = field(default_factory=lambda: [None, None])
    problem: str = ""

    def told(self) -> tuple[str, Path | None, Path | None, str]:
        return self.name, self.sides[0], self.sides[1], self.problem


def _parted(member: str) -> tuple[str, int | None]:
    """A member's name without its extension, and which side of a pair it is."""
    for extension, side in _SIDES.items():
        if member.endswith(f".{extension}"):
            return member[: -len(extension) - 1], side
    return member, None


def _members(tar: Path) -> Iterator[tarfile.TarInfo]:
    try:
        with tar.open("rb") as file:
            if not _is_whole(file):
                raise InputError(
                    f"expected a whole tar file in {tar}, found one that is cut off: make or copy it again"
                )
            with tarfile.open(fileobj=file, mode="r:") as opened:
                while (member := opened.next()) is not None:
                    yield member
                    opened.members = []  # type: ignore[attr-defined] # it would keep all of them
    except (OSError, tarfile.TarError, UnicodeError, ValueError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"expected a tar file in {tar}, found: {error}") from error


def _is_whole(file: BinaryIO) -> bool:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - len(_END)))
    last = file.read()
    file.seek(0)
    return size % len(_END) == 0 and last == _END
