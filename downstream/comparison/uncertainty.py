"""Paired bootstrap over pictures: how far a figure could be chance, and in which interval it therefore lies.

The pictures of the test set are drawn again with replacement, the same draw for every input, and the figure
is computed anew from the counts of each draw (Efron, 1979, doi:10.1214/aos/1176344552). Where pictures come in scenes,
scenes are drawn. The interval is the figure plus and minus its standard error over the draws times a quantile of
Student's t; `docs/statistics.md` says which other intervals were tried, and how often each held the truth.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dwsfusion.errors import InputError

Floats = NDArray[np.float64]
RESAMPLES = 1000
LEVEL = 0.95
FRACTION = (0.0, 1.0)
"""Bounds of a figure that is a share."""
INTERVALS = (
    "95 %: the figure ± its standard error over paired resamples, times Student's t; with several seeds the error "
    "holds their variance too; simultaneous intervals (max-T) hold for all differences of one metric at once, and "
    "verdicts go by them"
)
"""What a protocol says about intervals."""
_NOTHING = 1e-12
_NORMAL_FROM = 10000.0


def resample_counts(
    pictures: int, resamples: int = RESAMPLES, seed: int = 0, scenes: Sequence[Hashable] | None = None
) -> NDArray[np.int64]:
    """How often each picture is drawn in each resample: ``(resamples, pictures)``.

    Args:
        pictures: how many there are.
        resamples: how many to draw.
        seed: fixes them.
        scenes: the scene of each picture; then whole scenes are drawn, as many as there are. Without it the pictures
            are taken as independent, and every row sums to `pictures`.
    """
    random = np.random.default_rng(seed)
    if scenes is None:
        return random.multinomial(pictures, np.full(pictures, 1 / pictures), size=resamples)
    _, of_picture = np.unique([str(scene) for scene in scenes], return_inverse=True)
    count = int(of_picture.max()) + 1
    return random.multinomial(count, np.full(count, 1 / count), size=resamples)[:, of_picture]


def units_of(draws: NDArray[np.int64]) -> int:
    """How many pictures, or scenes, were drawn from: those of one scene are always drawn together."""
    return len(np.unique(draws, axis=1).T)


def leave_one_out(draws: NDArray[np.int64]) -> NDArray[np.int64]:
    """Weightings in which each picture, or scene, is left out once: ``(units, n)``."""
    _, unit = np.unique(draws, axis=1, return_inverse=True)
    kept: NDArray[np.int64] = (np.arange(unit.max() + 1)[:, None] != unit.ravel()).astype(np.int64)
    return kept


@dataclass(frozen=True)
class Estimate:
    """A figure and what it became in each resample."""

    value: float | None
    """None where the figure is not defined, as the AP of a class without objects."""
    samples: Floats
    """``(resamples,)``; NaN in a resample in which the figure is not defined. They hold the noise of training too."""
    seeds: tuple[float, ...] = ()
    """The figure of each trained network alone, one a seed; NaN where it is not defined. `value` is their mean."""
    units: int | None = None
    """How many pictures, or scenes, were drawn from; without it the error is taken as known."""
    bounds: tuple[float, float] = (-np.inf, np.inf)
    """Between which values the figure can lie; its interval is cut there."""
    worth: float = 0.0
    """How far the figure moves at most when one picture, or scene, is left out."""
    least_error: float = 0.0
    """The error is taken to be no less."""

    def __sub__(self, other: "Estimate") -> "Estimate":
        """The paired difference; its error is no less than half of what a single picture is worth to the two figures.

        Two inputs that are nearly alike differ on few pictures. Where none of these is in the set, nothing in the set
        tells of them, and the resamples agree far better than they should.
        """
        value = None if self.value is None or other.value is None else self.value - other.value
        seeds = tuple(a - b for a, b in zip(self.seeds, other.seeds, strict=True))
        least = (self.worth + other.worth) / 4
        return Estimate(value, self.samples - other.samples, seeds, self.units, least_error=least)

    @property
    def error(self) -> float | None:
        """The standard error; None where no resample has the figure."""
        defined = self.samples[~np.isnan(self.samples)]
        if self.value is None or not len(defined):
            return None
        error = float(defined.std(ddof=1)) if len(defined) > 1 else 0.0
        # A resample of n pictures varies as if there were n - 1.
        error *= 1.0 if self.units is None else np.sqrt(self.units / max(self.units - 1, 1))
        return max(error, self.least_error) if error > _NOTHING else self.least_error

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the error, of pictures and seeds together.

        Source: Satterthwaite, 1946, doi:10.2307/3002019.
        """
        total, of_seeds = (self.error or 0.0) ** 2, seed_variance(self.seeds)
        of_pictures = max(total - of_seeds, 0.0)
        known = np.inf if self.units is None else max(self.units - 1, 1)
        terms = of_pictures**2 / known + (of_seeds**2 / (len(self.seeds) - 1) if of_seeds else 0.0)
        return max(total**2 / terms, 1.0) if total > 0 and terms > 0 else np.inf

    @property
    def interval(self) -> list[float] | None:
        """The 95 % interval as [low, high]; None where the figure is not defined."""
        return self.within(NormalDist().inv_cdf((1 + LEVEL) / 2))

    def within(self, errors: float) -> list[float] | None:
        """The interval so many standard errors around the figure, [low, high].

        Args:
            errors: how many, were the error known; it is not, so Student's t of the same level is taken.
        """
        if self.value is None or self.error is None:
            return None
        half = student_quantile(NormalDist().cdf(errors), self.freedom) * self.error
        return [max(self.value - half, self.bounds[0]), min(self.value + half, self.bounds[1])]


