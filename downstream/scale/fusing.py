"""Fuses whatever a listing lists, with a row for every picture."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from downstream.scale.listing import Listing
from downstream.scale.packing import packed
from downstream.scale.rows import FUSED, NO_NUMBER, SKIPPED, Row, table_name, write_rows
from dwsfusion.folders import Fused, fuse_pairs, in_words
from dwsfusion.fusing import Fuser
from dwsfusion.pairs import Pair, Skipped
from dwsfusion.runs import hash_file
from dwsfusion.shards import Shard


@dataclass
class Tally:
    """How many, and how long."""

    fused: int = 0
    kept: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0
    network_seconds: float = 0.0

    def counts(self) -> dict[str, int]:
        """Pictures by what became of them."""
        return {"fused": self.fused, "kept": self.kept, "skipped": len(self.skipped)}

    def speed(self) -> str:
        """How long it took, and for what share of the time the network was at work."""
        return in_words(self.fused, self.seconds, self.network_seconds)


class Told(NamedTuple):
    """What became of one pair, wherever it was fused."""

    row: Row
    made: bool = False
    """Fused now; a picture that was there already was not."""
    network_seconds: float = 0.0


def fuse_here(
    fuser: Fuser,
    numbered: Iterable[tuple[int, Pair]],
    out: Path,
    *,
    batch_size: int = 1,
    ir_range: tuple[float, float] | None = None,
) -> Iterator[Told]:
    """Fuses numbered pairs in this process and tells in their order what became of each; see `fuse_pairs`."""
    numbers = deque[int]()

    def pairs() -> Iterator[Pair]:
        for number, pair in numbered:
            numbers.append(number)
            yield pair

    for fused in fuse_pairs(fuser, pairs(), out, batch_size=batch_size, ir_range=ir_range):
        yield Told(_row(str(numbers.popleft()), fused), fused.status == "made", fused.network_seconds)


def tell_all(
    told: Iterable[Told], listing: Listing, out: Path, shard: Shard | None = None, a_tar: int | None = None
) -> Tally:
    """Writes a row for each pair into ``out/fused.csv``, and behind them what is no pair.

    Args:
        told: what becomes of the listed pairs, as it becomes known, in their order.
        listing: the pairs.
        out: the folder of the fused pictures.
        shard: which part it is; its table has its number.
        a_tar: how many pictures are put into a tar (see `packed`); None for no tars.

    Raises:
        InputError: whatever ends the fusing.
    """
    tally, start = Tally(), time.perf_counter()

    def rows() -> Iterator[Row]:
        for item in told:
            _count(tally, item)
            yield item.row
        for skipped in sorted(listing.skipped, key=lambda item: item.name):
            tally.skipped.append(skipped)
            yield Row(NO_NUMBER, skipped.name, SKIPPED, "", skipped.reason)

    _exhaust(write_rows(out / table_name(shard), packed(rows(), out, a_tar)))
    tally.seconds = time.perf_counter() - start
    return tally


def _count(tally: Tally, told: Told) -> None:
    tally.network_seconds += told.network_seconds
    if told.row.status == SKIPPED:
        tally.skipped.append(Skipped(told.row.name, told.row.reason))
    else:
        tally.fused += told.made
        tally.kept += not told.made


def _row(number: str, fused: Fused) -> Row:
    if fused.path is None:
        return Row(number, fused.name, SKIPPED, "", fused.reason)
    return Row(number, fused.name, FUSED, hash_file(fused.path), "")


def _exhaust(rows: Iterable[Row]) -> None:
    for _ in rows:
        pass
