"""A benchmark from beginning to end: fuse, run the plan, gather, write file, tables and report."""

import importlib.util
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from downstream.benchmark.config import BenchmarkConfig, save
from downstream.benchmark.display import Display
from downstream.benchmark.exports import write_events, write_fiftyone, write_wandb
from downstream.benchmark.pictures import held_pictures
from downstream.benchmark.plan import Outcome, run_plan
from downstream.benchmark.results import gather
from downstream.benchmark.steps import STEPS, Benchmark
from downstream.benchmark.tables import notes, terminal_rows, write_tables
from downstream.comparison.finished import read_json
from downstream.messages import keep_log
from downstream.report.page import render
from dwsfusion.pairs import Skipped
from dwsfusion.runs import write_json, write_run, write_text


@dataclass(frozen=True)
class Ended:
    """What a command tells of a benchmark."""

    rows: list[dict[str, str]]
    notes: list[str]
    skipped: list[Skipped]
    failed: bool


def run_benchmark(config: BenchmarkConfig, data: Path) -> Ended:
    """Runs what is not done yet, and writes ``results.json``, tables and report.

    Args:
        config: what is asked.
        data: the data root.

    Raises:
        InputError: there are no pictures to compare, or there is no such step or other run.
        ModuleNotFoundError: what was asked comes with an extra that is not here.
    """
    for module in config.needs():  # or miss it, and the other run, hours later
        if importlib.util.find_spec(module) is None:
            raise ModuleNotFoundError(name=module)
    if config.compare is not None:
        read_json(config.compare / "results.json")
    save(config)
    with Display(STEPS) as display:
        start = time.perf_counter()
        with display.step("fuse"):
            fuser = config.comparison().fuser()
            comparison = config.comparison().prepare(data, fuser, config.split, display.track)
            comparison.check_apart(config.out)
        keep_log(config.out)
        benchmark = Benchmark(config, data, comparison, fuser)
        fused = Outcome("fuse", "done", "", comparison.skipped, time.perf_counter() - start)
        planned = run_plan(benchmark.steps(), config.skip, config.out / ".steps", display)
        with display.step("report"):
            results = _write(benchmark, [fused, *planned])
    skipped = dict.fromkeys(s for outcome in (fused, *planned) for s in outcome.skipped)
    failed = any(outcome.status == "failed" for outcome in planned)
    return Ended(terminal_rows(results), _told(results, config.out), list(skipped), failed)


def _write(benchmark: Benchmark, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    config = benchmark.config
    results = gather(benchmark, outcomes)
    write_json(config.out / "results.json", results)
    write_text(config.out / "report.html", render(results, held_pictures(results, config.out)))
    if results["shown"] is not None:
        write_fiftyone(results, config.out / "fiftyone")
    if config.tensorboard:
        write_events(results, config.out / "tensorboard")
    write_tables(results, config.out, latex_intervals=config.latex_intervals)
    kept = {"steps": results["steps"], "seconds": results["measured"]["seconds"]}
    device, seed = str(benchmark.fuser.device), config.seed
    write_run(config.out, config, device=device, seed=seed, data=benchmark.pictures, results=kept)
    if config.wandb is not None:  # last, for it alone needs somebody else
        write_wandb(results, config.wandb, config.out)
    return results


def _told(results: dict[str, Any], out: Path) -> list[str]:
    seconds = results["measured"]["seconds"]
    spent = ", ".join(f"{step} {s:.0f} s" for step, s in seconds.items())
    return [*notes(results), f"time: {spent}", f"Everything lies in {out}: results.json, report.html, tables.md"]
