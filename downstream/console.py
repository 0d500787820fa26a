"""Consoles that show texts as they are."""

from typing import Any

from rich.console import Console


class PlainConsole(Console):
    """Shows texts as they are, brackets and colons too; a closed pipe is an error like any other."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def on_broken_pipe(self) -> None:
        """Leaves it to whoever prints; rich would end the program with the code of skipped pictures."""
        raise BrokenPipeError
