"""What the command of qualitative grids does: choose pictures, fuse them, draw what a finished comparison saw."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from downstream.comparison.grid_config import GridConfig
from downstream.comparison.grids import choose_names, export_grids, make_grids
from downstream.comparison.preparing import ComparisonConfig
from downstream.comparison.task import Task
from downstream.comparison.timing import Stopwatch
from downstream.messages import keep_log
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track
from dwsfusion.runs import write_run


def draw_grids(
    config: ComparisonConfig,
    grids: GridConfig,
    task: type[Task[Any, Any, Any, Any]] | None,
    data: Path,
    out: Path,
    track: Track,
) -> tuple[tuple[str, ...], Sequence[Skipped]]:
    """Draws the grids of some pictures, and gives their names and what was skipped.

    Args:
        config: the command's.
        grids: which pictures, of what.
        task: whose finished comparison is drawn; None for the fused pictures themselves.
        data: the data root.
        out: the output folder.
        track: shows progress.

    Raises:
        InputError: the pictures or the finished comparison are not there.
    """
    fuser, clock = config.fuser(), Stopwatch()
    with clock.step("fuse"):
        comparison = config.prepare(
            data, fuser, config.split, track, choose=lambda source, names: choose_names(source, names, grids, task)
        )
    comparison.check_apart(out)
    keep_log(out)
    with clock.step("draw"):
        unreadable = export_grids(make_grids(comparison, grids, task), comparison.names, out, track=track)
    skipped = [*comparison.skipped, *unreadable]
    results = {"pictures": list(comparison.names), "skipped": skipped, "stages": clock.stages()}
    write_run(out, config, device=str(fuser.device), seed=None, data=comparison.fingerprint(), results=results)
    return comparison.names, skipped
