"""Detections are kept picture by picture: a stopped run goes on at the next one, and ends with the same bytes."""

import json

import pytest
from drawn_detector import NAMES, DrawnDetector

from downstream.comparison.cross_validation import Folded
from downstream.detection.predictions import predict_input
from dwsfusion.progress import silent


class StopsAt(DrawnDetector):
    """Is stopped before some picture."""

    stop = 10

    def predict(self, files):
        for path, found in zip(files, super().predict(files), strict=True):
            if NAMES.index(path.stem) == self.stop:
                raise KeyboardInterrupt
            yield found


@pytest.fixture
def predict(comparison):
    def with_stop(file, stop, folds=False):
        detectors = [StopsAt(comparison.root / "labels") for _ in range(2 if folds else 1)]
        for detector in detectors:
            detector.stop = stop
        fold_of = {name: i % 2 for i, name in enumerate(NAMES)} if folds else {}
        item = comparison.input("max")
        return lambda: predict_input(Folded(tuple(detectors), fold_of), item, file, silent), detectors

    return with_stop


@pytest.mark.parametrize("folds", [False, True])
@pytest.mark.parametrize("stop", range(len(NAMES)))
def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(predict, tmp_path, stop, folds):
    whole, _ = predict(tmp_path / "whole/max.json", 10, folds)
    expected = whole()
    stopped, _ = predict(tmp_path / "stopped/max.json", stop, folds)
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert not (tmp_path / "stopped/max.json").exists()
    again, detectors = predict(tmp_path / "stopped/max.json", 10, folds)
    assert again() == expected
    assert sum(detector.calls for detector in detectors) == len(NAMES) - stop
    files = sorted(p.name for p in (tmp_path / "whole").iterdir())
    assert files == [".max.jsonl", ".max.key", "max.json"]
    assert all((tmp_path / "stopped" / n).read_bytes() == (tmp_path / "whole" / n).read_bytes() for n in files)


@pytest.mark.parametrize("cut", [2, 10, 60, 200])
def test_half_a_line_is_done_again(predict, tmp_path, cut):
    whole, _ = predict(tmp_path / "max.json", 10)
    expected, before = whole(), (tmp_path / "max.json").read_bytes()
    (tmp_path / "max.json").unlink()
    journal = tmp_path / ".max.jsonl"
    journal.write_bytes(journal.read_bytes()[:-cut])
    again, (detector,) = predict(tmp_path / "max.json", 10)
    assert again() == expected
    assert 1 <= detector.calls < len(NAMES)
    assert (tmp_path / "max.json").read_bytes() == before


def test_the_file_is_that_of_a_plain_list_of_results(predict, tmp_path):
    whole, _ = predict(tmp_path / "max.json", 10)
    whole()
    results = json.loads((tmp_path / "max.json").read_text())
    assert [list(result) for result in results] == [["image_id", "category_id", "bbox", "score"]] * 8
    assert [r["image_id"] for r in results] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert (tmp_path / "max.json").read_text() == json.dumps(results)
