"""One shard of a frozen comparison: its pictures are fused and looked at, and what was seen is kept.

There are no figures of a shard. Whoever starts the same command without a shard on a folder that holds what all shards
saw gets those of all pictures, and no network has to look again.
"""

from pathlib import Path
from typing import Any

from downstream.command import track
from downstream.comparison.labelled import label_pictures
from downstream.comparison.looking import look
from downstream.comparison.networks import make_networks
from downstream.comparison.preparing import ComparisonConfig, NothingChosenError
from downstream.comparison.task import Task
from downstream.comparison.timing import Stopwatch
from downstream.messages import keep_log
from dwsfusion.pairs import Skipped
from dwsfusion.runs import write_run
from dwsfusion.shards import Shard


def look_at_shard(
    task: Task[Any, Any, Any, Any], config: ComparisonConfig, data: Path, out: Path, shard: Shard
) -> list[Skipped]:
    """Keeps what the given network sees in the shard's pictures, and gives what was left out.

    Writes ``run-I-of-N.json``, too.

    Raises:
        InputError: the comparison cannot start.
    """
    fuser, clock = config.fuser(), Stopwatch()
    with clock.step("load"):
        given = task.check_start(fuser.device)
    keep_log(out)
    try:
        with clock.step("fuse"):
            tested = config.prepare(data, fuser, config.split, track, lambda _, names: filter(shard.holds, names))
        tested.check_apart(out)
        networks = make_networks(
            task, tested, lambda: tested, out / task.trained, seed=config.seed, device=fuser.device, given=given
        )
        labelled = label_pictures(task, tested, networks, out)
        with clock.step("predict"):
            _, skipped = look(task, labelled, networks, out / "predictions", config.seed, track)
        names, digest = labelled.comparison.names, tested.fingerprint()
    except NothingChosenError:  # few pictures, many shards
        names, digest, skipped = (), "", []
    results = {"task": task.name, "shard": str(shard), "pictures": len(names), "stages": clock.stages()}
    write_run(
        out, config, device=str(fuser.device), seed=config.seed, data=digest, results=results, name=record_name(shard)
    )
    return skipped


def record_name(shard: Shard) -> str:
    """The file in which a shard's run says how it came about."""
    return f"run-{shard.tag}.json"
