"""Put infrared, visible, mean, max, DWSFusion and other inputs side by side, as in the published figures."""

from dataclasses import dataclass, field
from pathlib import Path

from downstream.command import check_writable, report_skipped, resolve_data, track
from downstream.comparison.grid_config import FUSION, GridConfig
from downstream.comparison.grids import choose_names, export_grids, make_grids
from downstream.comparison.preparing import ComparisonConfig
from downstream.report.tables import print_table
from downstream.tasks import TASKS
from dwsfusion.errors import InputError
from dwsfusion.runs import write_run

NEEDS = ("matplotlib",)


@dataclass(frozen=True)
class Config(ComparisonConfig):
    grids: GridConfig = field(default_factory=GridConfig)
    out: Path | None = None
    """Where the PNG and PDF files go; without it out/grids/TASK."""


def main(config: Config) -> int:
    names = [FUSION, *(task.name for task in TASKS)]
    if config.grids.task not in names:
        raise InputError(f"expected --task of {', '.join(names)}, found {config.grids.task!r}")
    out = config.out or Path("out/grids") / config.grids.task
    check_writable(out)
    data, fuser = resolve_data(config.data), config.fuser()
    task = next((task for task in TASKS if task.name == config.grids.task), None)
    comparison = config.prepare(
        data,
        fuser,
        config.split,
        track,
        choose=lambda source, at_hand: choose_names(source, at_hand, config.grids, task),
    )
    comparison.check_apart(out)
    unreadable = export_grids(make_grids(comparison, config.grids, task), comparison.names, out, track=track)
    skipped = [*comparison.skipped, *unreadable]
    results = {"pictures": list(comparison.names), "skipped": skipped}
    write_run(out, config, device=str(fuser.device), seed=None, data=comparison.fingerprint(), results=results)
    print_table("Grids", [{"folder": out, "pictures": ", ".join(comparison.names), "skipped": len(skipped)}])
    return report_skipped(skipped)
