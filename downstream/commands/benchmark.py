"""All comparisons of a data set in one run, and one report of what fusion is worth on it."""

from downstream.benchmark.config import BenchmarkConfig, Config
from downstream.benchmark.config import with_file as expand
from downstream.benchmark.run import run_benchmark
from downstream.command import EXIT_DONE, EXIT_SKIPPED, check_writable, report_skipped, resolve_data
from downstream.report.tables import print_table

NEEDS = ("ultralytics", "pycocotools", "segmentation_models_pytorch", "matplotlib", "jinja2")
__all__ = ["NEEDS", "Config", "expand", "main"]


def main(config: BenchmarkConfig) -> int:
    check_writable(config.out)
    ended = run_benchmark(config, resolve_data(config.data))
    print_table("What fusion is worth, per cent", ended.rows, ended.notes)
    code = report_skipped(ended.skipped, config.out)
    return EXIT_SKIPPED if ended.failed else max(code, EXIT_DONE)
