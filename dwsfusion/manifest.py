"""Lists of pairs, CSV or Parquet with the columns ``name``, ``ir``, ``vis``, or tars: any number in flat memory."""

import csv
import hashlib
import itertools
import unicodedata
from array import array
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from dwsfusion.errors import InputError
from dwsfusion.pairs import MAX_NAME_BYTES, Pair, Skipped
from dwsfusion.shards import Shard
from dwsfusion.tars import TAR, find_tars, tar_pairs

COLUMNS = ("name", "ir", "vis")
_ROWS_AT_ONCE = 10_000


class Manifest:
    """The pairs that a file lists, read anew each time they are gone through.

    Paths are relative to the file's folder, or absolute. Eight bytes a name are kept, to find names that stand twice.

    Args:
        path: the file, ``.csv`` or ``.parquet``; a ``.tar`` of pairs, or a folder of such (see `dwsfusion.tars`).
        shard: which part of its rows; None for all.

    Raises:
        InputError: it is not readable, lacks a column, or has no row.
    """

    def __init__(self, path: Path, shard: Shard | None = None) -> None:
        self.path, self.shard = path, shard
        self.skipped: list[Skipped] = []
        """Rows whose name no picture can bear, or that stand twice."""
        digests, rows = array("Q"), 0
        for row in _rows(path):
            rows += 1
            name = _composed(row[0])
            if shard is not None and not shard.holds(name):
                continue
            if problem := _problem(name) or row[3]:
                self.skipped.append(Skipped(ascii(name)[1:-1], f"{path}, row {rows}: {problem}"))
            else:
                digests.append(_digest(name))
        if not rows:
            raise InputError(f"expected pairs in {path}, found no row")
        in_order = np.frombuffer(digests, np.uint64)
        in_order.sort()  # in its place: there may be very many
        again = in_order[1:][in_order[1:] == in_order[:-1]]
        self._twice = frozenset(again.tolist())
        self._length = len(in_order) - len(again) - len(self._twice)
        if self._twice:
            self._name_twice()

    def __len__(self) -> int:
        """How many pairs there are to go through."""
        return self._length

    def __iter__(self) -> Iterator[Pair]:
        """The pairs in the file's order."""
        return (pair for _, pair in self.numbered())

    def numbered(self) -> Iterator[tuple[int, Pair]]:
        """The pairs, each with the number of its row, from 0, whatever the shard."""
        folder = self.path.parent
        for number, (given, ir, vis, problem) in enumerate(_rows(self.path)):
            name = _composed(given)
            if self.shard is not None and not self.shard.holds(name):
                continue
            if not (_problem(name) or problem) and _digest(name) not in self._twice:
                yield number, Pair(name, folder / ir, folder / vis)

    def first(self, count: int) -> list[Pair]:
        """The first pairs."""
        with closing(self.numbered()) as pairs:  # type: ignore[type-var]
            return [pair for _, pair in itertools.islice(pairs, count)]

    def _name_twice(self) -> None:
        told: set[str] = set()
        for given, *_ in _rows(self.path):
            name = _composed(given)
            if _digest(name) in self._twice and name not in told and (self.shard is None or self.shard.holds(name)):
                told.add(name)
                self.skipped.append(Skipped(name, f"{self.path}: the name stands in several rows"))


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=8).digest(), "little")


def _problem(name: str) -> str | None:
    """Why no fused picture can bear a name."""
    if not name or name in (".", "..") or any(letter in name for letter in "/\\\0"):
        return f"expected a name without folder, found {name!a}"
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return "the name is no UTF-8"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"a name of more than {MAX_NAME_BYTES} bytes: shorten it"
    return None


_Row = tuple[str, str, str, str]


def _rows(path: Path) -> Iterator[_Row]:
    """Name, infrared and visible of every row, and what is wrong with it."""
    if path.is_dir() or path.suffix == TAR:
        return _tar_rows(path)
    if path.suffix.lower() == ".parquet":
        return _parquet_rows(path)
    if path.suffix.lower() == ".csv":
        return _csv_rows(path)
    raise InputError(f"expected a manifest .csv or .parquet, a .tar or a folder of them, found {path}")


def _tar_rows(path: Path) -> Iterator[_Row]:
    for tar in find_tars(path):
        for name, ir, vis, problem in tar_pairs(tar):
            if not problem and (ir is None or vis is None):
                there, missing = ("infrared", "visible") if ir else ("visible", "infrared")
                problem = f"{tar}: {there} picture without its {missing} partner"
            yield name, _beside(path, ir), _beside(path, vis), problem


def _beside(path: Path, side: Path | None) -> str:
    return str(side.relative_to(path.parent)) if side else ""


def _csv_rows(path: Path) -> Iterator[_Row]:
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file)
            places = _places(path, next(reader, []))
            for row in reader:
                if not row:
                    continue
                if len(row) <= max(places):
                    raise InputError(f"{path}, line {reader.line_num}: expected {', '.join(COLUMNS)}, found {row}")
                yield row[places[0]], row[places[1]], row[places[2]], ""
    except (OSError, csv.Error) as error:
        raise InputError(f"expected a list of pairs in {path}, found: {error}") from error


def _parquet_rows(path: Path) -> Iterator[_Row]:
    import pyarrow.parquet as parquet  # here, for it comes with an extra

    try:
        with parquet.ParquetFile(path) as file:
            _places(path, file.schema_arrow.names)
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=list(COLUMNS)):
                columns: list[list[Any]] = [batch.column(name).to_pylist() for name in COLUMNS]
                for row in zip(*columns, strict=True):
                    yield str(row[0]), str(row[1]), str(row[2]), ""
    except (OSError, ValueError) as error:  # pyarrow's errors are of these kinds
        raise InputError(f"expected a list of pairs in {path}, found: {error}") from error


def _places(path: Path, names: list[str]) -> tuple[int, int, int]:
    found = [name.strip().lower() for name in names]
    if missing := [name for name in COLUMNS if name not in found]:
        raise InputError(
            f"expected the columns {', '.join(COLUMNS)} in {path}, found {', '.join(names[:8]) or 'nothing'}: "
            f"{', '.join(missing)} missing"
        )
    return found.index("name"), found.index("ir"), found.index("vis")
