import numpy as np
import pytest
from numpy.typing import NDArray
from small_segmentation import CLASSES

from downstream.comparison.estimates import estimate
from downstream.comparison.uncertainty import resample_counts, seed_noise
from downstream.segmentation.confusion import (
    class_iou,
    confusion_matrix,
    miou,
    miou_foreground,
    pixel_accuracy,
)
from downstream.segmentation.scores import ConfusionScores
from dwsfusion.errors import InputError

Array = NDArray[np.generic]


def scores_of(matrices: np.ndarray) -> ConfusionScores:
    return ConfusionScores(matrices, CLASSES[: matrices.shape[-1]])


def naive_iou(truths: list[Array], guesses: list[Array], classes: int) -> list[float | None]:
    """IoU by sets of pixels, without a confusion matrix."""
    found: list[float | None] = []
    for label in range(classes):
        both = either = 0
        for truth, guess in zip(truths, guesses, strict=True):
            known = truth < classes
            both += int(((truth == label) & (guess == label) & known).sum())
            either += int((((truth == label) | (guess == label)) & known).sum())
        found.append(both / either if either else None)
    return found


def mean(values: list[float | None]) -> float:
    defined = [v for v in values if v is not None]
    return sum(defined) / len(defined)


@pytest.fixture
def pictures(random: np.random.Generator) -> tuple[list[Array], list[Array]]:
    """Truths with ignored ids and without class 7, and predictions without class 7."""
    ids = np.array([0, 1, 2, 3, 4, 5, 6, 8, 255, 9, 200], np.uint8)
    truths = [random.choice(ids, (12, 17)) for _ in range(6)]
    wrong = random.choice(ids[:8], (6, 12, 17))
    guesses = [np.where((random.random((12, 17)) < 0.6) & (t < 9), t, w) for t, w in zip(truths, wrong, strict=True)]
    return truths, guesses


def matrices_of(pictures: tuple[list[Array], list[Array]]) -> NDArray[np.int64]:
    return np.stack([confusion_matrix(t, g, 9) for t, g in zip(*pictures, strict=True)])


