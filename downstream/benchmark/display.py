"""One progress display for a whole plan: which step, how far it is, and what is left."""

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Item = TypeVar("Item")
_log = logging.getLogger(__name__)


class Display:
    """Shows steps and the items of the present one: two bars on a terminal, a line now and then without one.

    Args:
        steps: how many steps there are.
    """

    def __init__(self, steps: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TimeRemainingColumn())  # fmt: skip
        self._bars = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
        self._steps = self._bars.add_task("benchmark", total=steps)
        self._count, self._begun = steps, 0

    def __enter__(self) -> "Display":
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bars.stop()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Shows a step while it is worked on."""
        self._begun += 1
        self._bars.update(self._steps, description=f"[bold]{name}")
        if not sys.stderr.isatty():
            _log.info("step %d of %d: %s", self._begun, self._count, name)
        yield
        self._bars.advance(self._steps)

    def track(self, items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
        """Shows progress over the items of a step."""
        count = total if total is not None else len(items) if isinstance(items, Sequence) else None
        bar = self._bars.add_task(f"  {what}", total=count)
        every = max(1, (count or 100) // 4)
        try:
            for done, item in enumerate(items, start=1):
                yield item
                self._bars.advance(bar)
                if not sys.stderr.isatty() and (done % every == 0 or done == count):
                    _log.info("%s: %d of %s", what, done, count if count is not None else "?")
        finally:
            self._bars.remove_task(bar)
