"""What a benchmark is asked: the habits of every comparison, and a section for each task."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

import yaml

from downstream.comparison.config import TaskConfig
from downstream.comparison.grid_config import GridConfig
from downstream.comparison.preparing import ComparisonConfig
from downstream.comparison.task import Task
from downstream.quality.config import QualityConfig
from downstream.tasks import TASKS
from dwsfusion.errors import InputError
from dwsfusion.runs import write_text

AnyTask = Task[Any, Any, Any, Any]
FUSED_IN_OUT = Path("OUT/fused")


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig(ComparisonConfig):
    """What the whole benchmark is asked."""

    dotted_flags: ClassVar[bool] = True
    """Flags of a section carry its name, for the tasks share names of settings."""

    out: Path = Path("out/benchmark")
    """Where everything goes."""
    fused: Path = FUSED_IN_OUT
    """Where fused pictures are kept; OUT stands for the folder that --out names."""
    config: Path | None = None
    """A benchmark.yaml that says all of this; what is typed beside it goes before. OUT/benchmark.yaml is one."""
    compare: Path | None = None
    """The folder of another benchmark: the report shows what changed since."""
    skip: tuple[str, ...] = ()
    """Steps to leave out: detection, segmentation, quality, cost, grids, pictures."""
    latex_intervals: bool = True
    """Put intervals into tables.tex."""
    quality: QualityConfig = field(default_factory=QualityConfig)
    grids: GridConfig = field(default_factory=GridConfig)
    tensorboard: bool = False
    """Write the figures as TensorBoard events to OUT/tensorboard."""
    wandb: str | None = None
    """Send the figures to this project of Weights & Biases, a run an input; with WANDB_MODE=offline they stay in
    OUT/wandb until 'wandb sync' sends them."""

    def needs(self) -> tuple[str, ...]:
        """Modules of extras that what was asked cannot do without."""
        return (*(("tensorboard",) if self.tensorboard else ()), *(("wandb",) if self.wandb else ()))

    def comparison(self) -> ComparisonConfig:
        """The part that every comparison is asked."""
        own = {f.name: getattr(self, f.name) for f in fields(ComparisonConfig)}
        fused = self.out / "fused" if self.fused == FUSED_IN_OUT else self.fused
        return ComparisonConfig(**{**own, "fused": fused})

    def of_task(self, task: type[AnyTask]) -> TaskConfig:
        """The section of a task."""
        section: TaskConfig = getattr(self, task.name)
        return section


def _task_config(task: type[AnyTask]) -> type[Any]:
    """The configuration of a task, as its class declares it."""
    declared: type[Any] = get_type_hints(task)["config"]
    return declared


Config = make_dataclass(
    "Config",
    [(task.name, _task_config(task), field(default_factory=_task_config(task))) for task in TASKS],
    bases=(BenchmarkConfig,),
    frozen=True,
    kw_only=True,
)
"""A benchmark with a section for each task of `TASKS`."""


def with_file(args: Sequence[str]) -> list[str]:
    """Puts what ``--config FILE`` says before what was typed, which so has the last word.

    Raises:
        InputError: the file is not there, or is no YAML of sections and values.
    """
    for place, arg in enumerate(args):
        name, equals, value = arg.partition("=")
        if name == "--config" and (equals or place + 1 < len(args)):
            path = Path(value if equals else args[place + 1])
            try:
                return [*_flags(_read(path)), *args]
            except RecursionError as error:
                raise InputError(f"expected sections with values in {path}, found some within themselves") from error
    return list(args)


def save(config: BenchmarkConfig) -> None:
    """Writes ``OUT/benchmark.yaml``, from which the same benchmark can be run again."""
    kept = _plain(replace(config, config=None, compare=None))
    write_text(config.out / "benchmark.yaml", yaml.safe_dump(kept, sort_keys=False, allow_unicode=True))


def settings(config: BenchmarkConfig) -> dict[str, Any]:
    """The configuration as plain values, without where its results go."""
    hidden = ("out", "fused", "config", "compare")
    return {key: value for key, value in _plain(config).items() if key not in hidden}


def _read(path: Path) -> Mapping[str, Any]:
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"expected a configuration at {path}, found none: name it with --config") from error
    except (yaml.YAMLError, ValueError) as error:  # a date that is none, bytes that are no UTF-8
        raise InputError(f"expected YAML in {path}, found: {' '.join(str(error).split())}") from error
    if not isinstance(read, dict):
        raise InputError(f"expected names with values in {path}, such as 'data: data/MSRS', found {read!r}")
    return read


def _flags(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The flags that say the same; a value of null says nothing."""
    for name, value in values.items():
        flag = f"{prefix}{name}".replace("_", "-")
        if name == "inputs" and isinstance(value, dict):  # NAME: DIR reads better than NAME=DIR
            value = [f"{key}={folder}" for key, folder in value.items()]
        if isinstance(value, dict):
            yield from _flags(value, f"{flag}.")
        elif isinstance(value, bool):
            section, _, own = flag.rpartition(".")
            yield f"--{flag}" if value else "--" + (f"{section}." if section else "") + f"no-{own}"
        elif value not in (None, []):
            yield from (f"--{flag}", *map(str, value if isinstance(value, list) else [value]))


def _plain(value: Any) -> Any:
    """Dataclasses, paths and tuples as YAML and JSON have them."""
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
