"""The cards of this package, and which is meant: asked for, lying in the data root, or told by the root's look."""

import functools
import logging
from pathlib import Path

from downstream.datasets.card import Card
from downstream.datasets.card_file import read_card
from downstream.datasets.data_set import holds_pictures
from dwsfusion.errors import InputError

OWN_CARD = "dataset.yaml"
"""A card that lies in the data root."""
_FOLDER = Path(__file__).parent
_log = logging.getLogger(__name__)


@functools.cache
def shipped() -> dict[str, Card]:
    """The cards of this package by name."""
    cards = (read_card(file) for file in sorted(_FOLDER.glob("*.yaml")))
    return {card.name: card for card in cards}


def msrs() -> Card:
    """The card of MSRS, which also holds for what lies in its layout without a card."""
    return shipped()["MSRS"]


def choose_card(root: Path, asked: str | None = None) -> Card:
    """Chooses the card of a data root.

    Args:
        root: the data root.
        asked: the name of a card of this package, or a file.

    Raises:
        InputError: there is no such card, or the file is none.
    """
    cards = {name.lower(): card for name, card in shipped().items()}
    if asked is not None:
        if asked.lower() in cards:
            return cards[asked.lower()]
        if Path(asked).suffix not in (".yaml", ".yml"):
            known = ", ".join(shipped())
            raise InputError(f"expected --data-set with one of {known}, or a card's file (.yaml), found {asked!r}")
        return read_card(Path(asked))
    if (root / OWN_CARD).is_file():
        return _told(read_card(root / OWN_CARD), f"{root / OWN_CARD}")
    named = cards.get(root.resolve().name.lower())
    if named and (not named.layout.infrared + named.layout.four_channels or holds_pictures(named, root)):
        return named
    fitting = [card for card in cards.values() if root.is_dir() and holds_pictures(card, root)]
    if len(fitting) == 1:
        return _told(fitting[0], "its layout; another is chosen with --data-set")
    if fitting:
        names = ", ".join(card.name for card in fitting)
        raise InputError(f"{root} may be one of {names}: say which with --data-set")
    return msrs()


def _told(card: Card, by: str) -> Card:
    _log.info("data set: %s, by %s", card.name, by)
    return card
