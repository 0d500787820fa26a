"""How long work shows its progress to whoever waits for it."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Track(Protocol):
    """Shows progress over items."""

    def __call__(self, items: Iterable[Item], what: str, total: int | None = None) -> Iterable[Item]:
        """Gives the items on, one by one.

        Args:
            items: what is worked on.
            what: the name of the work.
            total: how many items there are, where they do not tell.
        """


def silent(items: Iterable[Item], what: str, total: int | None = None) -> Iterable[Item]:
    """Shows no progress."""
    return items
