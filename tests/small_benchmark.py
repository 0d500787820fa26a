"""A benchmark that takes seconds: few resamples, one short training, cost and quality as they are."""

import json
import sys
from pathlib import Path

import tyro

from downstream.benchmark.config import BenchmarkConfig, Config, with_file
from downstream.benchmark.run import Ended, run_benchmark

SETTINGS = (
    "--segmentation.training.epochs", "1", "--segmentation.training.crop-px", "48", "64", "--segmentation.seeds", "2",
    "--segmentation.resamples", "40", "--detection.resamples", "40", "--quality.resamples", "20", "--grids.count", "1",
)  # fmt: skip


def small_config(data: Path, out: Path, *args: str) -> BenchmarkConfig:
    return tyro.cli(Config, args=with_file(["--data", str(data), "--out", str(out), *SETTINGS, *args]))


def run_small(data: Path, out: Path, *args: str) -> Ended:
    return run_benchmark(small_config(data, out, *args), data)


def steady(out: Path) -> dict[str, object]:
    """The results without what is measured in seconds."""
    results = json.loads((out / "results.json").read_text())
    del results["measured"]
    return results


if __name__ == "__main__":
    run_small(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
