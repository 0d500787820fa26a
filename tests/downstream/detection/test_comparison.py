import contextlib
import csv
import io
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from drawn_detector import CONFIG, INPUTS, NAMES, DrawnDetector, compare
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from downstream.comparison import differences
from downstream.comparison.inputs import Comparison, Input
from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet
from downstream.detection.config import DetectionConfig
from downstream.detection.scores import DetectionScores
from downstream.detection.table import detail_rows, notes, table_rows
from dwsfusion import InputError
from dwsfusion.pairs import Skipped


def test_what_detection_json_says(comparison, detectors, tmp_path):
    compare(comparison, detectors, tmp_path / "out")
    result = json.loads((tmp_path / "out/detection.json").read_text())
    assert result["images"] == 5
    assert result["classes"] == ["person", "bicycle", "car"]
    ours = result["inputs"]["ours"]
    assert ours["map"] == ours["map50"] == 1
    assert ours["interval"] == {"map": [1, 1], "map50": [1, 1]}
    assert ours["per_class"]["person"]["objects"] == 4
    assert ours["per_class"]["bicycle"]["ap"] is None  # no bicycle anywhere: absent, not 0
    assert (ours["day"]["images"], ours["night"]["images"]) == (2, 3)
    infrared = result["inputs"]["infrared"]
    assert infrared["map50"] == 0.5
    assert infrared["per_class"]["car"]["ap50"] == 0
    assert result["protocol"]["name"] == "frozen"
    assert result["protocol"]["skipped"] == []


def test_who_sees_what(comparison, detectors, tmp_path):
    detectors["max"] = [DrawnDetector(comparison.root / "labels", blind_to=2)]
    compare(comparison, detectors, tmp_path)
    inputs = json.loads((tmp_path / "detection.json").read_text())["inputs"]
    seen = {name: entry["complementarity"] for name, entry in inputs.items()}
    assert set(seen["ours"]) == {"both", "infrared_only", "visible_only"}
    assert inputs["ours"]["confidence"] == 0.5  # the labels' least certain score: all are right
    assert [seen["ours"][g]["objects"] for g in ("both", "infrared_only", "visible_only")] == [0, 4, 4]
    assert seen["ours"]["both"]["recall"] is None
    assert seen["infrared"]["infrared_only"]["recall"] == 1
    assert seen["infrared"]["visible_only"]["recall"] == 0
    assert inputs["ours"]["lost"] == inputs["ours"]["won"] == 0
    assert "lost" not in inputs["infrared"]
    changes = json.loads((tmp_path / "complementarity.json").read_text())["changes"]
    assert changes["ours"] == {"kept": {f"{n}.png": [2 * k + 1, 2 * k + 2] for k, n in enumerate(NAMES[:-1])},
                               "lost": {}, "won": {}}  # fmt: skip
    assert (inputs["max"]["kept"], inputs["ours"]["kept"]) == (4, 8)
    assert list(changes["max"]["lost"]) == [f"{name}.png" for name in NAMES[:-1]]
    assert (inputs["max"]["lost"], inputs["max"]["won"]) == (4, 0)


def test_figures_by_the_size_of_the_objects(comparison, detectors, tmp_path):
    """The persons are 20 x 32 pixels, the cars 30 x 16: all small, so there is nothing to say of larger ones."""
    result = compare(comparison, detectors, tmp_path)
    sizes = result["inputs"]["infrared"]["per_size"]
    assert (sizes["small"]["map50"], sizes["small"]["objects"]) == (0.5, 8)
    assert sizes["small"]["interval"]["map50"] == result["inputs"]["infrared"]["interval"]["map50"]
    assert sizes["medium"] == {"map": None, "map50": None, "interval": {"map": None, "map50": None}, "objects": 0}
    assert (detail_rows(result)[0]["small"], detail_rows(result)[0]["large"]) == ("50.0", "–")


