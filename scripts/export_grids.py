"""Put infrared, visible, mean, max, DWSFusion and other inputs side by side, as in the published figures."""

from dataclasses import dataclass, field
from pathlib import Path

from downstream.inputs import prepare_comparison
from downstream.report.export import GridConfig, export_grids
from downstream.report.tables import print_table
from dwsfusion import Fuser
from dwsfusion.command import check_writable, report_skipped, resolve_data, run_command, track
from dwsfusion.runs import fingerprint, write_run


@dataclass(frozen=True)
class Config:
    data: Path | None = None
    """Folder with SPLIT/{ir,vi}; without it data/MSRS, else the sample scenes."""
    split: str = "test"
    """Which part of the data set."""
    inputs: tuple[str, ...] = ()
    """Further inputs, each NAME=DIR with the data set's file names."""
    common: bool = False
    """Take the pictures that all inputs have; otherwise a missing one is an error."""
    grids: GridConfig = field(default_factory=GridConfig)
    weights: Path | None = None
    """Weights of DWSFusion, ours (.safetensors) or the authors' (.pth); without it those of this package."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    fused: Path = Path("out/fused")
    """Where fused pictures are kept."""
    out: Path | None = None
    """Where the PNG and PDF files go; without it out/grids/TASK."""


def main(config: Config) -> int:
    out = config.out or Path("out/grids") / config.grids.task
    check_writable(out)
    data, fuser = resolve_data(config.data), Fuser.from_pretrained(config.weights or "dwsfusion", config.device)
    comparison = prepare_comparison(
        data, config.split, config.inputs, fuser=fuser, fused=config.fused, common=config.common
    )
    names, unreadable = export_grids(comparison, config.grids, out, track=track)
    skipped = [*comparison.skipped, *unreadable]
    files = fingerprint(path for item in comparison.only(names).inputs for path in item.files.values())
    results = {"pictures": names, "skipped": skipped}
    write_run(out, config, device=str(fuser.device), seed=None, data=files, results=results)
    print_table("Grids", [{"folder": out, "pictures": ", ".join(names), "skipped": len(skipped)}])
    return report_skipped(skipped)


if __name__ == "__main__":
    run_command(main, Config)
