"""Raw counts: one range for whatever reads infrared, and a word where there is none."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from downstream.comparison.preparing import prepare_comparison
from dwsfusion import Fuser, InputError, find_pairs, look_at_infrared
from dwsfusion.images import read_image
from dwsfusion.training import Processes, TrainingConfig, fit, prepare

Save = Callable[[Path, np.ndarray], Path]
FUSER = Fuser.from_pretrained("max", "cpu")
RANGE = (7000.0, 9000.0)


@pytest.fixture
def raw(tmp_path: Path, random: np.random.Generator, save: Save) -> Path:
    """Three pairs whose infrared pictures hold raw counts, and the same with the levels that `RANGE` shows."""
    for name in "abc":
        levels = random.integers(0, 256, (200, 200), np.uint8)
        colours = random.integers(0, 256, (200, 200, 3), np.uint8)
        counts = np.round(7000 + levels / 255 * 2000).astype(np.uint16)
        for root, infrared in (("raw", counts), ("levels", levels)):
            save(tmp_path / root / "ir" / f"{name}.png", infrared)
            save(tmp_path / root / "vi" / f"{name}.png", colours)
    return tmp_path / "raw"


def test_every_input_shows_the_range(raw: Path, tmp_path: Path) -> None:
    shown, expected = (
        prepare_comparison(root, "test", [], fuser=FUSER, fused=tmp_path / "fused", ir_range=given)
        for root, given in ((raw, RANGE), (tmp_path / "levels", None))
    )
    for item in shown.inputs:
        for name, path in item.files.items():
            picture, wanted = read_image(path), read_image(expected.input(item.name).files[name])
            assert (picture.dtype, picture.shape) == (np.uint8, wanted.shape)
            assert np.abs(picture.astype(int) - wanted).max() <= 1, item.name
    kept = {path: path.stat().st_mtime_ns for path in shown.input("infrared").files.values()}
    prepare_comparison(raw, "test", [], fuser=FUSER, fused=tmp_path / "fused", ir_range=RANGE)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert {path.parent for path in kept} == {tmp_path / "fused/raw/infrared/test"}
    before = read_image(next(iter(kept))).copy()
    prepare_comparison(raw, "test", [], fuser=FUSER, fused=tmp_path / "fused", ir_range=(7000.0, 8000.0))
    assert (read_image(next(iter(kept))) != before).any()


def test_a_picture_of_somebodys_is_not_replaced_by_a_shown_one(raw: Path, tmp_path: Path, save: Save) -> None:
    own = save(tmp_path / "fused/raw/infrared/test/a.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="was not fused by this program"):
        prepare_comparison(raw, "test", [], fuser=FUSER, fused=tmp_path / "fused", ir_range=RANGE)
    assert read_image(own).shape == (4, 4)


def test_a_set_without_one_usable_pair_says_why(raw: Path, tmp_path: Path, save: Save) -> None:
    for name in "abc":
        save(raw / "vi" / f"{name}.png", np.zeros((99, 200, 3), np.uint8))
    with pytest.raises(InputError, match="not one pair is usable; the first: a: infrared is 200x200 pixels but"):
        prepare_comparison(raw, "test", [], fuser=FUSER, fused=tmp_path / "fused")


def test_training_sees_what_fusing_sees(raw: Path, tmp_path: Path) -> None:
    config = TrainingConfig(epochs=1, batch_size=2, patch=(176, 176), held=0.4)
    lines = {}
    for name, root, given in (("raw", raw, RANGE), ("levels", tmp_path / "levels", None)):
        asked, here = replace(config, ir_range=given), Processes(FUSER.device)
        list(fit(*prepare(find_pairs(root).pairs, asked, here), tmp_path / "out" / name, {}))
        lines[name] = [
            json.loads(line) for line in (tmp_path / "out" / name / "metrics.jsonl").read_text().splitlines()
        ]
    assert lines["raw"] == lines["levels"]
    with pytest.raises(InputError, match="another configuration"):
        list(fit(*prepare(find_pairs(raw).pairs, config, Processes(FUSER.device)), tmp_path / "out/raw", {}))


def test_raw_counts_are_told_before_anything_is_fused(
    raw: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = find_pairs(raw).pairs
    with caplog.at_level(logging.WARNING):
        look_at_infrared(pairs, None)
    (message,) = caplog.messages
    assert "counts from about 7000 to 9000 of 65535" in message
    assert "--ir-range LOW HIGH" in message
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        look_at_infrared(pairs, RANGE)
        look_at_infrared(find_pairs(tmp_path / "levels").pairs, None)
    assert caplog.messages == []


def test_two_depths_in_one_folder_are_told(
    raw: Path, tmp_path: Path, save: Save, caplog: pytest.LogCaptureFixture
) -> None:
    save(raw / "ir/b.png", np.zeros((200, 200), np.uint8))
    (raw / "ir/c.png").write_bytes(b"broken")
    with caplog.at_level(logging.WARNING):
        look_at_infrared(find_pairs(raw).pairs, RANGE)
    (message,) = (record.message for record in caplog.records if record.name == "dwsfusion.depths")
    assert "1 of 16 bit (a), 1 of 8 bit (b)" in message
