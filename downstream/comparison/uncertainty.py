"""How far a figure could be chance: which values it takes without each picture, and on pictures drawn again.

The standard error is the jackknife's: the figure is computed anew without each picture in turn (Efron and Stein, 1981,
doi:10.1214/aos/1176345462, who show that it is not too small on average). The interval is the figure plus and minus the
error times a quantile of Student's t; `docs/statistics.md` says which others were tried, and how often each held the
truth. What several figures do together comes from a paired bootstrap: pictures are drawn again with replacement, the
same draw for every input (Efron, 1979, doi:10.1214/aos/1176344552). Where pictures come in scenes, scenes are left out
and drawn.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dwsfusion.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RESAMPLES = 1000
LEVEL = 0.95
FRACTION = (0.0, 1.0)
"""Bounds of a figure that is a share."""
INTERVALS = (
    "95 %: the figure ± its jackknife error over pictures, times Student's t; with several seeds the error holds their "
    "variance too; simultaneous intervals (max-T, paired resamples) hold for all differences of one metric at once; "
    "verdicts go by them"
)
"""What a protocol says about intervals."""
_NOTHING = 1e-12
_NORMAL_FROM = 10000.0


def resample_counts(
    pictures: int, resamples: int = RESAMPLES, seed: int = 0, scenes: Sequence[Hashable] | None = None
) -> Ints:
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


def weightings(draws: Ints) -> Ints:
    """How often each picture counts: once, then as drawn, then with each picture (or scene) left out in turn.

    Args:
        draws: ``(R, n)``, resamples of the pictures; those of one scene are always drawn together.

    Returns:
        ``(1 + R + U, n)`` for U pictures or scenes.
    """
    _, unit = np.unique(draws, axis=1, return_inverse=True)
    without = np.arange(unit.max() + 1)[:, None] != unit.ravel()
    return np.vstack([np.ones_like(draws[:1]), draws, without.astype(np.int64)])


@dataclass(frozen=True)
class Estimate:
    """A figure, and what it became in each resample and without each picture."""

    value: float | None
    """None where the figure is not defined, as the AP of a class without objects."""
    samples: Floats
    """``(R,)``; NaN in a resample in which the figure is not defined. They hold the noise of training too."""
    without: Floats
    """``(U,)``: the figure without each of the pictures or scenes."""
    seeds: tuple[float, ...] = ()
    """The figure of each trained network alone, one a seed; NaN where it is not defined. `value` is their mean."""
    bounds: tuple[float, float] = (-np.inf, np.inf)
    """Between which values the figure can lie; its interval is cut there."""
    worth: float = 0.0
    """What a single picture is worth: how far the figure moves at most when one is left out. 0 where differences of
    the figure come from all pictures alike, as those of a mean."""
    least_error: float = 0.0
    """The error is taken to be no less."""

    @classmethod
    def of(cls, values: Floats, resamples: int, bounds: tuple[float, float] = (-np.inf, np.inf)) -> "Estimate":
        """From a figure for all `weightings` of so many resamples, ``(1 + R + U,)``."""
        value = None if np.isnan(values[0]) else float(values[0])
        return cls(value, values[1 : 1 + resamples], values[1 + resamples :], bounds=bounds)

    def __sub__(self, other: "Estimate") -> "Estimate":
        """The paired difference; its error is no less than half of what a single picture is worth to the two figures.

        Two inputs that are nearly alike differ on few pictures. Where none of these is in the set, nothing in the set
        tells of them, and without the least error the difference would look far surer than it is.
        """
        value = None if self.value is None or other.value is None else self.value - other.value
        seeds = tuple(a - b for a, b in zip(self.seeds, other.seeds, strict=True))
        least = (self.worth + other.worth) / 4
        return Estimate(value, self.samples - other.samples, self.without - other.without, seeds, least_error=least)

    @property
    def error(self) -> float | None:
        """The standard error; None where the figure is not defined without some picture: too little to tell from."""
        units = len(self.without)
        if self.value is None or units < 2 or np.isnan(self.without).any():
            return None
        error = float(np.sqrt(self._of_pictures + seed_variance(self.seeds)))
        return max(error if error > _NOTHING else 0.0, self.least_error)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the error, of pictures and seeds together.

        Source: Satterthwaite, 1946, doi:10.2307/3002019.
        """
        of_pictures, of_seeds = self._of_pictures, seed_variance(self.seeds)
        terms = of_pictures**2 / (len(self.without) - 1)
        terms += of_seeds**2 / (len(self.seeds) - 1) if of_seeds else 0.0
        return max((of_pictures + of_seeds) ** 2 / terms, 1.0) if terms > _NOTHING**4 else len(self.without) - 1.0

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

    @property
    def _of_pictures(self) -> float:
        """The jackknife's variance."""
        units = len(self.without)
        return float((units - 1) * np.var(self.without))


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
