"""``results.json``: everything that a benchmark found, in one file, of which tables and report are views."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from downstream.benchmark.changes import what_changed
from downstream.benchmark.config import settings
from downstream.benchmark.curves import training_curves
from downstream.benchmark.details import task_details
from downstream.benchmark.networks import tell_networks
from downstream.benchmark.plan import Outcome
from downstream.benchmark.steps import Benchmark
from downstream.benchmark.words import in_words
from downstream.comparison.finished import read_json
from downstream.comparison.inputs import Comparison
from downstream.comparison.scenes import read_scenes
from downstream.sample import is_sample
from downstream.tasks import TASKS
from dwsfusion.images import image_size
from dwsfusion.runs import versions

FORMAT = 1
"""Raised when a key of ``results.json`` comes to mean something else."""
SCHEMA = Path(__file__).with_name("results.schema.json")


def gather(benchmark: Benchmark, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Puts together what the steps left in their folders.

    Only what stands under ``measured`` differs between a run that was stopped and one that was not.

    Args:
        benchmark: what was worked on.
        outcomes: what became of each step.
    """
    config, out, done = benchmark.config, benchmark.out, [o.step for o in outcomes if o.status == "done"]
    found = {task.name: _networks(task, benchmark) for task in TASKS if task.name in done}
    tasks = {name: next(iter(networks.values())) for name, networks in found.items()}
    cost = read_json(out / "cost/cost.json") if "cost" in done else None
    ms = {name: method.pop("ms") for name, method in cost["methods"].items()} if cost else {}
    results = {
        "format": FORMAT,
        "made_with": versions(),
        "data": _data(benchmark),
        "config": settings(config),
        "steps": [_said(outcome) for outcome in outcomes],
        "summary": [],
        "inputs": _inputs(benchmark.comparison, tasks),
        "pictures": _pictures(benchmark.comparison),
        "tasks": tasks,
        "networks": {name: tell_networks(each, out / name) for name, each in found.items() if len(each) > 1},
        "quality": read_json(out / "quality/quality.json") if "quality" in done else None,
        "cost": cost,
        "shown": read_json(out / "pictures/pictures.json") if "pictures" in done else None,
        "grids": read_json(out / "grids/grids.json") if "grids" in done else {},
        "training": {task.name: training_curves(out / task.name, task.trained) for task in TASKS if task.name in done},
        "measured": {"seconds": {o.step: o.seconds for o in outcomes}, "ms_a_pair": ms},
    }
    results["summary"] = in_words(results)
    if config.compare is not None:
        results["changes"] = what_changed(results, read_json(config.compare / "results.json"), config.compare.name)
    return results


def _networks(task: Any, benchmark: Benchmark) -> dict[str, dict[str, Any]]:
    """What is told of each network's comparison, by the network's name."""
    section, comparison = benchmark.config.of_task(task), benchmark.comparison
    told = read_scenes(section.groups) if section.groups else comparison.data.scenes(comparison.names)
    about = {"titles": dict(task.titles), "primary": task.primary, "change": task.change}
    return {
        network: {**about, "result": read_json(folder / f"{task.name}.json"), **task_details(task, folder, told)}
        for network, folder in benchmark.folders[task.name].items()
    }


def _inputs(comparison: Comparison, tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """All rows of all tasks, in the order in which they come first."""
    of_tasks = [name for task in tasks.values() for name in task["result"]["inputs"]]
    return list(dict.fromkeys([*of_tasks, *(item.name for item in comparison.inputs)]))


def _data(benchmark: Benchmark) -> dict[str, Any]:
    comparison = benchmark.comparison
    return {
        "name": benchmark.data.name,
        "card": comparison.data.card.name,
        "split": benchmark.config.split,
        "sample": is_sample(benchmark.data),
        "pictures": len(comparison.names),
        "fingerprint": benchmark.pictures,
        "skipped": [asdict(item) for item in comparison.skipped],
    }


def _pictures(comparison: Comparison) -> list[dict[str, Any]]:
    """Each picture with its size, its groups, and the inputs that show it."""
    groups = comparison.data.groups(comparison.names)
    first = comparison.inputs[0].files
    return [
        {
            "name": name,
            "size": list(image_size(first[name])),
            "groups": [group for group, chosen in groups.items() if chosen[k]],
        }
        for k, name in enumerate(comparison.names)
    ]


def _said(outcome: Outcome) -> dict[str, Any]:
    skipped = [asdict(item) for item in outcome.skipped]
    return {"step": outcome.step, "status": outcome.status, "reason": outcome.reason, "skipped": skipped}
