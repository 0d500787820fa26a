"""Put infrared, visible, mean, max, DWSFusion and other inputs side by side, as in the published figures."""

from dataclasses import dataclass, field
from pathlib import Path

from downstream.command import check_writable, report_skipped, resolve_data, track
from downstream.comparison.grid_config import FUSION, GridConfig
from downstream.comparison.grids_command import draw_grids
from downstream.comparison.preparing import ComparisonConfig
from downstream.report.tables import print_table
from downstream.tasks import TASKS
from dwsfusion.errors import InputError

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
    task = next((task for task in TASKS if task.name == config.grids.task), None)
    pictures, skipped = draw_grids(config, config.grids, task, resolve_data(config.data), out, track)
    print_table("Grids", [{"folder": out, "pictures": ", ".join(pictures), "skipped": len(skipped)}])
    return report_skipped(skipped, out)
