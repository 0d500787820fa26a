"""Intervals that were weighed against each other, by how often they hold the truth of a population."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
from populations import draw_confusions, draw_detections, estimates_of, truth_of

from downstream.comparison.differences import critical_value
from downstream.comparison.uncertainty import Estimate, resample_counts, student_quantile
from downstream.tasks import TASKS

PAIRS = (("mean", "max"), ("near", "max"), ("max", "visible"), ("max", "infrared"))
FINISHED = ("infrared", "visible", "late", "mean", "max", "dwsfusion")
FINISHED_PAIRS = (("mean", "max"), ("dwsfusion", "max"), ("max", "visible"), ("max", "infrared"), ("late", "dwsfusion"))
POPULATIONS = {"map50": draw_detections, "miou": draw_confusions}
_NORMAL = NormalDist()


def intervals_of(found: Estimate) -> dict[str, tuple[float, float]]:
    """Every kind of interval for one figure or difference."""
    value, without = found.value, found.without[~np.isnan(found.without)]
    samples = found.samples[~np.isnan(found.samples)]
    units = len(found.without)
    error, jackknife = samples.std(ddof=1), np.sqrt((units - 1) * np.var(without))
    student, wider = student_quantile(0.975, units - 1), np.sqrt(units / (units - 1))
    low, high = np.quantile(samples, [0.025, 0.975])
    around = {
        "± 1.96 bootstrap errors": 1.96 * error,
        "± t bootstrap errors": student * error,
        "± t jackknife errors": student * jackknife,
        "± t jackknife errors, at least ½ picture": student * max(jackknife, found.least_error),
    }
    return {
        "percentile": (low, high),
        "percentile, wider by √(n/(n−1))": (value - (value - low) * wider, value + (high - value) * wider),
        "basic": (2 * value - high, 2 * value - low),
        "BCa": bias_corrected(value, samples, without),
        **{kind: (value - half, value + half) for kind, half in around.items()},
    }


def bias_corrected(value, samples, without):
    """Efron, 1987, doi:10.1080/01621459.1987.10478410."""
    least = 1 / len(samples)
    below = np.clip((samples < value).mean() + (samples == value).mean() / 2, least, 1 - least)
    shift, moved = _NORMAL.inv_cdf(below), without.mean() - without
    spread = (moved**2).sum() ** 1.5
    skew = (moved**3).sum() / (6 * spread) if spread > 0 else 0.0
    levels = [_NORMAL.cdf(shift + (shift + z) / (1 - skew * (shift + z))) for z in (-1.96, 1.96)]
    return tuple(np.quantile(samples, levels))


@dataclass
class Held:
    """How often each kind held the truth, a figure or pair at a time, and all pairs at once."""

    kinds: dict
    all_at_once: list

    def share(self, kind, what):
        return float(np.mean(self.kinds[kind][what]))


def study(figure, pictures, trials, resamples=400, seed=0) -> Held:
    """Draws so many sets of pictures and counts, kind by kind, how often the interval holds the population's figure."""
    draw, random = POPULATIONS[figure], np.random.default_rng(seed)
    truth, held = truth_of(draw, figure), Held({}, [])
    for trial in range(trials):
        drawn = estimates_of(draw(random, pictures), resample_counts(pictures, resamples, trial))
        count(held, {name: own[figure] for name, own in drawn.items()}, truth, PAIRS)
    return held


def study_finished(task, folder, pictures, trials, resamples=400, seed=0) -> Held:
    """The same with the pictures of a finished comparison as the population, drawn with replacement."""
    names, opened = task.reopen(folder, FINISHED)
    return study_pictures({name: own[0] for name, own in opened.items()}, task.primary, len(names), pictures, trials,
                          resamples, seed)  # fmt: skip


def study_pictures(scores, figure, population, pictures, trials, resamples=400, seed=0, pairs=FINISHED_PAIRS) -> Held:
    """The same with so many pictures, of which every input has scores, as the population."""
    random, held = np.random.default_rng(seed), Held({}, [])
    everything = np.ones((1, population), np.int64)
    truth = {name: float(own.figures(everything)[figure][0]) for name, own in scores.items()}
    for _ in range(trials):
        weights = random.multinomial(pictures, np.full(population, 1 / population))
        shown = np.flatnonzero(weights)
        drawn = random.multinomial(pictures, weights / pictures, size=resamples)
        without = np.repeat(weights - np.eye(population, dtype=np.int64)[shown], weights[shown], axis=0)
        counts = np.vstack([weights, drawn, without])
        estimates = {name: Estimate.of(own.figures(counts)[figure], resamples) for name, own in scores.items()}
        worth = {name: float(np.nanmax(abs(e.without - e.value))) for name, e in estimates.items()}
        count(held, {n: replace(e, worth=worth[n]) for n, e in estimates.items()}, truth, pairs)
    return held


def count(held, estimates, truth, pairs) -> None:
    """Adds one set of pictures to what was counted."""
    differences = {(a, b): estimates[a] - estimates[b] for a, b in pairs}
    true = {**truth, **{(a, b): truth[a] - truth[b] for a, b in pairs}}
    for what, found in {**estimates, **differences}.items():
        for kind, (low, high) in intervals_of(found).items():
            held.kinds.setdefault(kind, {}).setdefault(what, []).append(low <= true[what] <= high)
    errors = critical_value(differences.values())
    reach = {pair: found.within(errors) for pair, found in differences.items()}
    held.all_at_once.append(all(low <= true[pair] <= high for pair, (low, high) in reach.items()))


def write_table(held: Held) -> None:
    """A row a kind, a column a figure or pair, per cent."""
    columns = list(next(iter(held.kinds.values())))
    names = [c if isinstance(c, str) else "−".join(c) for c in columns]
    sys.stdout.write(" | ".join(["interval", *names]) + "\n")
    for kind in held.kinds:
        shares = [f"{100 * held.share(kind, c):.1f}" for c in columns]
        sys.stdout.write(" | ".join([kind, *shares]) + "\n")
    sys.stdout.write(f"all differences at once: {100 * np.mean(held.all_at_once):.1f}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # python tests/interval_kinds.py TRIALS [TASK FOLDER]: the tables of the documentation; with the folder of a
    # finished comparison, from its own pictures.
    for size in (15, 30, 70, 150):
        for name in POPULATIONS if len(sys.argv) < 4 else ("finished",):
            sys.stdout.write(f"\n{name}, {size} pictures, {sys.argv[1]} draws\n")
            if name == "finished":
                asked = next(task for task in TASKS if task.name == sys.argv[2])
                write_table(study_finished(asked, Path(sys.argv[3]), size, int(sys.argv[1])))
            else:
                write_table(study(name, size, int(sys.argv[1])))
