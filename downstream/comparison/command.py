"""What the command of every task does: fuse, load or train, compare, tell."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from downstream.command import report_skipped, track
from downstream.comparison import several
from downstream.comparison.jobs import pick_devices
from downstream.comparison.networks import make_networks
from downstream.comparison.preparing import ComparisonConfig
from downstream.comparison.run import compare
from downstream.comparison.runtimes import check_runtime
from downstream.comparison.shard_run import look_at_shard
from downstream.comparison.task import Task
from downstream.comparison.timing import Stopwatch
from downstream.messages import keep_log
from downstream.report.tables import print_table
from downstream.sample import is_sample
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track
from dwsfusion.runs import write_run

_log = logging.getLogger(__name__)


def compare_inputs(
    tasks: Mapping[str, Task[Any, Any, Any, Any]], config: ComparisonConfig, data: Path, out: Path
) -> int:
    """Compares the inputs of a data set by a task, writes and prints what came out, and gives the exit code.

    Args:
        tasks: settled, one for each network by its name; one alone needs none, and its files go to `out` itself.
        config: the command's.
        data: the data root.
        out: the output folder.

    Raises:
        InputError: the comparison cannot start.
    """
    skipped: list[Skipped] = []
    for name, task in tasks.items():
        if shard := task.config.part:
            skipped += look_at_shard(task, config, data, out / name, shard)
            _log.info("shard %s is looked at; dwsfusion merge gives the figures once all are", shard)
            continue
        result, clock = run_comparison(task, config, data, out / name, track)
        if details := task.details(result):
            print_table(*details)
        title, rows, notes = task.table(result)
        print_table(f"{title}: {name}" if name else title, rows, [*notes, clock.in_words()])
        skipped += [Skipped(**item) for item in result["protocol"]["skipped"]]
    if any(task.config.part for task in tasks.values()):
        return report_skipped(list(dict.fromkeys(skipped)))
    if len(tasks) > 1:
        kind = type(next(iter(tasks.values())))
        print_table(*several.table(kind, several.compare_networks(kind, {name: out / name for name in tasks}, out)))
    return report_skipped(list(dict.fromkeys(skipped)), out)


def run_comparison(
    task: Task[Any, Any, Any, Any], config: ComparisonConfig, data: Path, out: Path, track: Track
) -> tuple[dict[str, Any], Stopwatch]:
    """The same by one network and without a word: gives what ``TASK.json`` holds, and where the time went."""
    fuser, seed, clock = config.fuser(), config.seed, Stopwatch()
    with clock.step("load"):
        if task.config.protocol != "frozen":  # or the networks miss it after their training
            check_runtime(task.config.runtime, pick_devices(task.config.devices, fuser.device)[0])
        given = task.check_start(fuser.device)
    with clock.step("fuse"):
        tested = config.prepare(data, fuser, config.split, track)
    tested.check_apart(out)
    keep_log(out)
    with clock.step("train"):
        networks = make_networks(
            task,
            tested,
            lambda: config.prepare(data, fuser, "train", track),
            out / task.trained,
            seed=seed,
            device=fuser.device,
            given=given,
            track=track,
        )
    about = {"data": data.name, "split": config.split, "sample": is_sample(data), "ir_range": config.ir_range}
    result = compare(task, tested, networks, out, about=about, seed=seed, clock=clock, track=track)
    kept = {"protocol": result["protocol"], "seconds": clock.record(), "stages": clock.stages()}
    write_run(out, config, device=str(fuser.device), seed=seed, data=tested.fingerprint(), results=kept)
    return result, clock
