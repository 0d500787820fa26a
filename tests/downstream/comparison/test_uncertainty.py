import numpy as np
import pytest

from downstream.comparison.uncertainty import (
    Estimate,
    difference,
    differences,
    parse_pairs,
    percentile_interval,
    resample_counts,
)
from downstream.report.differences import in_words
from dwsfusion.errors import InputError


def estimate(value, samples, seeds=()):
    return Estimate(value, np.array(samples, dtype=float), seeds)


def test_every_resample_draws_as_many_pictures_as_there_are():
    counts = resample_counts(30, 200, seed=1)
    assert counts.shape == (200, 30)
    assert (counts.sum(axis=1) == 30).all()
    assert counts.mean() == 1
    assert counts.max() > 2


def test_the_seed_fixes_the_resamples():
    assert (resample_counts(10, 5, seed=3) == resample_counts(10, 5, seed=3)).all()
    assert (resample_counts(10, 5, seed=3) != resample_counts(10, 5, seed=4)).any()


def test_interval_holds_the_central_95_per_cent():
    assert percentile_interval(np.arange(1001.0)) == pytest.approx([25, 975])
    assert percentile_interval(np.array([np.nan, 1, 1])) == [1, 1]
    assert percentile_interval(np.array([np.nan])) is None


def test_difference_is_paired():
    """Two figures that swing together by far more than they differ: only the pairing shows the difference."""
    swing = np.linspace(-1, 1, 101)
    found = difference(estimate(0.6, 0.6 + swing), estimate(0.5, 0.5 + swing))
    assert found["difference"] == pytest.approx(0.1)
    assert found["interval"] == pytest.approx([0.1, 0.1])
    assert found["evidence"]


def test_an_interval_around_zero_is_no_evidence():
    found = difference(estimate(0.6, [0.4, 0.8]), estimate(0.5, [0.5, 0.5]))
    assert found["interval"][0] < 0 < found["interval"][1]
    assert not found["evidence"]


@pytest.mark.parametrize(
    ("ours", "seeds", "says"),
    [
        ((0.594, 0.662, 0.644), [-0.006, 0.062, 0.044], "no evidence of a difference (seeds disagree)"),
        ((0.601, 0.655, 0.644), [0.001, 0.055, 0.044], "better"),
        ((0.601, np.nan, 0.699), [0.001, None, 0.099], "no evidence of a difference (seeds disagree)"),
    ],
)
def test_several_seeds_are_evidence_only_where_all_agree(ours, seeds, says):
    """Mean over seeds 3.3 or more above, in every resample above zero: the pictures alone would say better."""
    value = float(np.nanmean(ours))
    found = difference(estimate(value, [value - 0.01, value + 0.01], ours), estimate(0.6, [0.6, 0.6], (0.6, 0.6, 0.6)))
    assert found["interval"][0] > 0
    assert found["seeds"] == pytest.approx(seeds)
    assert found["evidence"] == (says == "better")
    assert in_words({"input": "max", "against": "mean", **found}, "mIoU", 3).endswith(f": {says}")


def test_one_seed_is_no_more_than_one():
    row = {"input": "max", "against": "mean"} | difference(estimate(0.7, [0.7], (0.7,)), estimate(0.6, [0.6], (0.6,)))
    assert row["evidence"]
    assert "seeds" not in row
    assert in_words(row, "mIoU", 1).endswith(": better (one seed)")
    assert in_words(row, "mIoU").endswith(": better")


def test_an_undefined_figure_has_no_difference():
    assert difference(estimate(None, [np.nan]), estimate(0.5, [0.5])) is None


def test_reference_is_the_best_single_modality_and_the_baseline():
    values = {"infrared": 0.3, "visible": 0.5, "max": 0.6, "ours": 0.7}
    rows = differences(
        {name: {"map": estimate(v, [v, v])} for name, v in values.items()}, ["map"], ["infrared", "visible"], "max"
    )
    found = {(row["input"], row["against"]): row["difference"] for row in rows}
    assert found["ours", "visible"] == pytest.approx(0.2)
    assert found["ours", "max"] == pytest.approx(0.1)
    assert ("visible", "visible") not in found
    assert {against for _, against in found} == {"visible", "max"}


def test_pairs_asked_for_come_after_the_others_and_none_twice():
    values = {"infrared": 0.3, "visible": 0.5, "max": 0.6, "ours": 0.7}
    estimates = {name: {"map": estimate(v, [v, v])} for name, v in values.items()}
    asked = parse_pairs(["infrared:ours", "ours:max"], list(values))
    rows = differences(estimates, ["map"], ["infrared", "visible"], "max", asked)
    pairs = [(row["input"], row["against"]) for row in rows]
    assert pairs[-1] == ("infrared", "ours")
    assert pairs.count(("ours", "max")) == 1
    assert rows[-1]["difference"] == pytest.approx(-0.4)


@pytest.mark.parametrize("text", ["ours", "ours:", ":ours", "ours:theirs", "ours:max:visible", "ours:ours"])
def test_a_pair_that_does_not_fit_is_refused(text):
    with pytest.raises(InputError, match="expected --against A:B with two of the inputs max, ours, found"):
        parse_pairs([text], ["max", "ours"])


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Pictures with 5 objects each, each found with a chance of their own: how often does the interval hold it?"""
    random = np.random.default_rng(0)
    covered, trials, pictures, truth = 0, 300, 60, 0.6
    for trial in range(trials):
        chance = random.beta(6, 4, pictures)  # mean 0.6; pictures differ, as they do
        hits = random.binomial(5, chance)
        counts = resample_counts(pictures, 300, seed=trial)
        low, high = percentile_interval(counts @ hits / (counts.sum(axis=1) * 5))
        covered += low <= truth <= high
    assert 0.90 <= covered / trials <= 0.98
