"""Steps one after the other: what is done is not done again, and a step that fails does not stop the others."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from downstream.benchmark.display import Display
from downstream.command import NO_ROOM
from downstream.comparison.finished import read_json
from dwsfusion.errors import ImageError, InputError
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track
from dwsfusion.runs import hash_file, hash_text, write_json

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One step of a plan. Its functions are told which steps before it are done."""

    name: str
    work: Callable[[Collection[str], Track], Sequence[Skipped]]
    """Does it, and gives what it skipped."""
    key: Callable[[Collection[str]], str]
    """Changes with all that the step depends on."""
    result: Path
    """The file that is there, and stays as it is, once the step is done."""


@dataclass(frozen=True)
class Outcome:
    """What became of a step."""

    step: str
    status: Literal["done", "failed", "left out"]
    reason: str = ""
    skipped: tuple[Skipped, ...] = ()
    seconds: float = 0.0
    """How long it took when it was done, now or before."""


def run_plan(steps: Sequence[Step], skip: Iterable[str], marks: Path, display: Display) -> list[Outcome]:
    """Runs the steps, in their order.

    Args:
        steps: the plan.
        skip: names of steps to leave out.
        marks: a folder for what is known of steps that are done.
        display: shows how far it is.

    Raises:
        InputError: there is no such step to leave out.
        OSError: the disk takes no more.
    """
    left_out, names = set(skip), [step.name for step in steps]
    if unknown := sorted(left_out - set(names)):
        raise InputError(f"expected --skip of {', '.join(names)}, found {', '.join(unknown)}")
    outcomes: list[Outcome] = []
    for step in steps:
        with display.step(step.name):
            done = [outcome.step for outcome in outcomes if outcome.status == "done"]
            if step.name in left_out:
                outcomes.append(Outcome(step.name, "left out", "as asked"))
            else:
                outcomes.append(_known(step, done, marks) or _run(step, done, marks, display.track))
    return outcomes


def _known(step: Step, done: Collection[str], marks: Path) -> Outcome | None:
    """What a step said when it was done before from the very same things; None where it was not."""
    mark = marks / f"{step.name}.json"
    if not (mark.is_file() and step.result.is_file()):
        return None
    said: dict[str, Any] = read_json(mark)
    if said["key"] != hash_text(step.key(done), hash_file(step.result)):
        return None
    _log.info("%s: done before", step.name)
    return Outcome(step.name, "done", "", tuple(Skipped(**item) for item in said["skipped"]), said["seconds"])


def _run(step: Step, done: Collection[str], marks: Path, track: Track) -> Outcome:
    start = time.perf_counter()
    try:
        skipped = tuple(step.work(done, track))
    except (InputError, ImageError) as error:
        if _is_full(error):
            raise
        _log.warning("%s failed: %s", step.name, error)
        return Outcome(step.name, "failed", str(error))
    except Exception as error:
        if _is_full(error):
            raise
        _log.error("%s failed, by a fault of ours", step.name, exc_info=True)
        return Outcome(step.name, "failed", f"{type(error).__name__}: {error}")
    seconds = time.perf_counter() - start
    key = hash_text(step.key(done), hash_file(step.result))
    write_json(marks / f"{step.name}.json", {"key": key, "skipped": skipped, "seconds": seconds})
    return Outcome(step.name, "done", "", skipped, seconds)


def _is_full(error: Exception) -> bool:
    """Whether the disk takes no more: then nothing that the other steps find could be kept."""
    return any(isinstance(e, OSError) and e.errno in NO_ROOM for e in (error, error.__cause__))
