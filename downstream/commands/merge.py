"""Put together what the shards of a run made, on one machine or many: the same files as of an undivided run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from downstream.command import check_writable, report_skipped
from downstream.commands import NAMES, run
from downstream.messages import keep_log
from downstream.report.tables import print_table
from downstream.scale.merging import Part, find_parts, merge_fused, merge_predictions
from downstream.scale.packing import check_tar
from dwsfusion.errors import InputError
from dwsfusion.runs import write_run


@dataclass(frozen=True)
class Config:
    parts: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Output folders of the shards, started with --shard; without any, OUT itself, where all wrote to it."""
    out: Path = Path("out/merged")
    """The folder of the whole. What a comparison's networks saw is gathered there, and its figures are computed."""
    verify: bool = False
    """Compare every fused picture with its hash."""
    a_tar: int | None = None
    """Of fused pictures: put them into OUT/fused-000000.tar and so on, too, so many a tar; see fuse."""


def main(config: Config) -> int:
    check_tar(config.a_tar)
    parts = find_parts(config.parts or (config.out,))
    check_writable(config.out)
    task = parts[0].record["task"]
    if task != "fuse":
        return _compare(parts, task, config.out)
    keep_log(config.out)
    count, skipped = merge_fused(parts, config.out, verify=config.verify, a_tar=config.a_tar)
    results = {"fused": count, "kept": 0, "shards": len(parts), **parts[0].record["made_by"], "skipped": skipped}
    data = "+".join(dict.fromkeys(part.record["data"] for part in parts))
    write_run(config.out, config, device=parts[0].record["device"], seed=None, data=data, results=results)
    row = {"folder": config.out, "shards": len(parts), "fused": count, "skipped": len(skipped)}
    print_table("Merged pictures", [row])
    return report_skipped(skipped, config.out)


def _compare(parts: list[Part], task: str, out: Path) -> int:
    """Gathers what was seen, and starts the shards' own command over all pictures."""
    if task not in NAMES:
        raise InputError(f"expected shards of fuse or of a comparison, found those of {task}")
    merge_predictions(parts, out)
    run(task, [*undivided(parts[0].record["command"], task), "--out", str(out)], prog=f"dwsfusion {task}")


def undivided(command: list[str], task: str) -> list[str]:
    """The flags of a shard's command, without those that name the shard and its folder."""
    words = command[2:] if command[1:2] == [task] else command[1:]
    kept: list[str] = []
    skip = False
    for word in words:
        flag = word.partition("=")[0]
        if skip or flag in ("--shard", "--out"):
            skip = not skip and "=" not in word
            continue
        kept.append(word)
    return kept
