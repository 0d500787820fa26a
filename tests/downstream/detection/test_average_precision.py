import contextlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from downstream.comparison.uncertainty import resample_counts
from downstream.detection.average_precision import (
    SIZES,
    average_precision,
    best_confidence,
    found_objects,
    match,
    match_sizes,
    precision_figures,
    size_figures,
)
from downstream.detection.coco_evaluation import QuickEvaluation

CATEGORIES = [{"id": i, "name": name} for i, name in enumerate(("person", "bicycle", "car"))]


def random_case(seed, pictures=12, classes=(0, 1, 2), ties=False, decimals=6):
    """Objects, and detections that are sometimes near them; some pictures stay empty."""
    random = np.random.default_rng(seed)
    images = [{"id": i, "file_name": f"{i}.png", "width": 100, "height": 80} for i in range(1, pictures + 1)]
    annotations, results = [], []
    for image in images[1:]:
        for _ in range(random.integers(0, 5)):
            x, y, w, h = random.uniform(5, 60), random.uniform(5, 50), *random.uniform(8, 30, 2)
            category = int(random.choice(classes))
            annotations.append({"id": len(annotations) + 1, "image_id": image["id"], "category_id": category,
                                "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0})  # fmt: skip
            for _ in range(random.integers(0, 3)):
                shift = random.normal(0, 2.5, 4)
                results.append((image["id"], category, [x + shift[0], y + shift[1], w + shift[2], h + shift[3]]))
        for _ in range(random.integers(0, 4)):
            box = [*random.uniform(0, 60, 2), *random.uniform(5, 30, 2)]
            results.append((image["id"], int(random.integers(3)), box))
    scores = random.choice([0.2, 0.5, 0.8], len(results)) if ties else random.permutation(len(results)) / 999
    found = [
        {"image_id": i, "category_id": c, "bbox": [float(v) for v in b], "score": round(float(s), decimals)}
        for (i, c, b), s in zip(results, scores, strict=True)
    ]
    return {"images": images, "annotations": annotations, "categories": CATEGORIES}, found


def evaluated(truth, results):
    """The reference: pycocotools as documented."""
    with contextlib.redirect_stdout(io.StringIO()):
        gold = COCO()
        gold.dataset = truth
        gold.createIndex()
        evaluation = COCOeval(gold, gold.loadRes([dict(r) for r in results]), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def cocoeval(truth, results):
    """AP by class and IoU (NaN where absent), map, map50."""
    evaluation = evaluated(truth, results)
    precision = evaluation.eval["precision"][:, :, :, 0, 2].mean(axis=1).T  # (K, T), -1 where absent
    return np.where(precision < 0, np.nan, precision), evaluation.stats[0], evaluation.stats[1]


def duplicated(truth, results, counts):
    """The data set that a resample means: every picture as often as drawn, under new ids."""
    images, annotations, found = [], [], []
    for image, count in zip(truth["images"], counts, strict=True):
        for _ in range(count):
            new = len(images) + 1
            images.append({**image, "id": new})
            for a in truth["annotations"]:
                if a["image_id"] == image["id"]:
                    annotations.append({**a, "id": len(annotations) + 1, "image_id": new})
            found += [{**r, "image_id": new} for r in results if r["image_id"] == image["id"]]
    return {"images": images, "annotations": annotations, "categories": CATEGORIES}, found


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_weights_of_one_give_cocoeval(seed, ties):
    truth, results = random_case(seed, ties=ties)
    expected, expected_map, expected_map50 = cocoeval(truth, results)
    matches = match(truth, results)
    ones = np.ones((1, 12), dtype=int)
    found = np.array([average_precision(m, ones)[0] for m in matches])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    means = precision_figures(matches, ones)
    assert means["map"][0] == pytest.approx(expected_map, abs=1e-12)
    assert means["map50"][0] == pytest.approx(expected_map50, abs=1e-12)


def test_more_detections_than_cocoeval_counts():
    truth, results = random_case(1, pictures=3)
    random = np.random.default_rng(0)
    results += [
        {"image_id": 2, "category_id": 0, "bbox": [*random.uniform(0, 50, 2), 20.0, 20.0], "score": float(s)}
        for s in random.uniform(0, 1, 250)
    ]
    expected, *_ = cocoeval(truth, results)
    found = [average_precision(m, np.ones((1, 3), int))[0] for m in match(truth, results)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_resamples_equal_cocoeval_on_duplicated_pictures():
    truth, results = random_case(3)
    matches = match(truth, results)
    counts = resample_counts(12, 8, seed=5)
    found = np.stack([average_precision(m, counts) for m in matches], axis=1)
    for row, weights in zip(found, counts, strict=True):
        expected, *_ = cocoeval(*duplicated(truth, results, weights))
        np.testing.assert_allclose(row, expected, rtol=0, atol=1e-12)


def test_a_choice_of_pictures_equals_cocoeval_on_them_alone():
    truth, results = random_case(4)
    chosen = np.arange(12) % 3 > 0
    expected, expected_map, _ = cocoeval(*duplicated(truth, results, chosen.astype(int)))
    matches = match(truth, results)
    alone = precision_figures([m.of(chosen) for m in matches], np.ones((1, chosen.sum()), int))
    assert alone["map"][0] == pytest.approx(expected_map, abs=1e-12)
    assert [alone[f"ap_{c['name']}"][0] for c in CATEGORIES] == pytest.approx(list(expected.mean(axis=1)), abs=1e-12)
    weighted = precision_figures(matches, chosen[None].astype(int))  # the others with a weight of 0
    assert all(weighted[name] == pytest.approx(alone[name], abs=1e-12, nan_ok=True) for name in alone)


def test_a_class_without_objects_is_not_defined_and_not_in_the_mean():
    truth, results = random_case(2, classes=(0, 2))
    figures = precision_figures(match(truth, results), resample_counts(12, 20))
    assert np.isnan(figures["ap_bicycle"]).all()
    np.testing.assert_allclose(figures["map50"], (figures["ap50_person"] + figures["ap50_car"]) / 2)


def test_a_class_that_the_detector_does_not_know_is_not_defined():
    truth, results = random_case(2)
    figures = precision_figures(match(truth, results, detectable=("person",)), resample_counts(12, 5))
    assert np.isnan(figures["ap_car"]).all()
    np.testing.assert_array_equal(figures["map"], figures["ap_person"])


def test_no_detections_at_all_is_zero():
    truth, _ = random_case(0)
    figures = precision_figures(match(truth, []), np.ones((1, 12), int))
    assert [figures[name][0] for name in ("map", "ap50_person", "ap50_bicycle", "ap50_car")] == [0, 0, 0, 0]


@pytest.mark.parametrize("seed", range(3))
def test_sizes_equal_cocoeval(seed):
    """COCOeval's own figures for small, medium and large objects, on the set and on a resample of it."""
    truth, results = random_case(seed, pictures=20)
    scales = np.random.default_rng(seed).uniform(0.5, 10, 21)  # one a picture
    for entry in (*truth["annotations"], *results):
        entry["bbox"] = [value * scales[entry["image_id"]] for value in entry["bbox"]]
    for annotation in truth["annotations"]:
        annotation["area"] = annotation["bbox"][2] * annotation["bbox"][3]
    counts = resample_counts(20, 3, seed)
    found = match_sizes(truth, results)
    for k, weights in enumerate(counts):
        expected = evaluated(*duplicated(truth, results, weights)).stats[3:6]
        for size, reference in zip(SIZES, expected, strict=True):
            sample = size_figures(found[size], counts)["map"][k]
            assert (-1 if np.isnan(sample) else sample) == pytest.approx(reference, abs=1e-12)
    areas = [a["area"] for a in truth["annotations"]]
    assert sum(int(of_class[0].objects.sum()) for of_class in found["small"]) == sum(a < 32**2 for a in areas)
    assert min(sum(low < a < high for a in areas) for low, high in SIZES.values()) > 0


def test_hand_computed_average_precision():
    """Two objects; hit, miss, hit: precision 1 up to recall 1/2 (51 recalls), 2/3 above it (50 recalls)."""
    boxes = [[10, 10, 20, 20], [60, 10, 20, 20]]
    truth = {
        "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 80}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 0, "bbox": b, "area": 400, "iscrowd": 0}
            for i, b in enumerate(boxes, start=1)
        ],
        "categories": CATEGORIES,
    }
    found = [(boxes[0], 0.9), ([40, 50, 20, 20], 0.8), (boxes[1], 0.7)]
    results = [{"image_id": 1, "category_id": 0, "bbox": b, "score": s} for b, s in found]
    person = match(truth, results)[0]
    assert average_precision(person, np.ones((1, 1), int))[0] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert best_confidence([person]) == 0.7  # F1: 2/3, 1/2, 4/5
    cars = replace(person, objects=person.objects + 98, hits=~person.hits, scores=person.scores - 0.15)
    assert best_confidence([person, cars]) == pytest.approx(0.65)  # F1: 2/103, 2/104, 2/105, 4/106, 6/107, 6/108
    assert best_confidence([person, replace(cars, detectable=False)]) == 0.7  # nobody looked for them
    assert found_objects(truth, results) == {1, 2}
    assert found_objects(truth, results[1:]) == {2}


def test_crowds_count_neither_way_as_in_cocoeval():
    """A detection in a crowd counts neither as hit nor as miss, and whether it lies in one changes with the IoU."""
    truth, results = random_case(5)
    for annotation in truth["annotations"][::3]:
        annotation["iscrowd"] = 1
        annotation["bbox"] = [v * f for v, f in zip(annotation["bbox"], (0.9, 0.9, 1.6, 1.6), strict=True)]
    reference, overall, at_half = cocoeval(truth, results)
    matches = match(truth, results)
    ones = np.ones((1, len(truth["images"])), int)
    found = np.vstack([average_precision(m, ones) for m in matches])
    np.testing.assert_allclose(found, reference, atol=1e-12)
    figures = precision_figures(matches, ones)
    assert (figures["map"][0], figures["map50"][0]) == pytest.approx((overall, at_half))
    plain = {**truth, "annotations": [{**a, "iscrowd": 0} for a in truth["annotations"]]}
    assert precision_figures(match(plain, results), ones)["map50"][0] != pytest.approx(at_half)
    chosen = np.arange(len(truth["images"])) % 2 == 0
    alone = precision_figures([m.of(chosen) for m in matches], np.ones((1, chosen.sum()), int))
    weighted = precision_figures(matches, chosen[None].astype(int))
    assert alone["map"] == pytest.approx(weighted["map"])


@pytest.mark.parametrize("seed", range(3))
def test_a_second_evaluator_gives_the_same_figures(seed, tmp_path):
    """Written by others in another language; it need not be installed."""
    hotcoco = pytest.importorskip("hotcoco")
    truth, results = random_case(seed)
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "results.json").write_text(json.dumps(results))
    gold = hotcoco.COCO(str(tmp_path / "truth.json"))
    evaluation = hotcoco.COCOeval(gold, gold.loadRes(str(tmp_path / "results.json")), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    found = precision_figures(match(truth, results), np.ones((1, len(truth["images"])), int))
    assert found["map"][0] == pytest.approx(evaluation.stats[0], abs=1e-9)
    assert found["map50"][0] == pytest.approx(evaluation.stats[1], abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("crowd", [False, True])
def test_quick_evaluation_gives_the_rows_of_cocoeval(seed, crowd):
    truth, results = random_case(seed, ties=seed % 2 == 1, classes=(0, 1) if seed > 3 else (0, 1, 2))
    for annotation in truth["annotations"][:: 4 if crowd else 1000]:
        annotation["iscrowd"] = int(crowd)
    rows = []
    for kind in (COCOeval, QuickEvaluation):
        with contextlib.redirect_stdout(io.StringIO()):
            gold = COCO()
            gold.dataset = {**truth, "annotations": [dict(a) for a in truth["annotations"]]}
            gold.createIndex()
            evaluation = kind(gold, gold.loadRes([dict(r) for r in results]), "bbox")
            evaluation.params.maxDets = [3]  # so that some are left out
            evaluation.evaluate()
        rows.append(evaluation.evalImgs)
    assert len(rows[0]) == len(rows[1])
    for expected, found in zip(*rows, strict=True):
        assert (expected is None) == (found is None)
        for name, value in (expected or {}).items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert any(row and np.any(row["dtMatches"]) for row in rows[0])
