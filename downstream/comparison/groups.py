"""Groups of pictures for which figures are also given: those of day and of night."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

GROUPS = ("day", "night")


def is_night(name: str) -> bool | None:
    """Whether a picture was taken by night, from the last letter of its MSRS name; None where it does not say."""
    return {"N": True, "D": False}.get(name[-1:])


def groups_of(names: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Group to which of the pictures belong to it, ``(n,)``; a group may be empty."""
    return {group: np.array([is_night(name) is (group == "night") for name in names], bool) for group in GROUPS}