def test_by_hand() -> None:
    truth = np.array([[0, 0, 0, 1], [1, 1, 255, 2]], np.uint8)
    guess = np.array([[0, 0, 1, 1], [1, 0, 1, 0]], np.uint8)
    matrix = confusion_matrix(truth, guess, 4)
    assert matrix.tolist() == [[2, 1, 0, 0], [1, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    # Background 2 of 5, class 1 2 of 4, class 2 0 of 1; class 3 is in neither truth nor prediction.
    np.testing.assert_allclose(class_iou(matrix), [2 / 5, 1 / 2, 0, np.nan])
    assert miou(matrix) == pytest.approx((2 / 5 + 1 / 2 + 0) / 3)
    assert miou_foreground(matrix) == pytest.approx((1 / 2 + 0) / 2)
    assert pixel_accuracy(matrix) == pytest.approx(4 / 7)


def test_agrees_with_sets_of_pixels(pictures: tuple[list[Array], list[Array]]) -> None:
    expected = naive_iou(*pictures, classes=9)
    total = matrices_of(pictures).sum(0)
    found = class_iou(total)
    assert expected[7] is None
    assert np.isnan(found[7])
    assert [v for v in found if not np.isnan(v)] == pytest.approx([v for v in expected if v is not None])
    assert miou(total) == pytest.approx(mean(expected))
    assert miou_foreground(total) == pytest.approx(mean(expected[1:]))


def test_the_mean_of_the_pictures_is_another_figure() -> None:
    # A small car missed, and a large car found: 90 of 100 pixels, but half of the pictures.
    found, missed = np.zeros((2, 2, 2), np.int64)
    found[1, 1], missed[1, 0] = 90, 10
    assert class_iou(found + missed)[1] == pytest.approx(0.9)
    assert np.mean([class_iou(found)[1], class_iou(missed)[1]]) == pytest.approx(0.5)
    scores = scores_of(np.stack([found, missed]))
    assert scores.figures(np.ones((1, 2), np.int64))["iou_car"][0] == pytest.approx(0.9)


def test_a_class_only_predicted_counts_as_wrong() -> None:
    matrix = confusion_matrix(np.zeros((2, 2), np.uint8), np.array([[0, 0], [0, 1]], np.uint8), 3)
    assert miou(matrix) == pytest.approx((3 / 4 + 0) / 2)


def test_nothing_known_is_not_a_number_and_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    empty = confusion_matrix(np.full((3, 3), 255, np.uint8), np.zeros((3, 3), np.uint8), 9)
    assert np.isnan([miou(empty), miou_foreground(empty), pixel_accuracy(empty)]).all()
    assert estimate([scores_of(empty[None])], np.ones((5, 1), np.int64))["miou"].value is None
    assert not recwarn.list


def test_perfect_predictions_score_one(pictures: tuple[list[Array], list[Array]]) -> None:
    truth = pictures[0][0]
    matrix = confusion_matrix(truth, np.where(truth < 9, truth, 0), 9)
    assert miou(matrix) == miou_foreground(matrix) == pixel_accuracy(matrix) == 1


def test_wrong_sizes_and_ids_are_refused() -> None:
    with pytest.raises(InputError, match="of one size"):
        confusion_matrix(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 9)
    with pytest.raises(InputError, match="below 9, found 11"):
        confusion_matrix(np.zeros((2, 2), np.uint8), np.full((2, 2), 11, np.uint8), 9)


def test_leading_axes_are_kept(pictures: tuple[list[Array], list[Array]]) -> None:
    matrices = matrices_of(pictures)
    np.testing.assert_allclose(miou(matrices.reshape(2, 3, 9, 9)), np.reshape([miou(m) for m in matrices], (2, 3)))


def test_bootstrap_agrees_with_drawing_pictures(pictures: tuple[list[Array], list[Array]]) -> None:
    draws = resample_counts(6, resamples=20, seed=3)
    matrices = matrices_of(pictures)
    found = estimate([scores_of(matrices)], draws)
    for sample, draw in enumerate(draws):
        drawn = [index for index, times in enumerate(draw) for _ in range(times)]
        expected = naive_iou([pictures[0][i] for i in drawn], [pictures[1][i] for i in drawn], 9)
        assert found["miou"].samples[sample] == pytest.approx(mean(expected))
        assert found["miou_foreground"].samples[sample] == pytest.approx(mean(expected[1:]))
        assert found["iou_person"].samples[sample] == pytest.approx(expected[2])
    assert found["miou"].value == pytest.approx(mean(naive_iou(*pictures, classes=9)))
    assert found["iou_color_cone"].value is None


def test_a_choice_of_pictures_is_a_weighting(pictures: tuple[list[Array], list[Array]]) -> None:
    scores, chosen = scores_of(matrices_of(pictures)), np.array([1, 0, 1, 1, 0, 0], bool)
    alone, weighted = scores.of(chosen).figures(np.ones((1, 3), np.int64)), scores.figures(chosen[None].astype(int))
    assert all(alone[name] == pytest.approx(weighted[name], nan_ok=True) for name in alone)


def test_seeds_are_averaged_after_their_figures(pictures: tuple[list[Array], list[Array]]) -> None:
    first = matrices_of(pictures)
    second = matrices_of((pictures[0], [np.zeros_like(g) for g in pictures[1]]))
    draws = resample_counts(6, resamples=10)
    each = [estimate([scores_of(m)], draws)["miou"] for m in (first, second)]
    both = estimate([scores_of(first), scores_of(second)], draws)["miou"]
    assert both.value == pytest.approx(np.mean([e.value for e in each]))
    noise = seed_noise(both.seeds, 10)  # other seeds are drawn with the pictures
    np.testing.assert_allclose(both.samples - noise, np.mean([e.samples for e in each], axis=0))
    assert both.seeds == pytest.approx([e.value for e in each])
    assert both.value != pytest.approx(float(miou((first + second).sum(0))))
