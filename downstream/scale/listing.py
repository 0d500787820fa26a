"""The pairs that a fusing run goes through: a split of a data set, or a manifest; all of them, or one shard."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from downstream.datasets.opening import open_data_set
from dwsfusion.manifest import Manifest
from dwsfusion.pairs import Pair, Skipped, check_apart
from dwsfusion.runs import fingerprint, hash_file
from dwsfusion.shards import Shard
from dwsfusion.tars import find_tars

_LOOKED_AT = 256
"""Pairs of a manifest whose infrared depth is looked at; of a folder all are."""


@dataclass(frozen=True)
class Listing:
    """Pairs in order, however many."""

    numbered: Callable[[], Iterator[tuple[int, Pair]]]
    """Goes through the pairs anew, each with its number among all, whatever the shard."""
    count: int
    some: list[Pair]
    """Those of which infrared depth and range are judged."""
    skipped: list[Skipped]
    """What is no pair."""
    digest: Callable[[set[str]], str]
    """A hash of the data, given the names that were left out."""


def list_folder(data: Path, split: str, card: str | None, out: Path, unpacked: Path, shard: Shard | None) -> Listing:
    """Lists a split of a data set.

    Args:
        data, split, card: see `open_data_set`.
        out: the output folder, which must lie apart.
        unpacked: for data sets that have both cameras in one file.
        shard: which part; None for all.

    Raises:
        InputError: there is no such data set, or the output folder is, holds or links to a source folder.
    """
    source, found = open_data_set(data, split, card, unpacked)
    check_apart(out, [*found.files(), *(folder / "any" for folder in source.label_folders())])
    numbered = [(k, p) for k, p in enumerate(found.pairs) if shard is None or shard.holds(p.name)]
    pairs = [pair for _, pair in numbered]
    skipped = [s for s in found.skipped if shard is None or shard.holds(s.name)]

    def digest(left_out: set[str]) -> str:
        return fingerprint(path for p in pairs if p.name not in left_out for path in (p.ir, p.vis))

    return Listing(lambda: iter(numbered), len(pairs), pairs, skipped, digest)


def list_manifest(path: Path, shard: Shard | None) -> Listing:
    """Lists the rows of a manifest; its digest is that of the file, or of the files of a folder.

    Raises:
        InputError: it is not readable, or has no row.
    """
    manifest = Manifest(path, shard)

    def digest(_: set[str]) -> str:
        return fingerprint(find_tars(path)) if path.is_dir() else hash_file(path)

    return Listing(manifest.numbered, len(manifest), manifest.first(_LOOKED_AT), manifest.skipped, digest)
