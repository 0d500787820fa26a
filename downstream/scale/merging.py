"""What shards made, put together in one folder."""

import heapq
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from downstream.scale.packing import packed
from downstream.scale.rows import FUSED, Row, read_rows, table_name, write_rows
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped
from dwsfusion.runs import hash_file, whole_file
from dwsfusion.shards import Shard


@dataclass(frozen=True)
class Part:
    """A finished shard."""

    shard: Shard
    folder: Path
    record: Mapping[str, Any]
    """What its ``run-I-of-N.json`` holds."""


def find_parts(folders: Sequence[Path]) -> list[Part]:
    """Finds the finished shards in some folders; each may hold several.

    Raises:
        InputError: there is none, they are of different runs, or one is missing or there twice.
    """
    parts = []
    for folder in dict.fromkeys(folders):
        for path in sorted(folder.glob("run-*-of-*.json")):
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                parts.append(Part(Shard.parse(record["shard"]), folder, record))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise InputError(f"expected the record of a shard in {path}, found: {error}") from error
    if not parts:
        raise InputError(f"expected finished shards (run-I-of-N.json) in {', '.join(map(str, folders))}, found none")
    _check_of_one_run(parts)
    return sorted(parts, key=lambda part: part.shard.number)


def merge_fused(
    parts: Sequence[Part], out: Path, *, verify: bool, a_tar: int | None = None
) -> tuple[int, list[Skipped]]:
    """Puts the fused pictures of all shards into one folder, with one table of rows as an undivided run writes it.

    Files are linked where that goes, else copied; where a shard was made in the folder itself they stay.

    Args:
        parts: all shards.
        out: the folder.
        verify: compare every file with the hash in its row.
        a_tar: how many pictures are put into a tar (see `packed`); None for no tars.

    Returns:
        How many pictures are fused, and those that were skipped.

    Raises:
        InputError: a shard's table or a picture is missing or damaged.
    """
    tables = [_placed(part, out, verify) for part in parts]
    count, skipped = 0, []
    rows = packed(heapq.merge(*tables, key=Row.order), out, a_tar)
    for row in write_rows(out / table_name(None), rows):
        if row.status == FUSED:
            count += 1
        else:
            skipped.append(Skipped(row.name, row.reason))
    return count, skipped


def merge_predictions(parts: Sequence[Part], out: Path) -> None:
    """Puts what the networks saw in all shards into the folder of one comparison, hidden files and all."""
    for part in parts:
        if part.folder.resolve() == out.resolve():
            continue
        for path in sorted(part.folder.rglob("predictions/**/*")):
            if path.is_file():
                _take(path, out / path.relative_to(part.folder))


def _placed(part: Part, out: Path, verify: bool) -> Iterator[Row]:
    for row in read_rows(part.folder / table_name(part.shard)):
        if row.status == FUSED:
            path = out / f"{row.name}.png"
            if part.folder.resolve() != out.resolve():
                _take(part.folder / path.name, path)
            if not path.is_file() or (verify and hash_file(path) != row.sha256):
                raise InputError(f"{path} is not what shard {part.shard} made: start that shard again")
        yield row


def _take(source: Path, target: Path) -> None:
    """Links or copies a file over whatever is there."""
    if not source.is_file():
        raise InputError(f"expected {source}, found no such file: start its shard again")
    with whole_file(target) as beside:
        try:
            os.link(source, beside)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, beside)


def _check_of_one_run(parts: Sequence[Part]) -> None:
    count = parts[0].shard.count
    numbers = [part.shard.number for part in parts]
    if any(part.shard.count != count for part in parts):
        raise InputError(f"expected shards of one run, found {', '.join(str(part.shard) for part in parts)}")
    if missing := sorted(set(range(1, count + 1)) - set(numbers)):
        shown = ", ".join(f"{number}/{count}" for number in missing[:5]) + (" …" if len(missing) > 5 else "")
        raise InputError(f"{len(missing)} of {count} shards are missing or not finished: {shown}")
    if len(set(numbers)) < len(numbers):
        raise InputError(f"expected each shard once, found {', '.join(str(part.shard) for part in parts)}")
    for key in ("task", "made_by"):
        if len({json.dumps(part.record.get(key), sort_keys=True) for part in parts}) > 1:
            raise InputError(f"the shards differ in {key}: {[part.record.get(key) for part in parts]}")
