"""What is really there in the pictures of a comparison by detection."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from downstream.comparison.inputs import SINGLES, VISIBLE, Comparison
from downstream.datasets.labels import Labels
from downstream.detection.coco import Coco, ground_truth
from downstream.detection.complementarity import SeenObjects, detectable_objects
from downstream.detection.label_sets import label_set_name, read_cameras
from downstream.detection.label_sources import read_other_truths

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Objects:
    """What is really there."""

    truth: Coco
    seen: SeenObjects | None
    """Who sees what, where there are labels of each camera alone."""
    labels: str = "labels"
    """What the labels of `truth` are called."""
    others: Mapping[str, Coco] = field(default_factory=dict)
    """The same by other label sets of the data set."""
    cameras: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    """Camera to picture name to file."""


def read_objects(
    comparison: Comparison,
    labels: Mapping[str, Labels],
    asked: str | None,
    classes: Sequence[str],
    detectable: Sequence[str],
) -> Objects:
    """Puts the objects into COCO's form, by every label set that there is.

    Args:
        comparison: the inputs.
        labels: picture name to its objects, by the label set that was asked for.
        asked: that label set.
        classes: of the data set.
        detectable: those that the detectors know.

    Raises:
        InputError: a label is malformed.
    """
    data, pictures = comparison.data, comparison.input(VISIBLE).files
    cameras = read_cameras(data, pictures)
    if cameras is None:
        _log.info("who sees what is left out: no labels of each camera alone")
    return Objects(
        ground_truth(labels, pictures, classes),
        None if cameras is None else detectable_objects(cameras, pictures, classes, detectable),
        label_set_name(data, asked),
        read_other_truths(data, asked, pictures),
        {camera: comparison.input(camera).files for camera in SINGLES},
    )