def test_the_pictures_that_gain_and_lose_the_most(comparison, detectors, tmp_path):
    (comparison.root / "labels/00002D.txt").write_text("0 0.3 0.5 0.2 0.4")  # nothing to win for infrared there
    detectors["max"] = [DrawnDetector(comparison.root / "labels", shift=30.0)]
    result = compare(comparison, detectors, tmp_path)
    largest = result["largest_changes"]
    assert largest["against"] == "infrared"
    gains = [{"image": n, "change": 1, "kept": 1, "lost": 0, "won": 1} for n in ("00001D", "00003N", "00004N")]
    assert largest["inputs"]["ours"] == {"gains": gains, "losses": []}
    losses = [{"image": n, "change": -1, "kept": 0, "lost": 1, "won": 0} for n in NAMES[:-1]]
    assert largest["inputs"]["max"] == {"gains": [], "losses": losses}
    with (tmp_path / "pictures.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["input"] == "ours"]
    assert [(row["image"], row["won"]) for row in rows] == list(zip(NAMES, "10110", strict=True))


def test_any_pair_asked_for_is_compared(comparison, detectors, tmp_path):
    config = replace(CONFIG, against=("ours:infrared", "infrared:ours"))
    result = compare(comparison, detectors, tmp_path, config)
    found = {(r["input"], r["against"], r["metric"]): r["difference"] for r in result["differences"]}
    assert found["infrared", "ours", "map50"] == -0.5
    assert found["infrared", "ours", "ap50_car"] == -1
    assert ("infrared", "ours", "ap_bicycle") not in found  # no bicycle anywhere
    assert len(found) == len(result["differences"])  # none twice
    assert any(line.startswith("mAP50: infrared against ours -50.0 [") for line in notes(result))
    with pytest.raises(InputError, match=r"--against A:B with two of the inputs infrared.*found 'ours:nobody'"):
        compare(comparison, detectors, tmp_path, replace(CONFIG, against=("ours:nobody",)))


def summary(result):
    """The paragraph that the numbers write."""
    return next(line for line in notes(result) if line.startswith("mAP50 on"))


def test_differences_carry_a_verdict_where_there_are_pictures_enough(comparison, detectors, tmp_path, monkeypatch):
    few = compare(comparison, detectors, tmp_path)
    assert {row["verdict"] for row in few["differences"]} == {"too few pictures"}
    assert "there are too few pictures for a verdict" in summary(few)
    monkeypatch.setattr(differences, "MIN_PICTURES", 4)
    result = compare(comparison, detectors, tmp_path)
    found = {(r["input"], r["against"]): r for r in result["differences"] if r["metric"] == "map50"}
    assert {against for _, against in found} == {"infrared", "visible", "max", "best camera"}
    assert found["ours", "visible"]["difference"] == 0.5
    assert found["ours", "best camera"]["verdict"] == "better"
    assert found["ours", "max"]["verdict"] == "no evidence"
    assert {"vs visible": "better", "vs max": "·"}.items() <= table_rows(result)[-1].items()
    assert "Against max: no evidence: ours." in summary(result)
    assert "better than either camera: max, ours" in summary(result)
    assert result["ranks"]["map50"]["infrared"]["first"] == 0
    assert set(result["power"]) == set(result["ranks"]) == {"map", "map50"}


def test_a_class_in_few_pictures_gets_no_verdict(comparison, detectors, tmp_path, monkeypatch):
    (comparison.root / "labels/00001D.txt").write_text("2 0.7 0.5 0.3 0.2\n")  # the persons of three pictures are left
    monkeypatch.setattr(differences, "MIN_PICTURES", 4)
    rows = compare(comparison, detectors, tmp_path)["differences"]
    verdicts = {m: {r["verdict"] for r in rows if r["metric"] == m} for m in ("ap50_person", "ap50_car", "map50")}
    assert verdicts["ap50_person"] == {"too few pictures"}
    assert "too few pictures" not in verdicts["ap50_car"] | verdicts["map50"]


def test_trained_from_one_seed_there_is_no_verdict(comparison, detectors, tmp_path, monkeypatch):
    monkeypatch.setattr(differences, "MIN_PICTURES", 4)
    result = compare(comparison, detectors, tmp_path, training={"seeds": 1})
    assert {row["verdict"] for row in result["differences"]} == {"one seed"}
    assert "Train from three seeds or more" in summary(result)
    twice = {name: own * 2 for name, own in detectors.items()}
    assert "better" in {
        r["verdict"] for r in compare(comparison, twice, tmp_path, training={"seeds": 2})["differences"]
    }


def test_scenes_are_drawn_where_they_are_known(comparison, detectors, tmp_path):
    alone = compare(comparison, detectors, tmp_path)
    assert alone["protocol"]["bootstrap"]["drawn"] == "pictures taken as independent"
    (tmp_path / "scenes.csv").write_text("picture,scene\n" + "".join(f"{n},{n[-1]}\n" for n in NAMES))
    result = compare(comparison, detectors, tmp_path, replace(CONFIG, groups=tmp_path / "scenes.csv"))
    assert result["protocol"]["bootstrap"]["scenes"] == 2  # day and night
    assert result["scenes"] == {n: n[-1] for n in NAMES}
    assert result["inputs"]["infrared"]["map50"] == alone["inputs"]["infrared"]["map50"]


def test_the_saved_files_give_the_same_figures_to_pycocotools(comparison, detectors, tmp_path):
    result = compare(comparison, detectors, tmp_path)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(tmp_path / "ground_truth.json"))
        found = truth.loadRes(str(tmp_path / "predictions/max.json"))
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    entry = result["inputs"]["max"]
    assert 0 < entry["map"] < 1
    assert (entry["map"], entry["map50"]) == pytest.approx(evaluation.stats[:2], abs=1e-12)


