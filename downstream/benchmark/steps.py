"""The steps of a benchmark, in their order: each task, quality with what goes with the tasks, cost, grids.

Each works by what its own command works by, and leaves the same folder.
"""

import functools
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import downstream
import dwsfusion
from downstream.benchmark.config import AnyTask, BenchmarkConfig, settings
from downstream.benchmark.networks import network_folders
from downstream.benchmark.pictures import write_pictures
from downstream.benchmark.plan import Step
from downstream.comparison import several
from downstream.comparison.command import run_comparison
from downstream.comparison.finished import read_json
from downstream.comparison.grid_config import FUSION
from downstream.comparison.inputs import DWSFUSION, LATE, Comparison
from downstream.comparison.preparing import ComparisonConfig
from downstream.quality.command import measure_inputs
from downstream.sample import is_sample
from downstream.segmentation.task import SegmentationTask
from downstream.tasks import TASKS
from dwsfusion.fusing import Fuser
from dwsfusion.images import image_size
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track
from dwsfusion.runs import hash_file, hash_text, versions, write_json

STEPS = len(TASKS) + 6
"""Fusing, the tasks, quality, cost, grids, pictures, the report."""


@dataclass(frozen=True)
class Benchmark:
    """What all steps work on."""

    config: BenchmarkConfig
    data: Path
    comparison: Comparison
    fuser: Fuser

    @property
    def out(self) -> Path:
        """The folder of everything."""
        return self.config.out

    @cached_property
    def pictures(self) -> str:
        """A hash over all pictures."""
        return self.comparison.fingerprint()

    def steps(self) -> list[Step]:
        """The plan; the pictures were fused before it."""
        tasks = [
            Step(
                task.name,
                partial(self._compare, task),
                self._key(task.name),
                self._result(task.name),
            )
            for task in TASKS
        ]
        return [
            *tasks,
            Step("quality", self._measure, self._key("quality"), self.out / "quality/quality.json"),
            Step("cost", self._cost, self._key("quality", costs=True), self.out / "cost/cost.json"),
            Step("grids", self._draw, self._key("grids"), self.out / "grids/grids.json"),
            Step("pictures", self._copy, self._key("grids"), self.out / "pictures/pictures.json"),
        ]

    @cached_property
    def folders(self) -> dict[str, dict[str, Path]]:
        """Task to network to the folder of its comparison; see `network_folders`."""
        return {task.name: network_folders(self.config, task, sample=is_sample(self.data)) for task in TASKS}

    def first(self, task: str) -> Path:
        """The folder of a task's first network, whose pictures are drawn and whose figures quality is held against."""
        return next(iter(self.folders[task].values()))

    def _result(self, task: str) -> Path:
        return self.out / task / (several.FILE if len(self.folders[task]) > 1 else f"{task}.json")

    def _key(self, section: str, costs: bool = False) -> Callable[[Collection[str]], str]:
        """All that a step depends on: pictures, data, its section of the configuration, and what tasks found."""
        asked, tasks = settings(self.config), [task.name for task in TASKS]
        shared = {f.name: asked.get(f.name) for f in fields(ComparisonConfig)}
        own = json.dumps([shared, asked[section]], sort_keys=True)

        def key(done: Collection[str]) -> str:
            found = [] if section in tasks else [hash_file(self._result(t)) for t in tasks if t in done]
            given = [*self._given(), *([self._costs()] if costs else [])]
            state = [self.pictures, _state(self.data), *(_state(path) for path in given if path.is_file())]
            return hash_text(_code(), json.dumps(versions()), own, *state, *found)

        return key

    def _given(self) -> list[Path]:
        """What the configuration names and may be a file."""

        def texts(value: Any) -> list[str]:
            if isinstance(value, dict):
                return [text for item in value.values() for text in texts(item)]
            if isinstance(value, list):
                return [text for item in value for text in texts(item)]
            return [value] if isinstance(value, str) else []

        return [Path(text.rpartition("=")[2]) for text in texts(settings(self.config))]

    def _costs(self) -> Path:
        return self.config.quality.costs or self.out / "cost/costs.csv"

    def _compare(self, task: type[AnyTask], done: Collection[str], track: Track) -> Sequence[Skipped]:
        section: Any = self.config.of_task(task)
        skipped: list[Skipped] = []
        for network, own in section.settled(sample=is_sample(self.data)).each().items():
            made = task(own, self.comparison.data.card)
            folder = self.folders[task.name][network]
            result, _ = run_comparison(made, self.config.comparison(), self.data, folder, track)
            skipped += [Skipped(**item) for item in result["protocol"]["skipped"]]
        if len(self.folders[task.name]) > 1:
            several.compare_networks(task, self.folders[task.name], self.out / task.name)
        return list(dict.fromkeys(skipped))

    def _measure(self, done: Collection[str], track: Track) -> Sequence[Skipped]:
        own = self.config.quality
        found = [f"{task.name}={self.first(task.name)}" for task in TASKS if task.name in done]
        quality = replace(own, costs=None, tasks=(*found, *own.tasks))
        result = measure_inputs(self.config.comparison(), quality, self.data, self.out / "quality", track)
        return [Skipped(**item) for item in result["protocol"]["skipped"]]

    def _cost(self, done: Collection[str], track: Track) -> Sequence[Skipped]:
        from downstream.quality.costs import (  # here, for matplotlib comes with an extra
            complete_costs,
            measure_networks,
            write_tradeoff,
        )
        from downstream.report.tradeoff import FREE

        size = image_size(next(iter(self.comparison.input(DWSFUSION).files.values())))
        names = [item.name for item in self.comparison.inputs]
        runs = {task: self.first(task.name) for task in TASKS if task.name in done}
        known = measure_networks(self.fuser, names, size)
        write_tradeoff(self._costs(), runs, names, known, self.out / "cost")
        costs = complete_costs(self._costs(), [name for name in names if name not in FREE], known)
        free = [name for name in FREE if name in (*names, LATE)]
        about = {"size": size, "device": str(self.fuser.device), "free": free}
        write_json(self.out / "cost/cost.json", {**about, "methods": {n: asdict(c) for n, c in costs.items()}})
        return ()

    def _draw(self, done: Collection[str], track: Track) -> Sequence[Skipped]:
        from downstream.comparison.grids_command import draw_grids  # here, for matplotlib comes with an extra

        drawn: dict[str, Sequence[str]] = {}
        skipped: list[Skipped] = []
        kinds: list[tuple[str, type[AnyTask] | None]] = [
            (FUSION, None),
            *((t.name, t) for t in TASKS if t.name in done),
        ]
        for name, task in kinds:
            seen = self.first(name) if task else self.out / name
            grids = replace(self.config.grids, task=name, predictions=seen)
            where = self.out / "grids" / name
            drawn[name], left = draw_grids(self.config.comparison(), grids, task, self.data, where, track)
            skipped += left
        write_json(self.out / "grids/grids.json", drawn)
        return list(dict.fromkeys(skipped))

    def _copy(self, done: Collection[str], track: Track) -> Sequence[Skipped]:
        rows: dict[str, Path] = {}
        if SegmentationTask.name in done:
            folders = self.folders[SegmentationTask.name]
            for k, (network, folder) in enumerate(folders.items()):
                found = read_json(folder / f"{SegmentationTask.name}.json")["inputs"]
                rows |= {f"{network}/{name}" if k else name: folder / "predictions" / name for name in found}
        return write_pictures(self.comparison, rows, self.out / "pictures", track)


@functools.cache
def _code() -> str:
    """A hash over this project's own code and cards: what other code found is not what this one would find."""
    rooms = (Path(package.__path__[0]) for package in (downstream, dwsfusion))
    files = (path for room in rooms for path in sorted(room.rglob("*")) if path.suffix in (".py", ".json", ".yaml"))
    return hash_text(*map(hash_file, files))


def _state(path: Path) -> str:
    """Names, sizes and times of all files of a folder, or of one file."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return hash_text(*(f"{p} {(found := p.stat()).st_size} {found.st_mtime_ns}" for p in files))
