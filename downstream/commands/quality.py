"""Compare infrared, visible, mean, max, DWSFusion and other fused pictures by the metrics of fusion quality."""

from dataclasses import dataclass, field
from pathlib import Path

from downstream.command import check_writable, report_skipped, resolve_data, track
from downstream.comparison.inputs import DWSFUSION
from downstream.comparison.preparing import ComparisonConfig
from downstream.comparison.timing import Stopwatch
from downstream.quality.comparison import compare_quality
from downstream.quality.config import QualityConfig
from downstream.quality.table import group_rows, notes, table_rows, task_rows
from downstream.report.tables import print_table
from dwsfusion.images import image_size
from dwsfusion.pairs import Skipped
from dwsfusion.runs import write_run


@dataclass(frozen=True)
class Config(ComparisonConfig):
    quality: QualityConfig = field(default_factory=QualityConfig)
    out: Path = Path("out/quality")
    """Where figures go."""


def main(config: Config) -> int:
    check_writable(config.out)
    data, fuser, seed = resolve_data(config.data), config.fuser(), config.seed
    clock = Stopwatch()
    with clock.step("fuse"):
        tested = config.prepare(data, fuser, config.split, track)
    tested.check_apart(config.out)
    about = {"data": data.name, "split": config.split}
    with clock.step("measure"):
        result = compare_quality(
            tested, config.out, config.quality, about=about, device=fuser.device, seed=seed, track=track
        )
    if config.quality.costs:
        from downstream.quality.costs import measure_cost, write_tradeoff  # here, for matplotlib comes with an extra

        size = image_size(next(iter(tested.input(DWSFUSION).files.values())))
        known = {DWSFUSION: measure_cost(fuser, size)}
        write_tradeoff(config.quality.costs, config.quality.runs(), list(result["inputs"]), known, config.out)
    kept = {"protocol": result["protocol"], "seconds": clock.seconds}
    write_run(config.out, config, device=str(fuser.device), seed=seed, data=tested.fingerprint(), results=kept)
    for title, rows in (("Day and night", group_rows(result)), ("Metric and task", task_rows(result))):
        if rows:
            print_table(title, rows)
    print_table(f"Fusion quality, preset {result['preset']}", table_rows(result), notes(result))
    return report_skipped([Skipped(**item) for item in result["protocol"]["skipped"]])
