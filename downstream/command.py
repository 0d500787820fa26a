"""The habits that all commands share: flags, messages, exit codes, default data."""

import errno
import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Generic, NoReturn, TypeVar

import torch
import tyro
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

from downstream.console import PlainConsole
from downstream.messages import Level, RunLog, messages
from downstream.pipes import ending_quietly
from downstream.sample import SampleConfig, is_sample, make_sample
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped
from dwsfusion.runs import write_csv

EXIT_DONE, EXIT_SKIPPED, EXIT_CANNOT_START = 0, 1, 2
EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143
"""As a shell gives them: 128 and the signal's number."""
SKIPPED_CSV = "skipped.csv"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""What a full or failing disk says, of whatever file."""
MSRS_DIR = Path("data/MSRS")
SAMPLE_DIR = Path("data/sample")

EXTRAS = {
    "ultralytics": "detection",
    "pycocotools": "detection",
    "defusedxml": "detection",
    "segmentation_models_pytorch": "segmentation",
    "tensorboard": "training",
    "matplotlib": "report",
    "jinja2": "report",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "huggingface_hub": "hub",
    "pyarrow": "parquet",
    "ray": "ray",
    "wandb": "wandb",
}
"""What comes with an extra of this package, by the name it is imported by."""

Config = TypeVar("Config")
Item = TypeVar("Item")
_log = logging.getLogger(__name__)


def run_command(
    main: Callable[[Config], int],
    config: type[Config],
    args: Sequence[str] | None = None,
    prog: str | None = None,
    expand: Callable[[Sequence[str]], Sequence[str]] | None = None,
) -> NoReturn:
    """Reads a configuration from the command line, calls ``main`` and exits with its code.

    An ``InputError``, an extra of this package that is not installed, or a file that the system does not let us read
    or write ends the program with exit code 2 and one line; any other error is ours, and shows its traceback.
    SIGTERM ends it like Ctrl-C. The run's log has every traceback.

    Args:
        main: takes the configuration, gives the exit code.
        config: a dataclass whose docstrings become ``--help``; with ``dotted_flags``, flags carry their section's name.
        args: the arguments; ``sys.argv`` where there are none.
        prog: how the user calls it, for ``--help``; the program's file where nothing is given.
        expand: puts further arguments, from a file that they name, before the arguments.
    """
    about = sys.modules[main.__module__].__doc__
    marks = () if getattr(config, "dotted_flags", False) else (tyro.conf.OmitArgPrefixes,)
    args = sys.argv[1:] if args is None else args
    with ending_quietly():
        try:
            expanded = expand(args) if expand else args
        except InputError as error:
            sys.stderr.write(f"error: {error}\n")
            sys.exit(EXIT_CANNOT_START)
        call = tyro.cli(_Call[config], args=expanded, prog=prog, description=about, config=marks)  # type: ignore[valid-type]
        with messages(call.log_level) as log, _stoppable(), _told_of_threads(log):
            log.note(f"{prog or Path(sys.argv[0]).name} {shlex.join(args)}")
            code = _code_of(main, call.config, log)
            log.note(f"exit code {code}")
        sys.exit(code)


@dataclass(frozen=True)
class _Call(Generic[Config]):
    config: Annotated[Config, tyro.conf.arg(name="")]
    log_level: Level = "info"
    """The least important messages that are shown; run.log in the output folder has those of info, too."""


def _code_of(main: Callable[[Config], int], config: Config, log: RunLog) -> int:
    # Dark regions make numbers so small that a CPU computes with them ten times slower; as zeros they change nothing.
    torch.set_flush_denormal(True)
    try:
        return main(config)
    except InputError as error:
        return _refuse(str(error), error, log)
    except ModuleNotFoundError as error:
        if (reason := missing_extra(error.name)) is None:
            raise
        return _refuse(f"this {reason}", error, log)
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is None and error.errno not in NO_ROOM:
            log.note("not foreseen", error)
            raise
        where = f": {error.filename}" if error.filename is not None else ""
        reason = f"{error.strerror or error}{where}: mend that, and start the same command again"
        return _refuse(reason, error, log)
    except KeyboardInterrupt as error:
        sys.stderr.write("stopped; start the same command again to go on\n")
        log.note("stopped", error)
        return EXIT_TERMINATED if isinstance(error, _Terminated) else EXIT_INTERRUPTED
    except BaseException as error:
        log.note("not foreseen", error)
        raise


def _refuse(reason: str, error: BaseException, log: RunLog) -> int:
    sys.stderr.write(f"error: {reason}\n")
    log.note(f"error: {reason}", error)
    return EXIT_CANNOT_START


class _Terminated(KeyboardInterrupt):
    """SIGTERM: somebody wants this program to end, as with Ctrl-C."""


@contextmanager
def _stoppable() -> Iterator[None]:
    """Lets SIGTERM end the work in order; a second one ends it at once. Signals belong to the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _told_of_threads(log: RunLog) -> Iterator[None]:
    """Keeps quiet where a library's thread finds the disk full and ends: the next call to the library says so here."""
    before = threading.excepthook

    def told(thread: threading.ExceptHookArgs) -> None:
        error = thread.exc_value
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            log.note("a thread cannot write", error)
        else:
            before(thread)

    threading.excepthook = told
    try:
        yield
    finally:
        threading.excepthook = before


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


def report_skipped(skipped: Sequence[Skipped], out: Path | None = None) -> int:
    """Names every skipped picture with its reason and gives the exit code: 0 for none, else 1.

    Args:
        skipped: the pictures.
        out: the run's folder, where they are kept in ``skipped.csv`` as long as there are any.
    """
    for item in skipped:
        _log.warning("skipped %s: %s", item.name, item.reason)
    if skipped:
        _log.warning("%d skipped", len(skipped))
    if out is not None and skipped:
        write_csv(out / SKIPPED_CSV, [asdict(item) for item in skipped])
    elif out is not None:
        (out / SKIPPED_CSV).unlink(missing_ok=True)
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
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=PlainConsole(stderr=True), disable=not sys.stderr.isatty())


class _Rate(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")
