"""What is trained for a comparison: a network for each input, seed and fold.

Where a data set has no train split, its pictures are divided into folds. The pictures of a fold are predicted by
a network trained on those of the other folds, and all predictions together give one figure over all pictures.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from downstream.comparison.cross_validation import AnyNetwork, Folded
from downstream.comparison.inputs import INFRARED, Comparison, Input
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Place:
    """One network of the matrix."""

    name: str
    """Such as ``max-seed0`` or ``joint-seed2-fold1of5``."""
    inputs: tuple[Input, ...]
    """What the network is trained on."""
    seed: int
    left_out: frozenset[str] = frozenset()
    """Pictures that are tested, and so not trained on."""

    def of(self, pictures: Mapping[str, Kept]) -> dict[str, Kept]:
        """Those of the pictures that are trained on."""
        return {name: own for name, own in pictures.items() if name not in self.left_out}


@dataclass(frozen=True)
class Matrix:
    """All networks: inputs, or one for all of them where the protocol is joint, by seeds and folds."""

    inputs: tuple[Input, ...]
    seeds: Sequence[int]
    joint: bool = False
    folds: Sequence[Sequence[str]] = ((),)
    """The pictures that each fold tests; one empty fold where the test pictures lie apart."""
    by_scene: bool = False
    """Whether the folds hold whole scenes."""

    def __post_init__(self) -> None:
        if not self.seeds:
            raise InputError("expected --seeds of 1 or more, found none")

    def places(self) -> list[Place]:
        """The networks, input by input, seed by seed, fold by fold."""
        groups = {"joint": self.inputs} if self.joint else {item.name: (item,) for item in self.inputs}
        return [
            Place(self._name(group, seed, fold), items, seed, frozenset(pictures))
            for group, items in groups.items()
            for seed in self.seeds
            for fold, pictures in enumerate(self.folds, start=1)
        ]

    def by_input(self, networks: Mapping[str, AnyNetwork]) -> dict[str, tuple[Folded[AnyNetwork], ...]]:
        """Input name to its networks, given by the names of their places: one entry a seed."""
        folds, fold_of = range(1, len(self.folds) + 1), self.fold_of()

        def of(item: Input, seed: int) -> Folded[AnyNetwork]:
            group = "joint" if self.joint else item.name
            return Folded(tuple(networks[self._name(group, seed, fold)] for fold in folds), fold_of)

        return {item.name: tuple(of(item, seed) for seed in self.seeds) for item in self.inputs}

    def fold_of(self) -> dict[str, int]:
        """The fold, counted from 0, that tests a picture; empty without folds."""
        return {name: number for number, pictures in enumerate(self.folds) for name in pictures}

    def describe_folds(self, seed: int) -> dict[str, Any]:
        """What a protocol says about the folds, divided by `seed`; empty without folds."""
        if not self.fold_of():
            return {}
        kept = "whole scenes are" if self.by_scene else "pictures are"
        apart = "" if self.by_scene else ", and neighbouring frames are not kept together"
        how = (
            f"each picture is predicted by a network trained on the other folds; {kept} dealt at random, those "
            f"of each group in equal parts{apart}"
        )
        return {"folds": {"how": how, "seed": seed, "pictures": [list(pictures) for pictures in self.folds]}}

    def _name(self, group: str, seed: int, fold: int) -> str:
        return f"{group}-seed{seed}" + (f"-fold{fold}of{len(self.folds)}" if len(self.folds) > 1 else "")


def divide(
    names: Iterable[str],
    folds: int,
    seed: int,
    groups: Mapping[str, NDArray[np.bool_]] = MappingProxyType({}),
    scenes: Sequence[str] | None = None,
) -> list[list[str]]:
    """Divides pictures into folds, each with its share of every group: to one picture, or to one scene.

    Args:
        names: the pictures.
        folds: how many.
        seed: of the shuffling.
        groups: group to which of the pictures, in the order of `names`, belong to it.
        scenes: the scene of each of the names: no network is tested on a scene that it was trained on.

    Raises:
        InputError: fewer than two folds, or more than there are pictures or scenes.
    """
    names = list(names)
    group_of = {name: g for g, chosen in groups.items() for name, own in zip(names, chosen, strict=True) if own}
    scene_of = dict(zip(names, scenes if scenes is not None else names, strict=True))
    together: dict[str, list[str]] = {}
    for name in np.random.default_rng(seed).permutation(sorted(names)).tolist():
        together.setdefault(scene_of[name], []).append(name)
    if not 2 <= folds <= len(together):
        of = "labelled pictures" if scenes is None else "scenes of the labelled pictures"
        raise InputError(f"expected --folds between 2 and the {len(together)} {of}, found {folds}")
    order = {group: number for number, group in enumerate(groups)}
    dealt: list[list[str]] = [[] for _ in range(folds)]
    of_group: Counter[tuple[int, int]] = Counter()
    places = {scene: order.get(group_of.get(own[0], ""), -1) for scene, own in together.items()}
    for scene in sorted(together, key=lambda scene: (places[scene], -len(together[scene]))):
        place = places[scene]
        to = min(range(folds), key=lambda fold: (of_group[fold, place], len(dealt[fold])))
        dealt[to] += together[scene]
        of_group[to, place] += len(together[scene])
    return [sorted(own) for own in dealt]


def train_split(comparison: Comparison, prepare: Callable[[], Comparison]) -> Comparison:
    """The train pictures of a data set; the reasons of the skipped ones say that they are train pictures.

    Raises:
        InputError: they are the tested ones.
    """
    train = prepare()
    tested = {path.resolve() for path in comparison.input(INFRARED).files.values()}
    if not tested.isdisjoint(path.resolve() for path in train.input(INFRARED).files.values()):
        raise InputError(
            f"expected train pictures beside the tested ones, found only those in {train.root}: give a data root with "
            "train/ and test/, divide the tested pictures with --folds 5, or use --protocol frozen"
        )
    return replace(train, skipped=tuple(Skipped(s.name, f"train picture: {s.reason}") for s in train.skipped))
