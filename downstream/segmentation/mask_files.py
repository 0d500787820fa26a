"""Where a data set's masks lie."""

from downstream.datasets.card import Masks
from downstream.datasets.data_set import DataSet
from dwsfusion.errors import InputError


def masks_of(data: DataSet) -> Masks:
    """The masks of a data set's card.

    Raises:
        InputError: it has none.
    """
    if data.card.masks is None:
        raise InputError(
            f"the card of {data.card.name} has no masks: say in {data.root}/dataset.yaml where they lie, or name "
            "another card with --data-set"
        )
    return data.card.masks


def mask_pattern(masks: Masks, folder: str | None) -> str:
    """Where masks lie: as the card says, or in another folder beside its own."""
    if folder is None:
        return masks.path
    own, slash, file = masks.path.rpartition("/")
    return f"{own.rpartition('/')[0]}/{folder}{slash}{file}".lstrip("/")