def seed_variance(seeds: Iterable[float]) -> float:
    """The variance that the mean over seeds has because other seeds would have given other networks; 0 for one seed."""
    known = [value for value in seeds if not np.isnan(value)]
    return float(np.var(known, ddof=1)) / len(known) if len(known) > 1 else 0.0


def seed_noise(seeds: Sequence[float], resamples: int) -> Floats:
    """What training alone does to the mean over seeds, in each resample: ``(resamples,)``, with `seed_variance`.

    Every figure and input gets the same draws, so where the same seed helps two inputs alike, their difference keeps
    nothing of it.
    """
    known = np.array([0.0 if np.isnan(value) else value for value in seeds])
    if len(known) < 2 or np.isnan(seeds).any():
        return np.zeros(resamples)
    draws = np.random.default_rng(len(known)).standard_normal((resamples, len(known)))
    noise: Floats = draws @ (known - known.mean()) / np.sqrt(len(known) * (len(known) - 1))
    return noise


@lru_cache(maxsize=4096)
def student_quantile(level: float, freedom: float) -> float:
    """The quantile of Student's t for any degrees of freedom from 1 on, by adding up its density.

    With t = √ν·tan(a) the density of the angle is cosᵛ⁻¹(a), which has no long tail.
    """
    if freedom > _NORMAL_FROM:
        return NormalDist().inv_cdf(level)
    angles = np.linspace(0, min(np.pi / 2, 12 / np.sqrt(freedom)), 20001)
    density = np.cos(angles) ** (freedom - 1)
    mass = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    angle = np.interp(abs(2 * level - 1), mass / mass[-1], angles)
    return float(np.sign(level - 0.5) * np.sqrt(freedom) * np.tan(angle))


def parse_pairs(pairs: Iterable[str], names: Sequence[str]) -> list[tuple[str, str]]:
    """Reads pairs of inputs as they are asked for, ``A:B`` for the difference A - B.

    Raises:
        InputError: a pair is malformed, or names an input that is not compared.
    """
    read = []
    for text in pairs:
        name, _, against = text.partition(":")
        unknown = [part for part in (name, against) if part not in names]
        if unknown or name == against:
            raise InputError(f"expected --against A:B with two of the inputs {', '.join(names)}, found {text!r}")
        read.append((name, against))
    return read
