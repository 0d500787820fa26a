"""The messages of a command: on the terminal, and from the first to the last in a file of the run's folder."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Literal

from rich.logging import RichHandler

from downstream.console import PlainConsole

Level = Literal["debug", "info", "warning", "error"]
RUN_LOG = "run.log"
_ALWAYS = logging.CRITICAL + 1


@contextmanager
def messages(level: Level) -> Iterator["RunLog"]:
    """Shows messages from a level on, and keeps them for the file that `keep_log` names.

    Args:
        level: the least important messages on the terminal; the file has those of ``info``, too.
    """
    terminal = RichHandler(console=PlainConsole(stderr=True), show_path=False, show_time=False)
    logging.basicConfig(format="%(message)s", handlers=[terminal])
    terminal.setLevel(level.upper())
    root, kept = logging.getLogger(), RunLog()
    before = root.level
    root.setLevel(min(logging.INFO, getattr(logging, level.upper())))
    root.addHandler(kept)
    try:
        yield kept
    finally:
        root.removeHandler(kept)
        root.setLevel(before)
        kept.close()


def keep_log(out: Path) -> None:
    """Keeps the messages of this command in ``out/run.log``, behind those of earlier ones; its folder is made.

    Messages from before are not lost: a command first makes sure that its folder is none of the user's.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, RunLog):
            out.mkdir(parents=True, exist_ok=True)
            handler.begin(out / RUN_LOG)


class RunLog(MemoryHandler):
    """Holds messages back until it is known where they go."""

    def __init__(self) -> None:
        super().__init__(capacity=100_000, flushLevel=_ALWAYS)
        self._part: _File | None = None

    def begin(self, path: Path) -> None:
        """Writes what was held back, and from now on every message at once.

        Called again, for a part of the work, it writes the part's messages into a file of its own, too.
        """
        if self.target is None:
            self.setTarget(_File(path))
            self.capacity = 1
            self.flush()
            return
        if self._part is not None:
            self._part.close()
        self._part = _File(path)

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a message."""
        super().emit(record)
        if self._part is not None:
            self._part.handle(record)

    def note(self, text: str, error: BaseException | None = None) -> None:
        """Writes a line into the file alone, with an error's traceback."""
        trace = (type(error), error, error.__traceback__) if error else None
        self.handle(logging.LogRecord("downstream", logging.INFO, "", 0, text, None, trace))

    def close(self) -> None:
        """Closes the file, too."""
        files = (self.target, self._part)
        super().close()
        for file in files:
            if file is not None:
                file.close()


class _File(logging.FileHandler):
    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        form = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        form.converter = time.gmtime
        self.setFormatter(form)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A full disk is told once, by what cannot be written beside, and not with every message."""

    def close(self) -> None:
        """Closes the file, and loses what a full disk does not take."""
        with suppress(OSError):
            super().close()
