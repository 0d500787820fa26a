from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dwsfusion.errors import ImageError, InputError
from dwsfusion.pairs import Skipped, find_pairs, images_by_stem, readable

Save = Callable[[Path, np.ndarray], Path]
GREY = np.zeros((20, 24), np.uint8)
COLOUR = np.zeros((20, 24, 3), np.uint8)


@pytest.mark.parametrize(
    "layout", ["test/ir test/vi", "detection/ir detection/vi", "Ir Vis", "infrared visible", "ir vis", "thermal RGB"]
)
def test_usual_layouts_are_found(layout: str, tmp_path: Path, save: Save) -> None:
    ir, vis = layout.split()
    save(tmp_path / ir / "a.png", GREY)
    save(tmp_path / vis / "a.jpg", COLOUR)
    (pair,) = find_pairs(tmp_path, ir.split("/")[0] if "/" in ir else "test").pairs
    assert (pair.name, pair.ir, pair.vis) == ("a", tmp_path / ir / "a.png", tmp_path / vis / "a.jpg")


def test_pairs_are_sorted_and_singles_named(tmp_path: Path, save: Save) -> None:
    for name in ("b.png", "a.bmp", "only_ir.png"):
        save(tmp_path / "ir" / name, GREY)
    for name in ("a.png", "b.tiff", "only_vis.png"):
        save(tmp_path / "vi" / name, COLOUR)
    (tmp_path / "vi/notes.txt").write_text("not a picture")
    found = find_pairs(tmp_path)
    assert [p.name for p in found.pairs] == ["a", "b"]
    assert found.skipped == (
        Skipped("only_ir", "infrared picture without its visible partner"),
        Skipped("only_vis", "visible picture without its infrared partner"),
    )
    assert len(found.files()) == 4


def test_a_name_that_stands_twice_is_skipped_once(tmp_path: Path, save: Save) -> None:
    for name in ("a.png", "b.png"):
        save(tmp_path / "ir" / name, GREY)
    for name in ("a.png", "a.jpg", "b.png"):
        save(tmp_path / "vi" / name, COLOUR)
    found = find_pairs(tmp_path)
    assert [p.name for p in found.pairs] == ["b"]
    assert [s.name for s in found.skipped] == ["a"]
    assert "a.jpg, a.png" in found.skipped[0].reason


def test_unusable_folders_are_refused_with_what_was_found(tmp_path: Path, save: Save) -> None:
    with pytest.raises(InputError, match=r"expected a data folder at .*nowhere, found none"):
        find_pairs(tmp_path / "nowhere")
    save(tmp_path / "train/ir/a.png", GREY)
    with pytest.raises(InputError, match=r"found train: name the split"):
        find_pairs(tmp_path)
    with pytest.raises(InputError, match=r"expected one visible folder"):
        find_pairs(tmp_path, "train")
    save(tmp_path / "train/vi/b.png", COLOUR)
    with pytest.raises(InputError, match="found none"):
        find_pairs(tmp_path, "train")
    with pytest.raises(InputError, match="expected a folder of pictures"):
        images_by_stem(tmp_path / "x")


def test_readable_parts_good_pairs_from_bad(pair_root: Path, save: Save) -> None:
    save(pair_root / "test/ir/00002N.png", GREY)
    (pair_root / "test/vi/00003N.png").write_bytes(b"\x89PNG broken")
    good, bad = readable(find_pairs(pair_root).pairs)
    assert [p.name for p in good] == ["00001D"]
    assert [s.name for s in bad] == ["00002N", "00003N"]
    assert "infrared is 24x20 pixels but visible is 48x32" in bad[0].reason


def test_a_pair_reads_both_pictures(pair_root: Path) -> None:
    pair = find_pairs(pair_root).pairs[0]
    ir, vis = pair.read()
    assert (ir.shape, vis.shape) == ((32, 48), (32, 48, 3))
    pair.vis.unlink()
    with pytest.raises(ImageError, match="no such file"):
        pair.read()
