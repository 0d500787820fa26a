"""A quiet end where nobody reads on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

EXIT_NOBODY_READS = 141
"""What a shell gives for a program that a closed pipe ended: 128 + SIGPIPE."""


@contextmanager
def ending_quietly() -> Iterator[None]:
    """Ends the program without a word where the reader of its output has closed the pipe, as ``| head`` does."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # names need not be UTF-8
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain when it closes them at the end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):
            os.dup2(nowhere, number)
        sys.exit(EXIT_NOBODY_READS)
