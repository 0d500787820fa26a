"""Every kind of picture file among good ones: fused, or skipped by name with its reason; the others are done."""

import io
from pathlib import Path

import numpy as np
import pytest
from odd_pictures import BAD, GOOD, GREY, RGB, encoded, told_late, turned
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngImageFile

from dwsfusion import Fuser, find_pairs, fuse_folder
from dwsfusion.images import image_size, read_image

SIDES = {"ir": "vi", "vi": "ir"}


@pytest.fixture(scope="module")
def fuser() -> Fuser:
    return Fuser.from_pretrained("max", "cpu")


def lay_out(root: Path, side: str, suffix: str, content: bytes) -> None:
    """A good pair, and one with an odd picture on one side."""
    for folder, other in (("ir", GREY), ("vi", RGB)):
        (root / folder).mkdir(parents=True)
        (root / folder / "good.png").write_bytes(encoded(other, "PNG"))
        if folder != side:
            (root / folder / "odd.png").write_bytes(encoded(other, "PNG"))
    (root / side / f"odd{suffix}").write_bytes(content)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", GOOD)
def test_an_odd_picture_is_fused(kind: str, side: str, fuser: Fuser, tmp_path: Path) -> None:
    suffix, make = GOOD[kind]
    lay_out(tmp_path, side, suffix, make())
    result = fuse_folder(fuser, find_pairs(tmp_path).pairs, tmp_path / "out")
    assert result.skipped == []
    assert sorted(result.files) == ["good", "odd"]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"good.png", "odd.png"}
    assert read_image(tmp_path / "out/odd.png").shape == (32, 48, 3)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", BAD)
def test_a_broken_picture_is_skipped_by_name_and_the_others_are_done(
    kind: str, side: str, fuser: Fuser, tmp_path: Path
) -> None:
    suffix, make, reason = BAD[kind]
    lay_out(tmp_path, side, suffix, make())
    result = fuse_folder(fuser, find_pairs(tmp_path).pairs, tmp_path / "out")
    assert list(result.files) == ["good"]
    assert [s.name for s in result.skipped] == ["odd"]
    assert reason in result.skipped[0].reason
    assert "\n" not in result.skipped[0].reason
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["good.png"]


def test_four_channels_are_no_infrared_picture(fuser: Fuser, tmp_path: Path) -> None:
    both = encoded(np.dstack([RGB, GREY]), "PNG")
    lay_out(tmp_path, "ir", ".png", both)
    (tmp_path / "vi/odd.png").write_bytes(both)
    result = fuse_folder(fuser, find_pairs(tmp_path).pairs, tmp_path / "out")
    assert list(result.files) == ["good"]
    assert "expected infrared in one channel, found four" in result.skipped[0].reason
    assert (read_image(tmp_path / "vi/odd.png") == RGB).all()  # transparency of the visible picture is passed over


@pytest.mark.parametrize("kind", [kind for kind in GOOD if "turned" in kind])
def test_a_picture_that_lies_is_shown_upright(kind: str, tmp_path: Path) -> None:
    suffix, make = GOOD[kind]
    (path := tmp_path / f"a{suffix}").write_bytes(make())
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(make()))))
    assert image_size(path) == (32, 48)
    assert (read_image(path) == upright).all()
    if suffix != ".jpg":
        assert (upright == RGB).all()


def test_the_size_of_every_good_picture_is_that_of_its_pixels(tmp_path: Path) -> None:
    for number, (suffix, make) in enumerate(GOOD.values()):
        (path := tmp_path / f"{number}{suffix}").write_bytes(make())
        assert image_size(path) == read_image(path).shape[:2] == (32, 48)


def test_the_size_of_a_png_is_read_without_its_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_image: Image.Image) -> None:
        raise AssertionError("the pixels were decoded")

    (plain := tmp_path / "plain.png").write_bytes(encoded(RGB, "PNG"))
    (lying := tmp_path / "lying.png").write_bytes(turned("PNG", 6))
    (late := tmp_path / "late.png").write_bytes(told_late(turned("PNG", 6), b"eXIf"))
    assert image_size(late) == read_image(late).shape[:2] == (32, 48)
    monkeypatch.setattr(PngImageFile, "load", load)
    assert image_size(plain) == image_size(lying) == (32, 48)
