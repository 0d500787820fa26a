import numpy as np
import pytest

from downstream.comparison.cross_validation import Folded
from downstream.comparison.inputs import Input
from downstream.comparison.plan import Matrix, divide
from dwsfusion.errors import InputError

NAMES = [f"{k:05d}{'N' if k % 3 else 'D'}" for k in range(32)]  # 11 by day, 21 by night
GROUPS = {"day": np.array([n[-1] == "D" for n in NAMES]), "night": np.array([n[-1] == "N" for n in NAMES])}
PAIR = (Input("infrared", {}), Input("max", {}))


def test_every_picture_is_tested_once_and_day_and_night_are_balanced():
    folds = divide(NAMES, 5, 0, GROUPS)
    assert sorted(name for fold in folds for name in fold) == sorted(NAMES)
    for count, whole in ((len, 32), (lambda f: sum(n.endswith("N") for n in f), 21)):
        assert {count(fold) for fold in folds} <= {whole // 5, whole // 5 + 1}


def test_the_seed_alone_decides():
    assert divide(NAMES, 4, seed=1) == divide(reversed(NAMES), 4, seed=1)
    assert divide(NAMES, 4, seed=1) != divide(NAMES, 4, seed=2)


def test_a_scene_is_never_trained_on_and_tested():
    scenes = [name[:4] for name in NAMES]  # ten frames a scene, two in the last
    folds = divide(NAMES, 3, 0, scenes=scenes)
    assert sorted(name for fold in folds for name in fold) == sorted(NAMES)
    of = [{name[:4] for name in fold} for fold in folds]
    assert sum(map(len, of)) == len(set(scenes))
    assert sorted(map(len, folds)) == [10, 10, 12]
    with pytest.raises(InputError, match="between 2 and the 4 scenes"):
        divide(NAMES, 5, 0, scenes=scenes)
    assert "whole scenes" in Matrix(PAIR, (0,), folds=folds, by_scene=True).describe_folds(0)["folds"]["how"]


@pytest.mark.parametrize("folds", [-1, 1, 33])
def test_folds_that_cannot_be_are_refused(folds):
    with pytest.raises(InputError, match="between 2 and the 32 labelled pictures"):
        divide(NAMES, folds, seed=0)


def test_the_matrix_has_a_place_for_each_input_seed_and_fold():
    matrix = Matrix(PAIR, (3, 4), folds=(("a", "b"), ("c",)))
    places = matrix.places()
    assert [p.name for p in places] == [
        f"{name}-seed{seed}-fold{fold}of2" for name in ("infrared", "max") for seed in (3, 4) for fold in (1, 2)
    ]
    assert places[0].of({"a": 1, "b": 2, "c": 3}) == {"c": 3}
    networks = matrix.by_input({p.name: p for p in places})
    assert networks["max"][1].networks[0] is places[6]
    assert matrix.fold_of() == {"a": 0, "b": 0, "c": 1}


def test_joint_has_one_network_for_all_inputs():
    matrix = Matrix(PAIR, (0,), joint=True)
    (place,) = matrix.places()
    assert (place.name, place.inputs, place.of({"a": 1})) == ("joint-seed0", PAIR, {"a": 1})
    assert matrix.by_input({"joint-seed0": 7}) == {"infrared": (Folded((7,)),), "max": (Folded((7,)),)}
    assert matrix.describe_folds(0) == {}


class Named:
    """Sees in each picture its own number and the picture's name."""

    seconds = 1.0

    def __init__(self, number):
        self.number, self.identity, self.calls = number, str(number), []

    def predict(self, names):
        self.calls.append(names)
        for name in names:
            yield self.number, name


def test_each_network_goes_once_through_its_fold_and_the_order_stays():
    networks = (Named(0), Named(1))
    folded = Folded(networks, {"a": 1, "b": 0, "c": 1, "d": 0})
    assert list(folded.predict("abcd", Named.predict)) == [(1, "a"), (0, "b"), (1, "c"), (0, "d")]
    assert [n.calls for n in networks] == [[["b", "d"]], [["a", "c"]]]
    assert folded.of("c") is networks[1]
    assert folded.identity != Folded(networks, {"a": 0, "b": 0, "c": 1, "d": 1}).identity
    assert Folded(networks[:1]).identity == "0"
