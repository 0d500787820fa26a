"""Several networks on the same inputs: a comparison each, and over them the mean figures.

One network has its own taste. What is said of fusion should hold for more than one, so the mean over networks carries
an error that holds how much they differ, and a verdict goes by it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from downstream.comparison.differences import family_of, pairs_of
from downstream.comparison.estimates import over_networks, plain
from downstream.comparison.finished import read_json
from downstream.comparison.inputs import BASELINES, LATE, SINGLES
from downstream.comparison.scenes import scenes_of
from downstream.comparison.standing import order_by_labels
from downstream.comparison.task import Task
from downstream.comparison.uncertainty import INTERVALS, LEVEL, resample_counts
from downstream.report.differences import LEGEND, verdict_columns
from downstream.report.tables import percent, percent_interval
from dwsfusion.errors import InputError
from dwsfusion.runs import write_json

FILE = "networks.json"
_ANCHORS = (*SINGLES, BASELINES[1], LATE)


def compare_networks(task: type[Task[Any, Any, Any, Any]], folders: Mapping[str, Path], out: Path) -> dict[str, Any]:
    """Puts finished comparisons of several networks together, writes ``networks.json`` and gives what it holds.

    Args:
        task: of all of them.
        folders: network name to the folder of its comparison.
        out: where the file goes.

    Raises:
        InputError: one is not finished, or they were made on different pictures.
    """
    results: dict[str, Any] = {name: read_json(folder / f"{task.name}.json") for name, folder in folders.items()}
    inputs = [n for n in next(iter(results.values()))["inputs"] if all(n in r["inputs"] for r in results.values())]
    pictures, scores = _opened(task, folders, inputs)
    bootstrap = next(iter(results.values()))["protocol"]["bootstrap"]
    scenes = scenes_of(pictures, next(iter(results.values())).get("scenes"))
    draws = resample_counts(len(pictures), bootstrap["resamples"], bootstrap["seed"], scenes)
    estimates = over_networks(scores, draws)
    pairs = pairs_of(list(estimates), _ANCHORS, [name for name in estimates if name not in SINGLES])
    families = [family_of(estimates, metric, pairs, SINGLES, by_objects=task.by_objects) for metric in task.titles]
    alone = {n: {r: result["inputs"][n] for r, result in results.items()} for n in estimates}
    result = {
        "task": task.name,
        "networks": list(folders),
        "images": len(pictures),
        "protocol": {"bootstrap": {**bootstrap, "level": LEVEL, "intervals": INTERVALS}},
        "inputs": {
            name: {
                **plain(own, tuple(task.titles)),
                "networks": {r: {m: entry[m] for m in task.titles} for r, entry in alone[name].items()},
            }
            for name, own in estimates.items()
        },
        "differences": [row for f in families for row in f.rows()],
        "orders": order_by_labels(
            {r: {n: found["inputs"][n][task.primary] for n in estimates} for r, found in results.items()}
        ),
    }
    write_json(out / FILE, result)
    return result


def table(
    task: type[Task[Any, Any, Any, Any]], result: Mapping[str, Any]
) -> tuple[str, list[dict[str, str]], list[str]]:
    """The mean figures as a table: its title, a row an input, notes below."""
    metric, title = task.primary, task.titles[task.primary]
    rows = [
        {
            "input": name,
            f"mean {title}": percent_interval(entry[metric], entry["interval"][metric]),
            **verdict_columns(result["differences"], name, metric, _ANCHORS),
            **{network: percent(own[metric]) for network, own in entry["networks"].items()},
        }
        for name, entry in result["inputs"].items()
    ]
    first = {network: order[0] for network, order in result["orders"]["orders"].items()}
    order = "the order of the inputs differs from network to network" if result["orders"]["changes"] else "one order"
    notes = [
        f"{len(result['networks'])} networks, {result['images']} pictures; the intervals hold how much networks differ",
        LEGEND,
        f"{order}; first: {', '.join(f'{name} by {network}' for network, name in first.items())}",
    ]
    return f"{task.name.capitalize()} by several networks, per cent", rows, notes


def _opened(
    task: type[Task[Any, Any, Any, Any]], folders: Mapping[str, Path], inputs: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, dict[str, Any]]]:
    """The pictures of all comparisons, and network name to input name to the scores of each seed."""
    opened = {name: task.reopen(folder, inputs) for name, folder in folders.items()}
    (pictures, _), *others = opened.values()
    if any(names != pictures for names, _ in others):
        raise InputError(f"expected comparisons of the same pictures in {', '.join(map(str, folders.values()))}")
    return pictures, {name: scores for name, (_, scores) in opened.items()}