def test_csv_and_table_hold_every_input(comparison, detectors, tmp_path):
    result = compare(comparison, detectors, tmp_path)
    with (tmp_path / "detection.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["input"] for row in rows] == list(INPUTS)
    assert float(rows[2]["map"]) == result["inputs"]["max"]["map"]
    assert rows[0]["bicycle_ap"] == ""
    assert table_rows(result)[3]["mAP50"] == "100.0 [100.0, 100.0]"


def test_what_is_done_is_not_done_twice(comparison, detectors, tmp_path, save):
    first = compare(comparison, detectors, tmp_path)
    assert compare(comparison, detectors, tmp_path) == first
    assert {name: d.calls for name, (d,) in detectors.items()} == dict.fromkeys(INPUTS, 5)
    save(comparison.input("visible").files["00002D"], np.zeros((80, 100), np.uint8))  # a changed picture
    detectors["ours"][0].shift = 1.0  # another setting
    (tmp_path / "predictions/max.json").write_text("[]")  # somebody's hand in the files
    compare(comparison, detectors, tmp_path)
    assert {name: d.calls for name, (d,) in detectors.items()} == {
        "infrared": 5, "visible": 6, "max": 5, "ours": 10,  # each picture is kept by itself
    }  # fmt: skip
    assert len(json.loads((tmp_path / "predictions/max.json").read_text())) == 8


def test_figures_of_several_detectors_are_means(comparison, detectors, tmp_path):
    labels = comparison.root / "labels"
    detectors = {name: own * 2 for name, own in detectors.items()}
    detectors["ours"] = [DrawnDetector(labels), DrawnDetector(labels, blind_to=2)]
    result = compare(comparison, detectors, tmp_path)
    entry = result["inputs"]["ours"]
    assert entry["seeds"]["map50"] == [1, 0.5]
    assert entry["map50"] == 0.75
    assert entry["spread"]["map50"] == 0.5
    row = next(r for r in result["differences"] if (r["input"], r["metric"]) == ("ours", "map50"))
    assert row["seeds"] == [0.5, 0.0]
    assert row["interval"][0] < 0  # the second seed is as good as one camera
    assert (tmp_path / "predictions/seed1/ours.json").is_file()


def test_an_input_named_like_a_seed_of_another_keeps_its_predictions(comparison, detectors, tmp_path):
    renamed = tuple(replace(i, name="max-2" if i.name == "ours" else i.name) for i in comparison.inputs)
    detectors = {name: own * 2 for name, own in detectors.items()}
    detectors["max-2"] = detectors.pop("ours")
    result = compare(replace(comparison, inputs=renamed), detectors, tmp_path)
    assert [d.calls for d in (detectors["max"][0], detectors["max-2"][0])] == [10, 10]
    assert result["inputs"]["max-2"]["map"] == 1 > result["inputs"]["max"]["map"]
    files = {str(p.relative_to(tmp_path / "predictions")) for p in (tmp_path / "predictions").rglob("[!.]*.json")}
    assert files == {f"{folder}{name}.json" for folder in ("", "seed1/") for name in result["inputs"]}


def test_a_class_that_the_detector_does_not_know_is_no_miss(comparison, detectors, tmp_path):
    labels = comparison.root / "labels"
    detectors = {name: [DrawnDetector(labels, blind_to=2, detectable=("person",))] for name in INPUTS}
    entry = compare(comparison, detectors, tmp_path)["inputs"]["ours"]
    assert [entry["complementarity"][g]["objects"] for g in ("infrared_only", "visible_only")] == [4, 0]
    assert entry["complementarity"]["infrared_only"]["recall"] == 1


def test_labels_of_one_camera_are_checked_before_anything_is_predicted(comparison, detectors, tmp_path):
    (comparison.root / "labels_visible/00002D.txt").write_text("7 0.5 0.5 0.1 0.1")
    with pytest.raises(InputError, match=r"labels_visible/00002D\.txt, line 1"):
        compare(comparison, detectors, tmp_path)
    assert [d.calls for (d,) in detectors.values()] == [0, 0, 0, 0]


def test_who_sees_what_tells_of_how_many_pictures(comparison, detectors, tmp_path, caplog):
    (comparison.root / "labels_visible/00002D.txt").unlink()
    compare(comparison, detectors, tmp_path)
    assert json.loads((tmp_path / "complementarity.json").read_text())["images"] == 4
    assert any("without 00002D" in message for message in caplog.messages)


def test_without_labels_of_one_modality_who_sees_what_is_left_out(comparison, detectors, tmp_path):
    (comparison.root / "labels_visible").rename(comparison.root / "away")
    result = compare(comparison, detectors, tmp_path)
    assert "complementarity" not in result["inputs"]["ours"]
    assert "infrared only" not in detail_rows(result)[0]
    assert not (tmp_path / "complementarity.json").exists()


def test_a_picture_without_a_label_file_is_counted_but_no_failure(comparison, detectors, tmp_path):
    (comparison.root / "labels/00002D.txt").unlink()
    result = compare(comparison, detectors, tmp_path)
    assert result["images"] == 4
    assert (result["protocol"]["without_label"], result["protocol"]["skipped"]) == (1, [])
    assert ", 1 without a label," in notes(result)[0]


def test_a_train_picture_that_could_not_be_used_is_named(comparison, detectors, tmp_path):
    bad = Skipped("00009D", "train picture: cannot be read")
    result = compare(comparison, detectors, tmp_path, skipped=(bad,))
    assert result["protocol"]["skipped"] == [asdict(bad)]


def test_names_that_do_not_tell_day_from_night(comparison, detectors, tmp_path):
    renamed = tuple(Input(i.name, {n: i.files[n] for n in NAMES[:2]}) for i in comparison.inputs)
    entry = compare(Comparison(DataSet(msrs(), comparison.root), renamed), detectors, tmp_path)["inputs"]["ours"]
    assert entry["night"] is None
    assert entry["day"]["images"] == 2


def test_no_labels_is_an_input_error(comparison, detectors, tmp_path):
    with pytest.raises(InputError, match="elsewhere"):
        compare(comparison, detectors, tmp_path, DetectionConfig(labels="elsewhere"))


def test_the_confidence_is_chosen_on_the_other_half_of_the_pictures():
    """Even pictures have sure detections, odd ones unsure: what suits one half loses the objects of the other."""
    box = [10.0, 10.0, 20.0, 20.0]
    images = [{"id": k + 1, "file_name": f"{k}.png", "width": 50, "height": 50} for k in range(4)]
    annotations = [
        {"id": k + 1, "image_id": k + 1, "category_id": 0, "bbox": box, "area": 400.0, "iscrowd": 0} for k in range(4)
    ]
    truth = {"images": images, "annotations": annotations, "categories": [{"id": 0, "name": "person"}]}
    sure = (0.9, 0.3, 0.9, 0.3)
    results = [{"image_id": k + 1, "category_id": 0, "bbox": box, "score": s} for k, s in enumerate(sure)]
    scores = DetectionScores(truth, results, ["person"])
    assert scores.confidence == 0.3
    assert scores.other_half == (0.3, 0.9)
    assert scores.hit == {1, 3}
    none = DetectionScores(truth, [], ["person"])
    assert (none.other_half, none.hit) == ((None, None), set())
