"""Which pictures of a comparison have a label, and what is true of them."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from downstream.comparison.cross_validation import AnyNetwork, Networks
from downstream.comparison.inputs import Comparison
from downstream.comparison.task import AnyScores, Seen, Task, Truth
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labelled(Generic[Truth]):
    """The pictures with a label."""

    comparison: Comparison
    all_pictures: Comparison
    """Those without a label among them."""
    truth: Truth
    without_label: int
    skipped: tuple[Skipped, ...]
    """Of all pictures, those that cannot be used."""


def label_pictures(
    task: Task[Truth, AnyNetwork, Seen, AnyScores],
    comparison: Comparison,
    networks: Networks[AnyNetwork],
    out: Path,
) -> Labelled[Truth]:
    """Reads the labels of a comparison, and leaves out the pictures that have none or one that cannot be used.

    Raises:
        InputError: there are none, or not one is usable.
    """
    labels = task.labels(comparison)
    without = len(comparison.names) - len(labels)
    if without:
        _log.info("comparing the %d pictures that have a label; %d have none", len(labels), without)
    truth, unusable = task.read_truth(comparison.only(labels), labels, networks.first, out)
    usable = labels.keys() - {s.name for s in unusable}
    if not usable:
        raise InputError(f"not one label is usable; the first: {unusable[0].name}: {unusable[0].reason}")
    return Labelled(comparison.only(usable), comparison, truth, without, (*comparison.skipped, *unusable))
