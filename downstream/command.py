"""The habits that all commands share: flags, messages, exit codes, default data."""

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

import torch
import tyro
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from downstream.sample import SampleConfig, is_sample, make_sample
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped

EXIT_DONE, EXIT_SKIPPED, EXIT_CANNOT_START = 0, 1, 2
MSRS_DIR = Path("data/MSRS")
SAMPLE_DIR = Path("data/sample")

EXTRAS = {
    "ultralytics": "detection",
    "pycocotools": "detection",
    "defusedxml": "detection",
    "segmentation_models_pytorch": "segmentation",
    "tensorboard": "training",
    "matplotlib": "report",
    "onnx": "onnx",
    "onnxruntime": "onnx",
}
"""What comes with an extra of this package, by the name it is imported by."""

Config = TypeVar("Config")
Item = TypeVar("Item")
_log = logging.getLogger(__name__)


def run_command(
    main: Callable[[Config], int], config: type[Config], args: Sequence[str] | None = None, prog: str | None = None
) -> NoReturn:
    """Reads a configuration from the command line, calls ``main`` and exits with its code.

    An ``InputError``, or an extra of this package that is not installed, ends the program with exit code 2 and one
    line; any other error is ours, and shows its traceback.

    Args:
        main: takes the configuration, gives the exit code.
        config: a dataclass whose docstrings become ``--help``.
        args: the arguments; ``sys.argv`` where there are none.
        prog: how the user calls it, for ``--help``; the program's file where nothing is given.
    """
    about = sys.modules[main.__module__].__doc__
    chosen = tyro.cli(config, args=args, prog=prog, description=about, config=(tyro.conf.OmitArgPrefixes,))
    handler = RichHandler(console=Console(stderr=True), show_path=False, show_time=False, markup=False)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
    # Dark regions make numbers so small that a CPU computes with them ten times slower; as zeros they change nothing.
    torch.set_flush_denormal(True)
    try:
        code = main(chosen)
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        code = EXIT_CANNOT_START
    except ModuleNotFoundError as error:
        if (reason := missing_extra(error.name)) is None:
            raise
        sys.stderr.write(f"error: this {reason}\n")
        code = EXIT_CANNOT_START
    except KeyboardInterrupt:
        sys.stderr.write("stopped; start the same command again to go on\n")
        code = 130
    sys.exit(code)


def missing_extra(module: str | None) -> str | None:
    """Says which extra brings a module that is not there: ``needs X: pip install …``; None where none does."""
    package = (module or "").partition(".")[0]
    return f"needs {package}: pip install 'dwsfusion[{EXTRAS[package]}]'" if package in EXTRAS else None


def resolve_data(data: Path | None) -> Path:
    """Gives the data folder: the one asked for, else MSRS where it is there, else the sample scenes.

    The sample is made on first use. What was chosen is said.
    """
    if data is not None:
        return data
    if MSRS_DIR.is_dir():
        _log.info("data: %s", MSRS_DIR)
        return MSRS_DIR
    _log.info("data: sample scenes in %s (real MSRS goes to %s, see data/README.md)", SAMPLE_DIR, MSRS_DIR)
    return SAMPLE_DIR if is_sample(SAMPLE_DIR) else make_sample_with_progress(SAMPLE_DIR, SampleConfig())


def make_sample_with_progress(root: Path, config: SampleConfig) -> Path:
    """Makes the sample scenes, or finds them made, and shows how far it is.

    Raises:
        InputError: other scenes lie there already.
    """
    with _progress() as bar:
        task = bar.add_task("sample scenes", total=config.train + config.test)
        return make_sample(root, config, progress=lambda done, total: bar.update(task, completed=done))


def track(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Shows progress over items: a bar with time left on a terminal, a line every tenth without one."""
    count = total if total is not None else len(items) if isinstance(items, Sequence) else None
    if sys.stderr.isatty():
        with _progress() as bar:
            yield from bar.track(items, total=count, description=what)
        return
    every = max(1, (count or 100) // 10)
    for done, item in enumerate(items, start=1):
        yield item
        if done % every == 0 or done == count:
            _log.info("%s: %d of %s", what, done, count if count is not None else "?")


def report_skipped(skipped: Sequence[Skipped]) -> int:
    """Names every skipped picture with its reason and gives the exit code: 0 for none, else 1."""
    for item in skipped:
        _log.warning("skipped %s: %s", item.name, item.reason)
    if skipped:
        _log.warning("%d skipped", len(skipped))
    return EXIT_SKIPPED if skipped else EXIT_DONE


def check_writable(out: Path) -> None:
    """Makes the output folder before anything is computed.

    Raises:
        InputError: it cannot be made or written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the output folder {out}: {error.strerror}: choose another with --out") from error
    if not os.access(out, os.W_OK):
        raise InputError(f"cannot write to the output folder {out}: choose another with --out")


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())


class _Rate(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")
