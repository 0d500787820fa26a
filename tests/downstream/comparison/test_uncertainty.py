import numpy as np
import pytest
from scipy import stats

from downstream.comparison.estimates import estimate, over_networks
from downstream.comparison.uncertainty import (
    Estimate,
    parse_pairs,
    resample_counts,
    seed_noise,
    seed_variance,
    student_quantile,
    weightings,
)
from dwsfusion.errors import InputError

NONE = np.zeros(0)


class Means:
    """Scores whose figure is the mean of a number a picture."""

    def __init__(self, values):
        self.values = np.asarray(values, dtype=float)

    def figures(self, counts):
        return {"mean": counts @ self.values / counts.sum(1)}


def test_every_resample_draws_as_many_pictures_as_there_are():
    counts = resample_counts(30, 200, seed=1)
    assert counts.shape == (200, 30)
    assert (counts.sum(axis=1) == 30).all()
    assert counts.mean() == 1
    assert counts.max() > 2


def test_the_seed_fixes_the_resamples():
    assert (resample_counts(10, 5, seed=3) == resample_counts(10, 5, seed=3)).all()
    assert (resample_counts(10, 5, seed=3) != resample_counts(10, 5, seed=4)).any()


def test_pictures_of_a_scene_are_drawn_together():
    counts = resample_counts(5, 300, seed=0, scenes=["a", "b", "a", "c", "b"])
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, 1] == counts[:, 4]).all()
    assert (counts[:, [0, 1, 3]].sum(1) == 3).all()
    every = weightings(counts)
    assert every[0].tolist() == [1] * 5
    assert (every[1:301] == counts).all()
    assert sorted(every[301:].tolist()) == [[0, 1, 0, 1, 1], [1, 0, 1, 1, 0], [1, 1, 1, 0, 1]]


@pytest.mark.parametrize("freedom", [1, 1.5, 2, 3.7, 14, 29, 360])
def test_quantiles_are_students(freedom):
    for level in (0.9, 0.975, 0.999):
        assert student_quantile(level, freedom) == pytest.approx(stats.t.ppf(level, freedom), rel=2e-3)
        assert student_quantile(1 - level, freedom) == pytest.approx(-student_quantile(level, freedom))
    assert student_quantile(0.975, np.inf) == pytest.approx(1.959964)


def test_the_interval_of_a_mean_is_students_own():
    """For a mean, the jackknife's standard error and the textbook's are the same."""
    values = np.random.default_rng(0).random(40)
    found = estimate([Means(values)], resample_counts(40, 50, seed=1))["mean"]
    low, high = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert found.interval == pytest.approx([low, high], rel=1e-3)


def test_an_interval_stays_where_the_figure_can_lie():
    without = np.array([0.0, 0.04, 0.02])
    assert Estimate(0.02, NONE, without, bounds=(0, 1)).interval[0] == 0
    assert Estimate(0.02, NONE, without).interval[0] < 0


def test_a_figure_that_hangs_on_one_picture_has_no_interval():
    assert Estimate(None, NONE, np.array([np.nan] * 3)).interval is None
    assert Estimate(0.5, NONE, np.array([0.4, np.nan, 0.6])).interval is None
    assert Estimate(0.5, NONE, np.array([0.5])).interval is None


def test_difference_is_paired():
    """Two figures that swing together by far more than they differ: only the pairing shows the difference."""
    swing = np.linspace(-1, 1, 101)
    a, b = (Estimate(value, NONE, value + swing, worth=1.0) for value in (0.6, 0.5))
    assert (a - b).error == pytest.approx(0.5)  # half of what one picture moves, and no more


def test_a_difference_is_no_surer_than_half_a_picture():
    """Two inputs that differ nowhere in the set may differ elsewhere."""
    values = [0, 0, 0, 1.0]
    a, b = (estimate([Means(values)], resample_counts(4, 50))["mean"] for _ in range(2))
    assert a.worth == pytest.approx(1 / 4)  # without the last picture the mean falls from 1/4 to 0
    assert (a - b).error == pytest.approx(1 / 8)
    assert a.error > 1 / 8


def test_the_noise_of_seeds_is_in_the_interval():
    seeds = (0.50, 0.56, 0.47)
    assert np.var(seed_noise(seeds, 100_000)) == pytest.approx(seed_variance(seeds), rel=0.02)
    draws = resample_counts(50, 4000, seed=0)
    pictures = np.random.default_rng(2).normal(0, 0.05, 50)
    found = estimate([Means(pictures - pictures.mean() + level) for level in seeds], draws)["mean"]
    assert found.error**2 == pytest.approx(np.var(pictures, ddof=1) / 50 + seed_variance(seeds))
    assert np.var(found.samples) == pytest.approx(found.error**2, rel=0.1)
    assert 2 < found.freedom < 8  # of 49 for the pictures and 2 for the seeds, which weigh more
    assert found.seeds == pytest.approx(seeds)


def test_seeds_that_move_two_inputs_alike_leave_their_difference():
    draws = resample_counts(20, 500, seed=0)
    pictures = np.random.default_rng(3).random(20)
    a, b = ([Means(pictures + shift + level) for level in (0, 0.2, 0.1)] for shift in (0.1, 0))
    found = estimate(a, draws)["mean"] - estimate(b, draws)["mean"]
    assert found.error == found.least_error < seed_variance((0, 0.2, 0.1)) ** 0.5


def test_several_networks_are_as_sure_as_they_agree():
    draws, pictures = resample_counts(40, 2000, seed=0), np.random.default_rng(4).normal(0.5, 0.01, (2, 40))
    networks = {
        f"n{k}": {"ours": [Means(pictures[0] + gain)], "max": [Means(pictures[1])]}
        for k, gain in enumerate((0.02, 0.10, 0.06))
    }
    networks["n0"]["alone"] = [Means(pictures[0])]
    found = over_networks(networks, draws)
    assert list(found) == ["ours", "max"]  # of the other not every network tells
    gained = found["ours"]["mean"] - found["max"]["mean"]
    assert gained.value == pytest.approx(0.06 + pictures[0].mean() - pictures[1].mean())
    low, high = gained.interval
    of_networks = 2 * stats.t.ppf(0.975, 2) * np.std([0.02, 0.1, 0.06], ddof=1) / np.sqrt(3)
    assert high - low == pytest.approx(of_networks, rel=0.02)  # what the pictures add is small here


@pytest.mark.parametrize("text", ["ours", "ours:", ":ours", "ours:theirs", "ours:max:visible", "ours:ours"])
def test_a_pair_that_does_not_fit_is_refused(text):
    with pytest.raises(InputError, match="expected --against A:B with two of the inputs max, ours, found"):
        parse_pairs([text], ["max", "ours"])


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Pictures with 5 objects each, each found with a chance of their own: how often does the interval hold it?"""
    random = np.random.default_rng(1)
    covered, trials, pictures, truth = 0, 300, 60, 0.6
    for trial in range(trials):
        chance = random.beta(6, 4, pictures)  # mean 0.6; pictures differ, as they do
        found = random.binomial(5, chance) / 5
        low, high = estimate([Means(found)], resample_counts(pictures, 30, seed=trial))["mean"].interval
        covered += low <= truth <= high
    assert 0.92 <= covered / trials <= 0.98
