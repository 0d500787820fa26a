"""What can be asked of this project: ``dwsfusion NAME``.

One module a command: its ``Config``, its ``main``, and in ``NEEDS`` the modules of extras that it cannot do without.
"""

import ast
import difflib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from downstream.pipes import ending_quietly

NAMES = (
    "fuse",
    "train",
    "detection",
    "segmentation",
    "quality",
    "grids",
    "export",
    "profile",
    "sample",
    "benchmark",
    "merge",
)


def dispatch() -> NoReturn:
    """Runs the command that the first word names; lists them where there is none."""
    name, *args = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        with ending_quietly():
            sys.stdout.write(_overview())
        sys.exit(0)
    if name not in NAMES:
        sys.stderr.write(f"error: expected one of {', '.join(NAMES)}, found {name}{_guess(name)}\n")
        sys.exit(2)
    run(name, args, prog=f"dwsfusion {name}")


def run(name: str, args: Sequence[str] | None = None, prog: str | None = None) -> NoReturn:
    """Imports a command, and no other, reads its configuration, calls it and exits with its code.

    Args:
        name: one of ``NAMES``.
        args: the arguments; those of ``sys.argv`` where there are none.
        prog: how the user calls it, for ``--help``; the program's file where nothing is given.
    """
    from downstream.command import missing_extra, run_command  # here, for the list of commands need not wait for torch

    try:
        module = importlib.import_module(f"{__name__}.{name}")
        for needed in getattr(module, "NEEDS", ()):  # before anything is computed
            if importlib.util.find_spec(needed) is None:
                raise ModuleNotFoundError(name=needed)
    except ModuleNotFoundError as error:
        if (reason := missing_extra(error.name)) is None:
            raise
        sys.stderr.write(f"error: {name} {reason}\n")
        sys.exit(2)
    run_command(module.main, module.Config, args, prog, getattr(module, "expand", None))


def _overview() -> str:
    width = max(map(len, NAMES))
    lines = (f"  {name:{width}}  {_first_line(name)}\n" for name in NAMES)
    return f"usage: dwsfusion NAME [flags]; dwsfusion NAME --help explains its flags\n\n{''.join(lines)}"


def _first_line(name: str) -> str:
    """What a command's module says of itself, without importing it."""
    spec = importlib.util.find_spec(f"{__name__}.{name}")
    source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def _guess(name: str) -> str:
    close = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
    return f": did you mean {close[0]}?" if close else ": dwsfusion --help says what each does"
