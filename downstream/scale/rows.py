"""What became of every picture, a row each: ``fused.csv``, of a shard ``fused-I-of-N.csv``."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dwsfusion.errors import InputError
from dwsfusion.runs import whole_file
from dwsfusion.shards import Shard

NO_NUMBER = ""
FUSED, SKIPPED = "fused", "skipped"


class Row(NamedTuple):
    """One picture."""

    number: str
    """Its place among all, from 0; empty for what is no pair."""
    name: str
    status: str
    """``fused`` or ``skipped``."""
    sha256: str
    """Of the fused file."""
    reason: str
    """Why it was skipped."""

    def order(self) -> tuple[bool, int, str]:
        """Sorts by number; what has none comes last, by name."""
        return (not self.number, int(self.number or 0), self.name)


def table_name(shard: Shard | None) -> str:
    """The file of a run's rows."""
    return f"fused-{shard.tag}.csv" if shard else "fused.csv"


def write_rows(path: Path, rows: Iterable[Row]) -> Iterator[Row]:
    """Writes rows as they come, and passes them on; the file appears whole, once all are there."""
    with whole_file(path) as beside, beside.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        for row in rows:
            writer.writerow(row)
            yield row


def read_rows(path: Path) -> Iterator[Row]:
    """Reads rows one by one.

    Raises:
        InputError: the file is not there, or is none of this kind.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            if next(reader, None) != list(Row._fields):
                raise InputError(f"expected the rows of a fusing run in {path}, found another table")
            yield from map(Row._make, reader)
    except (OSError, csv.Error, TypeError, UnicodeDecodeError) as error:
        raise InputError(f"expected the rows of a fusing run in {path}, found: {error}") from error
