"""Rows from masks that other programs predicted."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from small_segmentation import CONFIG, CPU, IDS, INPUTS, Shade

from downstream.comparison.cross_validation import Folded, Networks
from downstream.comparison.run import compare as run_comparison
from downstream.segmentation.deeplab import Segmenter
from downstream.segmentation.task import SegmentationTask
from dwsfusion.errors import InputError


def compare(comparison, out, *rows):
    one = [Folded((Segmenter(Shade(), IDS, "shade", CPU),))]
    task = SegmentationTask(replace(CONFIG, protocol="frozen", masks=rows))
    return run_comparison(task, comparison, Networks(dict.fromkeys(INPUTS, one)), out, about={})


def test_our_own_masks_read_back_are_equal_to_the_last_digit(split, tmp_path):
    comparison = split("test")
    first = compare(comparison, tmp_path / "first")
    again = compare(comparison, tmp_path / "again", f"theirs={tmp_path / 'first/predictions/max'}")
    assert list(again["inputs"])[-1] == "theirs"
    assert again["inputs"]["theirs"] == again["inputs"]["max"] == first["inputs"]["max"]
    assert "theirs" in again["protocol"]["given"]
    names, scores = SegmentationTask.reopen(tmp_path / "again", ["theirs"])
    assert names == comparison.names
    assert scores["theirs"][0].figures(np.ones((1, 4), int))["miou"] == again["inputs"]["theirs"]["miou"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: (d / "00001D.png").unlink(), "found 00001D missing"),
        (lambda d: (d / "00001D.png").rename(d / "zebra.png"), "00001D missing, zebra unknown"),
        (lambda d: Image.fromarray(np.zeros((3, 3), np.uint8)).save(d / "00001D.png"), "found 3x3"),
        (lambda d: Image.fromarray(np.full((36, 45), 9, np.uint8)).save(d / "00001D.png"), "found 9 in 100.00 %"),
    ],
)
def test_what_does_not_fit_is_named(split, tmp_path, change, says):
    comparison = split("test")
    compare(comparison, tmp_path / "first")
    change(tmp_path / "first/predictions/max")
    with pytest.raises(InputError, match=says):
        compare(comparison, tmp_path / "again", f"theirs={tmp_path / 'first/predictions/max'}")
