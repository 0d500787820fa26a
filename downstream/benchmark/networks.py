"""Several networks of a task in one benchmark: each network's results, and what holds over all of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from downstream.benchmark.config import AnyTask, BenchmarkConfig
from downstream.benchmark.packed import pack
from downstream.comparison import several
from downstream.comparison.finished import read_json
from dwsfusion.errors import InputError

Results = Mapping[str, Any]


def network_folders(config: BenchmarkConfig, task: type[AnyTask], *, sample: bool) -> dict[str, Path]:
    """The folder of each network's comparison, by its name; one alone has none, and the task's own folder."""
    section: Any = config.of_task(task)
    try:
        names: Sequence[str] = list(section.settled(sample=sample).each())
    except InputError:  # the step itself will say so, and the others go on
        names = [""]
    return {name: config.out / task.name / name for name in names}


def tell_networks(found: Mapping[str, Results], folder: Path) -> dict[str, Any]:
    """What ``results.json`` says of several networks, beside what it says of the first.

    Args:
        found: network name to what is told of its comparison.
        folder: of the task.

    Returns:
        ``{"first", "others", "over", "noise"}``: the name of the first, the others by name, what `several` found over
        all of them, and the draws of what the choice of networks does.
    """
    first, *others = found
    over = read_json(folder / several.FILE)
    resamples = over["protocol"]["bootstrap"]["resamples"]
    noise = np.random.default_rng(len(found)).standard_normal((resamples, len(found)))
    # Other networks' masks lie in folders of their own beside those of the first.
    further = {name: {**found[name], "mask_folder": f"{name}/"} for name in others}
    return {"first": first, "others": further, "over": over, "noise": pack(noise)}


def judged(results: Results, task: str) -> Results:
    """A task by that on which its verdict rests: over all its networks where there are several."""
    own: Results = results["tasks"][task]
    several_ = results.get("networks", {}).get(task)
    return own if several_ is None else {**own, "result": several_["over"]}


def all_networks(results: Results, task: str) -> dict[str, Results]:
    """Network name to what is told of its comparison; empty where there is but one."""
    several_ = results.get("networks", {}).get(task)
    return {} if several_ is None else {several_["first"]: results["tasks"][task], **several_["others"]}
