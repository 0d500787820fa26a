"""What the command of every task does: fuse, load or train, compare, tell."""

from pathlib import Path
from typing import Any

from downstream.command import report_skipped, track
from downstream.comparison.networks import make_networks
from downstream.comparison.preparing import ComparisonConfig
from downstream.comparison.run import compare
from downstream.comparison.task import Task
from downstream.comparison.timing import Stopwatch
from downstream.report.tables import print_table
from downstream.sample import is_sample
from dwsfusion.pairs import Skipped
from dwsfusion.runs import write_run


def compare_inputs(task: Task[Any, Any, Any, Any], config: ComparisonConfig, data: Path, out: Path) -> int:
    """Compares the inputs of a data set by a task, writes and prints what came out, and gives the exit code.

    Args:
        task: settled.
        config: the command's.
        data: the data root.
        out: the output folder.

    Raises:
        InputError: the comparison cannot start.
    """
    fuser, seed, clock = config.fuser(), config.seed, Stopwatch()
    with clock.step("fuse"):
        tested = config.prepare(data, fuser, config.split, track)
    tested.check_apart(out)
    with clock.step("load and train"):
        networks = make_networks(
            task,
            tested,
            lambda: config.prepare(data, fuser, "train", track),
            out / task.trained,
            seed=seed,
            device=fuser.device,
            track=track,
        )
    about = {"data": data.name, "split": config.split, "sample": is_sample(data)}
    result = compare(task, tested, networks, out, about=about, seed=seed, clock=clock, track=track)
    kept = {"protocol": result["protocol"], "seconds": clock.record()}
    write_run(out, config, device=str(fuser.device), seed=seed, data=tested.fingerprint(), results=kept)
    title, rows, notes = task.table(result)
    print_table(title, rows, [*notes, clock.in_words()])
    return report_skipped([Skipped(**item) for item in result["protocol"]["skipped"]])
