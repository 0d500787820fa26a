from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from downstream.segmentation.classes import (
    MSRS_CLASSES,
    PALETTE,
    check_label,
    cityscapes_to_msrs,
    hide_classes,
    msrs_ids,
    read_label,
)
from dwsfusion.errors import ImageError, InputError


def test_every_class_has_its_own_colour() -> None:
    assert len(set(PALETTE)) == len(MSRS_CLASSES) == 9


def test_cityscapes_ids_become_msrs_ids_in_the_order_of_the_training_ids() -> None:
    # 11 person, 12 rider, 13 car, 17 motorcycle, 18 bicycle of Cityscapes' training ids; 0 road … 16 train.
    expected = [0] * 11 + [2, 2, 1, 0, 0, 0, 3, 3]
    assert msrs_ids(19).tolist() == expected
    assert list(cityscapes_to_msrs())[13] == "car"


def test_a_file_may_say_otherwise_for_some_classes(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"truck": "car", "fence": "guardrail"}')
    mapping = cityscapes_to_msrs(tmp_path / "mine.json")
    changed = {k: (v, mapping[k]) for k, v in cityscapes_to_msrs().items() if mapping[k] != v}
    assert changed == {"truck": ("background", "car"), "fence": ("background", "guardrail")}
    assert msrs_ids(19, mapping).tolist() == [0] * 4 + [6] + [0] * 6 + [2, 2, 1, 1, 0, 0, 3, 3]
    (tmp_path / "other.json").write_text('{"lorry": "car"}')
    with pytest.raises(InputError, match="unknown class lorry"):
        cityscapes_to_msrs(tmp_path / "other.json")


def test_msrs_ids_stay() -> None:
    assert msrs_ids(9).tolist() == list(range(9))


def test_truth_that_a_network_cannot_name_is_ignored() -> None:
    truth = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [8, 255, 9, 1]], np.uint8)
    assert hide_classes(truth, msrs_ids(19)).tolist() == [[0, 1, 2, 3], [255] * 4, [255, 255, 255, 1]]


def test_a_palette_label_gives_its_ids_and_not_its_colours(tmp_path: Path) -> None:
    ids = np.array([[0, 1], [8, 255]], np.uint8)
    image = Image.fromarray(ids, mode="P")
    image.putpalette([channel for colour in (*PALETTE, *[(9, 9, 9)] * 247) for channel in colour])
    image.save(tmp_path / "label.png")
    assert read_label(tmp_path / "label.png").tolist() == ids.tolist()


def test_a_coloured_label_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "label.png")
    with pytest.raises(ImageError, match="expected class ids in one 8-bit channel, found mode RGB"):
        read_label(tmp_path / "label.png")


def test_a_broken_label_is_refused(tmp_path: Path) -> None:
    (tmp_path / "label.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match="not a readable label"):
        read_label(tmp_path / "label.png")


def test_a_label_of_another_size_is_refused() -> None:
    with pytest.raises(ImageError, match="expected a label of its picture's 6x4 pixels, found 5x4"):
        check_label(np.zeros((4, 5), np.uint8), (4, 6), Path("label.png"))
