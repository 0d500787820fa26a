"""Which outputs of a detector count as which classes of a data set."""

from collections.abc import Mapping
from pathlib import Path

from downstream.comparison.class_mapping import read_mapping
from downstream.datasets.card import Boxes
from dwsfusion.errors import InputError


def class_ids(names: Mapping[int, str], boxes: Boxes, mapping: Path | None, file: Path) -> dict[int, int]:
    """The outputs of a detector that count, each with the position of its class in the card; by name, in any case.

    Args:
        names: output to the name of its class.
        boxes: the classes of the data set, and which of a detector's count as them.
        mapping: a file that says otherwise which count as which.
        file: the detector's, for messages.

    Raises:
        InputError: the detector knows none of the classes, or the mapping does not fit.
    """
    known = {i: name.lower() for i, name in names.items()}
    wanted = read_mapping(mapping, boxes.names, list(known.values())) if mapping else boxes.detector_mapping()
    ids = {i: boxes.names.index(wanted[name]) for i, name in known.items() if name in wanted}
    if not ids:
        some = ", ".join(list(known.values())[:5])
        raise InputError(
            f"expected a detector that knows one of {', '.join(wanted)}, but {file} knows {some} …: give "
            "another with --detector, or say with --mapping what counts"
        )
    return ids
