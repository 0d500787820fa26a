from pathlib import Path

import numpy as np
import pytest

from downstream.datasets.cards import msrs
from downstream.segmentation.classes import cityscapes_mapping, hide_classes, output_ids
from dwsfusion.errors import InputError

MASKS = msrs().masks


def msrs_ids(mapping: Path | None = None) -> np.ndarray:
    return output_ids(19, MASKS, cityscapes_mapping(MASKS, mapping))


def test_cityscapes_ids_become_msrs_ids_in_the_order_of_the_training_ids() -> None:
    # 11 person, 12 rider, 13 car, 17 motorcycle, 18 bicycle of Cityscapes' training ids; 0 road … 16 train.
    assert msrs_ids().tolist() == [0] * 11 + [2, 2, 1, 0, 0, 0, 3, 3]
    assert list(cityscapes_mapping(MASKS))[13] == "car"


def test_a_file_may_say_otherwise_for_some_classes(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"truck": "car", "fence": "guardrail"}')
    mapping = cityscapes_mapping(MASKS, tmp_path / "mine.json")
    changed = {k: (v, mapping[k]) for k, v in cityscapes_mapping(MASKS).items() if mapping[k] != v}
    assert changed == {"truck": ("background", "car"), "fence": ("background", "guardrail")}
    assert msrs_ids(tmp_path / "mine.json").tolist() == [0] * 4 + [6] + [0] * 6 + [2, 2, 1, 1, 0, 0, 3, 3]
    (tmp_path / "other.json").write_text('{"lorry": "car"}')
    with pytest.raises(InputError, match="unknown class lorry"):
        cityscapes_mapping(MASKS, tmp_path / "other.json")


def test_the_data_sets_own_ids_stay() -> None:
    assert output_ids(9, MASKS, {}).tolist() == list(range(9))


def test_truth_that_a_network_cannot_name_is_ignored() -> None:
    truth = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [8, 255, 9, 1]], np.uint8)
    assert hide_classes(truth, msrs_ids()).tolist() == [[0, 1, 2, 3], [255] * 4, [255, 255, 255, 1]]
