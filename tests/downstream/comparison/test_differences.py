from statistics import NormalDist

import numpy as np
import pytest

from downstream.comparison.differences import (
    BEST_CAMERA,
    best_of,
    critical_value,
    family_of,
    pairs_of,
    pictures_needed,
    shown_with_chance,
)
from downstream.comparison.uncertainty import Estimate

CAMERAS = ("infrared", "visible")


def normal(value, spread, seed, resamples=500, pictures=50):
    """An estimate with that standard error: of the mean of a number a picture."""
    random = np.random.default_rng(seed)
    moved = random.standard_normal(pictures)
    moved *= spread * np.sqrt(pictures) / moved.std(ddof=1)
    without = value - (moved - moved.mean()) / (pictures - 1)
    worth = abs(without - value).max()
    return Estimate(value, value + spread * random.standard_normal(resamples), without, worth=worth)


def made(values, spread=0.01, **options):
    """Estimates of several inputs that go their own ways."""
    return {name: {"map": normal(v, spread, k, **options)} for k, (name, v) in enumerate(values.items())}


def verdicts(family, **options):
    return {(row["input"], row["against"]): row["verdict"] for row in family.rows(**options)}


def test_every_input_meets_both_cameras_max_and_late_and_the_fused_ones_the_best_camera():
    names = ["infrared", "visible", "max", "ours"]
    pairs = pairs_of(names, (*CAMERAS, "max", "late"), ["max", "ours"], [("infrared", "ours"), ("ours", "max")])
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == {(a, b) for b in ("infrared", "visible", "max") for a in names if a != b} | {
        ("max", BEST_CAMERA), ("ours", BEST_CAMERA), ("infrared", "ours"),
    }  # fmt: skip


def test_verdicts_go_by_the_simultaneous_interval():
    estimates = made({"infrared": 0.3, "visible": 0.5, "max": 0.6, "ours": 0.605}, spread=0.01)
    pairs = pairs_of(list(estimates), (*CAMERAS, "max"), ["max", "ours"])
    family = family_of(estimates, "map", pairs, CAMERAS)
    found = verdicts(family)
    assert found["ours", "infrared"] == found["ours", "visible"] == found["ours", BEST_CAMERA] == "better"
    assert found["infrared", "max"] == "worse"
    assert found["ours", "max"] == "no evidence"
    for row in family.rows():
        (low, high), (far_low, far_high) = row["interval"], row["simultaneous"]
        assert far_low < low < row["difference"] < high < far_high
    assert set(verdicts(family, fewest=29).values()) == {"too few pictures"}
    few = made({"max": 0.2, "ours": 0.9}, pictures=29)
    assert set(verdicts(family_of(few, "map", [("ours", "max")], ())).values()) == {"too few pictures"}
    assert set(verdicts(family, one_seed=True).values()) == {"one seed"}


def test_a_difference_that_stands_alone_may_fall_among_many():
    """2.3 standard errors: evidence for who asks one question, none for who asks ten."""
    values = {f"i{k}": 2.4 if k == 0 else 0.0 for k in range(10)}
    estimates = made(values, spread=1, resamples=4000, pictures=400)
    estimates["max"] = {"map": Estimate(0.0, np.zeros(4000), np.zeros(400))}
    alone = family_of(estimates, "map", [("i0", "max")], ())
    among = family_of(estimates, "map", [(name, "max") for name in values], ())
    assert alone.rows()[0]["verdict"] == "better"
    assert among.rows()[0]["verdict"] == "no evidence"
    assert among.errors == pytest.approx(NormalDist().inv_cdf(1 - (1 - 0.95 ** (1 / 10)) / 2), abs=0.06)  # independent


def test_max_t_agrees_with_brute_force():
    """Draw by draw and row by row, as the definition reads."""
    random = np.random.default_rng(2)
    samples = random.standard_normal((3, 200)) * [[0.1], [0.2], [0.05]]
    largest = []
    for draw in range(200):
        scaled = []
        for row in samples:
            mean = sum(row) / 200
            deviation = (sum((x - mean) ** 2 for x in row) / 199) ** 0.5
            scaled.append(abs(row[draw] - mean) / deviation)
        largest.append(max(scaled))
    largest.sort()
    found = critical_value(Estimate(7.0, row, np.zeros(30)) for row in samples)
    assert found == pytest.approx(np.interp(0.95 * 199, np.arange(200), largest))
    assert sum(value <= found for value in largest) == 190


def test_the_best_camera_is_chosen_in_each_draw():
    infrared = Estimate(0.5, np.array([0.4, 0.6, np.nan]), np.array([0.45, 0.55]))
    visible = Estimate(0.48, np.array([0.5, 0.5, 0.5]), np.array([0.5, 0.46]))
    best = best_of([infrared, visible])
    assert (best.value, best.samples.tolist(), best.without.tolist()) == (0.5, [0.5, 0.6, 0.5], [0.5, 0.55])
    lower = best_of([infrared, visible], higher_is_better=False)
    assert (lower.value, lower.samples.tolist()) == (0.48, [0.4, 0.5, 0.5])
    assert best_of([Estimate(None, np.full(3, np.nan), np.full(2, np.nan)), visible]).value == 0.48


def test_nothing_beats_the_best_camera_that_does_not_beat_both():
    """Infrared is far behind but so unsure that nobody can say so."""
    estimates = made({"infrared": 0.3, "visible": 0.5, "ours": 0.6})
    estimates["infrared"]["map"] = normal(0.3, 0.3, 9)
    family = family_of(estimates, "map", pairs_of(list(estimates), CAMERAS, ["ours"]), CAMERAS)
    found = verdicts(family)
    assert found["ours", "visible"] == "better"
    assert found["ours", "infrared"] == found["ours", BEST_CAMERA] == "no evidence"
    rows = {row["against"]: row for row in family.rows() if row["input"] == "ours"}
    assert rows[BEST_CAMERA]["interval"][0] == rows["infrared"]["interval"][0]
    assert rows[BEST_CAMERA]["interval"][1] == rows["visible"]["interval"][1]


def test_less_may_be_better():
    estimates = made({"max": 0.6, "ours": 0.3})
    family = family_of(estimates, "map", [("ours", "max")], (), higher_is_better=False)
    assert verdicts(family) == {("ours", "max"): "better"}
    assert family.rows()[0]["difference"] == pytest.approx(-0.3)


def test_an_undefined_figure_has_no_difference():
    estimates = {"max": {}, "ours": {"map": normal(0.5, 0.1, 0)}}
    estimates["max"]["map"] = Estimate(None, np.full(500, np.nan), np.full(50, np.nan))
    family = family_of(estimates, "map", [("ours", "max")], ())
    assert family.rows() == []
    assert family.difference_80 is None


def test_equal_inputs_show_nothing():
    same = normal(0.5, 0.1, 0)
    family = family_of({"max": {"map": same}, "ours": {"map": same}}, "map", [("ours", "max")], ())
    low, high = family.rows()[0]["simultaneous"]
    assert low == -high < 0  # alike on these pictures is not alike
    assert verdicts(family) == {("ours", "max"): "no evidence"}


def test_the_power_holds_what_it_says():
    """A difference of the stated size is shown by 80 % of sets."""
    random = np.random.default_rng(3)
    draws = random.standard_normal(20000)
    reach = shown_with_chance(normal(0.0, 0.01, 4, pictures=5000), errors=2.5)
    shown = (reach + 0.01 * draws) - 2.5 * 0.01 > 0
    assert shown.mean() == pytest.approx(0.8, abs=0.01)
    assert pictures_needed(reach / 2, reach, 70) == 280
