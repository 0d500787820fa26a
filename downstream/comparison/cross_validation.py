"""Networks that share the pictures of an input by folds: each looks at those that it was not trained on."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from dwsfusion.pairs import Skipped
from dwsfusion.runs import hash_text


class Network(Protocol):
    """A network that looks at pictures."""

    identity: str
    """Changes with the weights."""

    @property
    def seconds(self) -> float:
        """How long it has computed until now."""


AnyNetwork = TypeVar("AnyNetwork", bound=Network)
Prediction = TypeVar("Prediction")


@dataclass(frozen=True)
class Folded(Generic[AnyNetwork]):
    """The networks of one input that were trained from one seed: one, or one a fold."""

    networks: tuple[AnyNetwork, ...]
    fold_of: Mapping[str, int] = field(default_factory=dict)
    """Picture name to the fold that tests it, counted from 0; empty without folds."""

    @property
    def identity(self) -> str:
        """Changes with the weights, and with who looks at what."""
        if not self.fold_of:
            return self.networks[0].identity
        return hash_text(*(n.identity for n in self.networks), json.dumps(self.fold_of, sort_keys=True))

    def of(self, picture: str) -> AnyNetwork:
        """The network that looks at a picture."""
        return self.networks[self.fold_of.get(picture, 0)]

    def predict(
        self, pictures: Sequence[str], predict: Callable[[AnyNetwork, list[str]], Iterator[Prediction]]
    ) -> Iterator[Prediction]:
        """Gives the predictions of pictures in order, while each network goes once through all of its own.

        Args:
            pictures: their names.
            predict: gives a network's predictions of pictures, one after the other.
        """
        own: list[list[str]] = [[] for _ in self.networks]
        for name in pictures:
            own[self.fold_of.get(name, 0)].append(name)
        streams = [predict(network, names) for network, names in zip(self.networks, own, strict=True)]
        for name in pictures:
            yield next(streams[self.fold_of.get(name, 0)])


@dataclass(frozen=True)
class Networks(Generic[AnyNetwork]):
    """The networks of a comparison."""

    by_input: Mapping[str, Sequence[Folded[AnyNetwork]]]
    """Input name to its networks, one entry a seed."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """What the protocol says about their training; empty for a given one."""
    skipped: tuple[Skipped, ...] = ()
    """Train pictures that could not be used."""

    @property
    def first(self) -> AnyNetwork:
        """One of them: all know the same classes."""
        return next(iter(self.by_input.values()))[0].networks[0]

    @property
    def seconds(self) -> float:
        """How long they have computed until now."""
        each = {id(n): n for own in self.by_input.values() for folded in own for n in folded.networks}
        return sum(network.seconds for network in each.values())
