"""Fused pictures in tar files, ``NAME.fused.png`` in WebDataset's convention, beside the pictures themselves."""

import io
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from downstream.scale.rows import FUSED, Row
from dwsfusion.errors import InputError
from dwsfusion.runs import whole_file

EXTENSION = "fused.png"
_MARK = {"comment": "fused pictures by dwsfusion"}
"""Stands at the head of a tar of ours."""


def check_tar(a_tar: int | None) -> None:
    """Refuses a number of pictures a tar that is none.

    Raises:
        InputError: it is below 1.
    """
    if a_tar is not None and a_tar < 1:
        raise InputError(f"expected at least 1 picture a tar, found --a-tar {a_tar}")


def packed(rows: Iterable[Row], out: Path, a_tar: int | None) -> Iterator[Row]:
    """Puts the pictures of rows into ``out/fused-000000.tar`` and so on as the rows come, and passes them on.

    The same pictures give the same bytes, whoever packs them and whenever. A tar appears whole; those of an earlier run
    that had more are removed. What stands under such a name and is not ours is neither replaced nor removed.

    Args:
        rows: in the order of the pairs.
        out: the folder of the pictures and tars.
        a_tar: how many pictures a tar holds; None for no tars.

    Raises:
        InputError: a tar under one of these names was not made here.
    """
    if a_tar is None:
        yield from rows
        return
    _check_ours(out)
    count = 0
    with ExitStack() as open_tar:
        for row in rows:
            if row.status == FUSED:
                if count % a_tar == 0:
                    open_tar.close()
                    beside = open_tar.enter_context(whole_file(_path(out, count // a_tar)))
                    tar = open_tar.enter_context(
                        tarfile.open(beside, "w", format=tarfile.PAX_FORMAT, pax_headers=_MARK)
                    )
                _add(tar, row.name, out)
                count += 1
            yield row
    left = -(-count // a_tar)
    while _path(out, left).is_file():
        _path(out, left).unlink()
        left += 1


def _path(out: Path, number: int) -> Path:
    return out / f"fused-{number:06}.tar"


def _check_ours(out: Path) -> None:
    for path in sorted(out.glob("fused-" + 6 * "[0-9]" + ".tar")):
        try:
            with tarfile.open(path, "r:") as found:
                ours = found.pax_headers == _MARK
        except (OSError, tarfile.TarError):
            ours = False
        if not ours:
            raise InputError(f"{path} was not made by this program, and would be replaced: choose another --out")


def _add(tar: tarfile.TarFile, name: str, out: Path) -> None:
    """Nothing but name and bytes: no time, no user."""
    data = (out / f"{name}.png").read_bytes()
    member = tarfile.TarInfo(f"{name}.{EXTENSION}")
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
