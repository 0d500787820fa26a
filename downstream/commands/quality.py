"""Compare infrared, visible, mean, max, DWSFusion and other fused pictures by the metrics of fusion quality."""

from dataclasses import dataclass, field
from pathlib import Path

from downstream.command import check_writable, report_skipped, resolve_data, track
from downstream.comparison.preparing import ComparisonConfig
from downstream.quality.command import measure_inputs
from downstream.quality.config import QualityConfig
from downstream.quality.table import group_rows, notes, table_rows, task_rows
from downstream.report.tables import print_table
from dwsfusion.pairs import Skipped


@dataclass(frozen=True)
class Config(ComparisonConfig):
    quality: QualityConfig = field(default_factory=QualityConfig)
    out: Path = Path("out/quality")
    """Where figures go."""


def main(config: Config) -> int:
    check_writable(config.out)
    result = measure_inputs(config, config.quality, resolve_data(config.data), config.out, track)
    for title, rows in (("Day and night", group_rows(result)), ("Metric and task", task_rows(result))):
        if rows:
            print_table(title, rows)
    print_table(f"Fusion quality, preset {result['preset']}", table_rows(result), notes(result))
    return report_skipped([Skipped(**item) for item in result["protocol"]["skipped"]], config.out)
