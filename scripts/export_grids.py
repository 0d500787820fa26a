"""Put infrared, visible, mean, max, DWSFusion and other inputs side by side, as in the published figures."""

from dataclasses import dataclass, field
from pathlib import Path

from downstream.command import check_writable, report_skipped, resolve_data, run_command, track
from downstream.comparison.inputs import ComparisonConfig
from downstream.report.export import GridConfig, choose_names, export_grids
from downstream.report.tables import print_table
from dwsfusion.runs import write_run


@dataclass(frozen=True)
class Config(ComparisonConfig):
    grids: GridConfig = field(default_factory=GridConfig)
    out: Path | None = None
    """Where the PNG and PDF files go; without it out/grids/TASK."""


def main(config: Config) -> int:
    out = config.out or Path("out/grids") / config.grids.task
    check_writable(out)
    data, fuser = resolve_data(config.data), config.fuser()
    comparison = config.prepare(
        data, fuser, config.split, track, choose=lambda root, names: choose_names(root, names, config.grids)
    )
    names, unreadable = export_grids(comparison, config.grids, out, track=track)
    skipped = [*comparison.skipped, *unreadable]
    results = {"pictures": names, "skipped": skipped}
    write_run(out, config, device=str(fuser.device), seed=None, data=comparison.fingerprint(), results=results)
    print_table("Grids", [{"folder": out, "pictures": ", ".join(names), "skipped": len(skipped)}])
    return report_skipped(skipped)


if __name__ == "__main__":
    run_command(main, Config)
