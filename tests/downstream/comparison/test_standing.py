import numpy as np
import pytest

from downstream.comparison.standing import order_by_labels, ranks
from downstream.comparison.uncertainty import Estimate


def made(**samples):
    drawn = {name: np.array(s, dtype=float) for name, s in samples.items()}
    return {name: {"map": Estimate(float(s.mean()), s, np.zeros(9))} for name, s in drawn.items()}


def test_ranks_say_how_sure_the_order_is():
    found = ranks(made(a=[3, 3, 3, 1], b=[2, 2, 2, 2], c=[1, 1, 2, 0]), "map")
    assert {name: own["first"] for name, own in found.items()} == {"a": 0.75, "b": 0.25, "c": 0}
    assert found["a"]["interval"] == [1, 2]
    assert found["c"]["interval"] == [2, 3]
    turned = ranks(made(a=[3, 3], b=[2, 2]), "map", higher_is_better=False)
    assert turned["b"] == {"first": 1, "interval": [1, 1]}


def test_a_shared_first_place_is_shared():
    found = ranks(made(a=[1, 1], b=[1, 1], c=[0, 0]), "map")
    assert [own["first"] for own in found.values()] == [0.5, 0.5, 0]
    assert sum(own["first"] for own in found.values()) == pytest.approx(1)


def test_draws_without_a_figure_say_nothing_of_ranks():
    estimates = made(a=[3, 3, 3], b=[2, np.nan, 4])
    estimates["b"]["map"] = Estimate(2.0, estimates["b"]["map"].samples, np.zeros(9))
    estimates["none"] = {"map": Estimate(None, np.full(3, np.nan), np.full(9, np.nan))}
    assert ranks(estimates, "map")["a"]["first"] == 0.5
    assert ranks({"none": estimates["none"]}, "map") == {}


def test_whether_labels_decide_the_order():
    by_source = {"labels": {"a": 0.5, "b": 0.4, "c": 0.1}, "labels_infrared": {"a": 0.3, "b": 0.4, "c": 0.2, "d": 1.0}}
    found = order_by_labels(by_source)
    assert found["orders"] == {"labels": ["a", "b", "c"], "labels_infrared": ["b", "a", "c"]}
    assert (found["changes"], found["pairs"]) == (True, [["a", "b"]])
    by_source["labels_infrared"]["a"] = 0.4  # a tie turns no order
    assert not order_by_labels(by_source)["changes"]
