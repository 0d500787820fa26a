"""Seeded populations made like real predictions, to see how often an interval holds the truth.

Pictures differ: in how hard they are, by day and by night, in how many objects of which class they hold. What the
inputs see of a picture goes together, as it does in the same scene. `near` is `max` but for a few objects, as a fusion
network is that learnt the maximum.
"""

import numpy as np

from downstream.comparison.estimates import estimate
from downstream.detection.average_precision import Matches
from downstream.detection.scores import ClassScores
from downstream.segmentation.scores import ConfusionScores

INPUTS = ("infrared", "visible", "mean", "max", "near")
CLASSES = ("person", "bicycle", "car")
_OBJECTS = (2.6, 0.4, 1.3)
_SEEN = {  # how well each class is seen by day and by night
    "infrared": ((1.2, -2.5, -1.5), (1.4, -2.5, -1.5)),
    "visible": ((0.4, -0.6, 0.9), (-1.8, -1.5, -0.4)),
    "mean": ((0.9, -0.4, 0.9), (0.3, -0.9, 0.3)),
    "max": ((0.9, -0.6, 0.8), (0.1, -1.1, 0.0)),
}
_PIXELS = (290_000, 9_000, 2_500, 1_500)
_SHOWN = (1.0, 0.6, 0.75, 0.4)
_RECALL = {
    "infrared": (3.5, -1.5, -1.0, -4.0),
    "visible": (4.0, 0.6, -0.2, 0.2),
    "mean": (3.5, -0.2, 0.8, 0.0),
    "max": (4.0, 1.0, 0.9, 0.6),
}


def draw_detections(random: np.random.Generator, pictures: int) -> dict[str, ClassScores]:
    """What detectors find in pictures drawn from the population, matched at IoU 0.5; ``map50`` is their figure."""
    night = random.random(pictures) < 0.5
    hard = random.normal(0, 0.8, pictures)
    matches: dict[str, list[Matches]] = {name: [] for name in INPUTS}
    for k, mean in enumerate(_OBJECTS):
        objects = random.poisson(random.gamma(0.8, mean / 0.8, pictures))
        of_object = np.repeat(np.arange(pictures), objects)
        plain = random.normal(0, 1.2, len(of_object))  # an object that all inputs show well or badly
        false = random.poisson(np.exp(random.normal(0.8, 0.7, pictures)))
        of_false = np.repeat(np.arange(pictures), false)
        for name, levels in _SEEN.items():
            seen = np.where(night, levels[1][k], levels[0][k]) - hard
            clear = seen[of_object] + plain + random.logistic(0, 0.7, len(of_object))
            noise = random.normal(-2.5, 1.3, len(of_false)) + 0.4 * hard[of_false]
            matches[name].append(_matches(objects, of_object, clear, of_false, noise))
            if name == "max":
                other = random.random(len(clear)) < 0.03
                clear = np.where(other, clear + random.normal(0, 2.5, len(clear)), clear)
                matches["near"].append(_matches(objects, of_object, clear, of_false, noise))
    return {name: ClassScores(own) for name, own in matches.items()}


def draw_confusions(random: np.random.Generator, pictures: int) -> dict[str, ConfusionScores]:
    """Confusion matrices of pictures drawn from the population, four classes; ``miou`` is their figure."""
    night, hard = random.random(pictures) < 0.5, random.normal(0, 0.6, pictures)
    shown = random.random((pictures, 4)) < _SHOWN
    pixels = (shown * _PIXELS * np.exp(random.normal(0, (0.03, 1.0, 0.9, 1.0), (pictures, 4)))).astype(int)
    of_class = random.normal(0, 0.7, (pictures, 4))
    found = {}
    for name, levels in _RECALL.items():
        clear = np.array(levels) - hard[:, None] + of_class + random.normal(0, 0.4, (pictures, 4))
        clear[:, 1:] -= (name == "visible") * 1.8 * night[:, None]
        found[name] = ConfusionScores(_confusion(pixels, 1 / (1 + np.exp(-clear))), ("none", *CLASSES))
        if name == "max":
            near = clear + random.normal(0, 0.08, clear.shape)
            found["near"] = ConfusionScores(_confusion(pixels, 1 / (1 + np.exp(-near))), ("none", *CLASSES))
    return found


def truth_of(draw, figure, pictures=40_000):
    """The figure of each input over so many pictures that it is the population's."""
    found = draw(np.random.default_rng(12345), pictures)
    if isinstance(next(iter(found.values())), ConfusionScores):
        return {name: float(own.figures(np.ones((1, pictures), np.int64))[figure][0]) for name, own in found.items()}
    return {name: float(np.mean([_plain_ap(m) for m in own.matches])) for name, own in found.items()}


def swapped(random: np.random.Generator, scores: dict[str, ClassScores]) -> dict[str, ClassScores]:
    """The same with the inputs' predictions dealt out anew picture by picture: no input is better than another."""
    names, pictures = list(scores), len(next(iter(scores.values())).matches[0].objects)
    dealt = random.permuted(np.tile(np.arange(len(names)), (pictures, 1)), axis=1)
    return {
        name: ClassScores(
            [
                _joined([own.matches[k] for own in scores.values()], [dealt[:, i] == j for j in range(len(names))])
                for k in range(len(CLASSES))
            ]
        )
        for i, name in enumerate(names)
    }


def estimates_of(scores, draws):
    """Input name to figures, as a comparison makes them."""
    return {name: estimate([own], draws) for name, own in scores.items()}


def _matches(objects, of_object, clear, of_false, noise) -> Matches:
    """An object is hit where it is clear enough; the detector is as sure of it as it is clear."""
    hit = clear > -2
    pictures = np.concatenate([of_object[hit], of_false])
    scores = 1 / (1 + np.exp(-np.concatenate([clear[hit], noise])))
    return _sorted(pictures, scores, np.arange(len(pictures)) < hit.sum(), objects)


def _sorted(pictures, scores, hits, objects) -> Matches:
    order = np.lexsort((pictures, -scores))
    return Matches(pictures[order], scores[order], hits[order][None], objects)


def _joined(own: list[Matches], chosen: list[np.ndarray]) -> Matches:
    """The detections of each in the pictures that are chosen of it."""
    among = [c[m.pictures] for m, c in zip(own, chosen, strict=True)]
    parts = [
        np.concatenate([values[a] for values, a in zip(kind, among, strict=True)])
        for kind in ([m.pictures for m in own], [m.scores for m in own], [m.hits[0] for m in own])
    ]
    return _sorted(*parts, own[0].objects)


def _confusion(pixels, recall):
    """Pixels that are not found count as background; of the background, few count as each other class."""
    matrices = np.zeros((len(pixels), 4, 4), np.int64)
    for k in range(1, 4):
        right = (pixels[:, k] * recall[:, k]).astype(int)
        matrices[:, k, k], matrices[:, k, 0] = right, pixels[:, k] - right
        matrices[:, 0, k] = (pixels[:, 0] * 0.012 / k * (1 - recall[:, 0]) * 10).astype(int)
    matrices[:, 0, 0] = pixels[:, 0] - matrices[:, 0, 1:].sum(1)
    return matrices


def _plain_ap(matches: Matches) -> float:
    """AP as the textbook has it: precision's envelope at 101 recalls."""
    true = np.cumsum(matches.hits[0])
    precision = true / np.arange(1, len(true) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(true / matches.objects.sum(), np.linspace(0, 1, 101))
    return float(np.where(at < len(true), envelope[np.minimum(at, len(true) - 1)], 0).mean())
