"""Fuses whatever a listing lists, with a row for every picture."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from downstream.scale.listing import Listing
from downstream.scale.rows import NO_NUMBER, Row, table_name, write_rows
from dwsfusion.folders import Fused, fuse_pairs, in_words
from dwsfusion.fusing import Fuser
from dwsfusion.pairs import Pair, Skipped
from dwsfusion.progress import Track
from dwsfusion.runs import hash_file
from dwsfusion.shards import Shard

FUSED, SKIPPED = "fused", "skipped"


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


def fuse_listing(
    fuser: Fuser,
    listing: Listing,
    out: Path,
    track: Track,
    *,
    shard: Shard | None = None,
    batch_size: int = 1,
    ir_range: tuple[float, float] | None = None,
) -> Tally:
    """Fuses the listed pairs into ``out/NAME.png`` and writes a row for each into ``out/fused.csv``.

    Args:
        fuser, listing, out: the method, the pairs, and the folder; see `fuse_pairs`.
        track: shows progress.
        shard: which part it is; its table has its number.
        batch_size, ir_range: see `fuse_pairs`.

    Raises:
        InputError: as `fuse_pairs`.
    """
    tally, numbers, start = Tally(), deque[int](), time.perf_counter()

    def pairs() -> Iterator[Pair]:
        for number, pair in track(listing.numbered(), "fusing", listing.count):
            numbers.append(number)
            yield pair

    def rows() -> Iterator[Row]:
        for fused in fuse_pairs(fuser, pairs(), out, batch_size=batch_size, ir_range=ir_range):
            _count(tally, fused)
            yield _row(str(numbers.popleft()), fused)
        for item in sorted(listing.skipped, key=lambda item: item.name):
            tally.skipped.append(item)
            yield Row(NO_NUMBER, item.name, SKIPPED, "", item.reason)

    _exhaust(write_rows(out / table_name(shard), rows()))
    tally.seconds = time.perf_counter() - start
    return tally


def _count(tally: Tally, fused: Fused) -> None:
    tally.fused += fused.status == "made"
    tally.kept += fused.status == "kept"
    tally.network_seconds += fused.network_seconds
    if fused.path is None:
        tally.skipped.append(Skipped(fused.name, fused.reason))


def _row(number: str, fused: Fused) -> Row:
    if fused.path is None:
        return Row(number, fused.name, SKIPPED, "", fused.reason)
    return Row(number, fused.name, FUSED, hash_file(fused.path), "")


def _exhaust(rows: Iterable[Row]) -> None:
    for _ in rows:
        pass
