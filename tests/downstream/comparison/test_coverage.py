"""What intervals and verdicts promise, held against populations whose truth is known."""

import numpy as np
import pytest
from interval_kinds import PAIRS, study
from populations import INPUTS, draw_detections, estimates_of, swapped

from downstream.comparison.differences import NO_EVIDENCE, family_of, pairs_of
from downstream.comparison.estimates import estimate
from downstream.comparison.uncertainty import resample_counts

OURS = {"map50": "± t jackknife errors, at least ½ picture", "miou": "± t jackknife errors"}


@pytest.mark.slow
@pytest.mark.parametrize("figure", ["map50", "miou"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(figure):
    """Nine figures and differences, 60 sets of 40 pictures: each may miss 5 %, and three standard errors more."""
    held = study(figure, pictures=40, trials=60, resamples=60)
    shares = [held.share(OURS[figure], what) for what in (*INPUTS, *PAIRS)]
    assert min(shares) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 60)
    assert np.mean(shares) >= 0.92
    assert np.mean(held.all_at_once) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 60)


@pytest.mark.slow
def test_where_nothing_differs_few_comparisons_say_anything():
    """Predictions dealt out at random among the inputs: at most 5 % of comparisons say better or worse of any pair."""
    random, trials, spoken, alone = np.random.default_rng(7), 80, 0, 0
    for trial in range(trials):
        estimates = estimates_of(swapped(random, draw_detections(random, 30)), resample_counts(30, 200, seed=trial))
        pairs = pairs_of(INPUTS, ("infrared", "visible", "max"), INPUTS[2:])
        rows = family_of(estimates, "map50", pairs, INPUTS[:2]).rows()
        spoken += any(row["verdict"] != NO_EVIDENCE for row in rows)
        alone += any(row["interval"][0] > 0 or row["interval"][1] < 0 for row in rows)
    assert spoken / trials <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / trials)
    assert alone > spoken  # one at a time, the same differences would have spoken more often


class Means:
    """Scores whose figure is the mean of a number a picture."""

    def __init__(self, values):
        self.values = values

    def figures(self, counts):
        return {"mean": counts @ self.values / counts.sum(1)}


def test_frames_of_one_scene_mislead_who_does_not_say_so():
    """40 scenes of 5 frames that look alike, no difference between the inputs: how often is one shown?"""
    random, scenes, trials = np.random.default_rng(11), np.repeat(np.arange(40), 5), 200
    shown = {"scenes": 0, "frames": 0}
    for trial in range(trials):
        values = [Means(random.normal(0, 1, 40)[scenes] + random.normal(0, 0.4, 200)) for _ in range(2)]
        for how, known in (("scenes", list(scenes)), ("frames", None)):
            draws = resample_counts(200, 20, trial, known)
            low, high = (estimate([values[0]], draws)["mean"] - estimate([values[1]], draws)["mean"]).interval
            shown[how] += low > 0 or high < 0
    assert shown["scenes"] / trials <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / trials)
    assert shown["frames"] / trials > 0.25


def test_the_noise_of_training_is_held_with_that_of_the_pictures():
    """Three seeds and 40 pictures: the interval of the mean over both."""
    random, trials, held, pictures_alone = np.random.default_rng(5), 200, 0, 0
    for trial in range(trials):
        pictures, seeds = random.normal(0, 1, 40), random.normal(0, 0.2, 3)
        draws = resample_counts(40, 20, trial)
        found = estimate([Means(pictures + s + random.normal(0, 0.3, 40)) for s in seeds], draws)["mean"]
        held += found.interval[0] <= 0 <= found.interval[1]
        alone = estimate([Means(pictures + seeds.mean())], draws)["mean"].interval
        pictures_alone += alone[0] <= 0 <= alone[1]
    assert held / trials >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / trials)
    assert pictures_alone < held
