import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from dwsfusion import images
from dwsfusion.errors import ImageError, InputError

Save = Callable[[Path, np.ndarray], Path]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
def test_lossless_files_are_read_as_written(suffix: str, shape: tuple[int, ...], tmp_path: Path, save: Save) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert np.array_equal(images.read_image(save(tmp_path / f"a{suffix}", array)), array)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_keeps_its_counts(suffix: str, tmp_path: Path, save: Save) -> None:
    array = np.array([[0, 300], [40000, 65535]], np.uint16)
    found = images.read_image(save(tmp_path / f"a{suffix}", array))
    assert found.dtype == np.uint16
    assert np.array_equal(found, array)


def test_alpha_is_dropped_and_palettes_are_expanded(tmp_path: Path, save: Save) -> None:
    rgba = np.full((4, 4, 4), (200, 100, 50, 0), np.uint8)
    assert images.read_image(save(tmp_path / "a.png", rgba))[0, 0].tolist() == [200, 100, 50]
    palette = Image.fromarray(rgba[..., :3]).convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(tmp_path / "p.png")
    assert images.read_image(str(tmp_path / "p.png"))[0, 0].tolist() == [200, 100, 50]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
def test_a_truncated_file_is_refused(suffix: str, tmp_path: Path, save: Save) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = save(tmp_path / f"a{suffix}", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=r"not a readable picture"):
        images.read_image(path)


def test_a_text_file_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(ImageError, match="not a readable picture"):
        images.read_image(tmp_path / "a.png")
    with pytest.raises(ImageError, match="no such file"):
        images.read_image(tmp_path / "b.png")


def test_written_pictures_come_back_with_their_text_and_leave_nothing_beside(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    images.write_png(tmp_path / "new/a.png", rgb, {"source": "x"})
    assert np.array_equal(images.read_image(tmp_path / "new/a.png"), rgb)
    assert images.png_text(tmp_path / "new/a.png")["source"] == "x"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.png"]
    assert images.png_text(tmp_path / "none.png") == {}


def test_luma_and_chroma_of_known_colours() -> None:
    red = torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1)
    assert images.luma(red).item() == pytest.approx(0.299)
    cr, cb = images.chroma(red)
    assert cr.item() == pytest.approx(min(1, (1 - 0.299) * 0.713 + 0.5))
    assert cb.item() == pytest.approx((0 - 0.299) * 0.564 + 0.5)
    grey = torch.full((1, 3, 1, 1), 0.3)
    torch.testing.assert_close(images.with_chroma(images.luma(grey), *images.chroma(grey)), grey)


def test_luma_and_chroma_put_together_give_the_picture_back() -> None:
    rgb = torch.rand(2, 3, 8, 8)
    back = images.with_chroma(images.luma(rgb), *images.chroma(rgb))
    torch.testing.assert_close(back, rgb, atol=1e-3, rtol=0)


def test_floats_become_levels_by_truncation() -> None:
    rgb = torch.tensor([0.0, 0.999, 1.0]).reshape(1, 3, 1, 1)
    assert images.to_uint8(rgb)[0].tolist() == [[[0, 254, 255]]]


def test_an_8_bit_picture_saved_as_16_bit_is_the_same_picture() -> None:
    array = np.arange(256, dtype=np.uint8).reshape(16, 16)
    wide = array.astype(np.uint16) * 257
    torch.testing.assert_close(images.ir_tensor(array), images.ir_tensor(wide))
    assert np.array_equal(images.rgb_array(wide), images.rgb_array(array))


def test_raw_counts_are_noticed_and_shown_by_their_range(caplog: pytest.LogCaptureFixture) -> None:
    raw = np.full((16, 16), 3000, np.uint16)
    with caplog.at_level(logging.WARNING):
        images.ir_tensor(raw)
    assert "ir_range" in caplog.text
    assert images.ir_tensor(raw, (2000, 4000)).unique().item() == pytest.approx(0.5)
    assert images.ir_tensor(raw, (0, 1500)).unique().item() == 1


def test_infrared_in_three_channels_is_its_luma() -> None:
    array = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    torch.testing.assert_close(images.ir_tensor(np.repeat(array[..., None], 3, 2)), images.ir_tensor(array))
    assert images.vis_tensor(array).shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((16, 16), np.float32), "found float32"),
        (np.zeros((16, 16, 2), np.uint8), r"found shape \(16, 16, 2\)"),
        (np.zeros(16, np.uint8), r"found shape \(16,\)"),
    ],
)
def test_other_types_and_shapes_are_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        images.ir_tensor(array)


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(InputError, match="LOW < HIGH"):
        images.ir_tensor(np.zeros((16, 16), np.uint8), (5, 5))


def test_pairs_of_unequal_or_tiny_size_are_refused() -> None:
    with pytest.raises(ImageError, match=r"infrared is 30x20 pixels but visible is 31x20"):
        images.check_same_size(np.zeros((20, 30)), np.zeros((20, 31, 3)))
    with pytest.raises(ImageError, match="at least 16"):
        images.check_same_size(np.zeros((15, 30)), np.zeros((15, 30, 3)))


def test_the_loop_rounds_colours_as_the_plain_operations_do() -> None:
    y = torch.rand(1, 1, 300, 410)
    for vis in (torch.rand(1, 3, 300, 410), torch.rand(1, 1, 300, 410).expand(-1, 3, -1, -1)):
        rgb = images.coloured(y, vis)
        assert (rgb.shape, rgb.dtype) == ((300, 410, 3), np.uint8)
        assert (rgb == images._coloured(y, vis)).all()


def test_the_loop_rounds_luma_as_the_plain_operations_do() -> None:
    grey = torch.rand(2, 1, 30, 40).expand(-1, 3, -1, -1)
    for rgb in (torch.rand(2, 3, 100, 130), grey, torch.rand(1, 3, 5, 9).double()):
        assert torch.equal(images.luma(rgb), images._luma(rgb))


def test_luma_passes_gradients_and_takes_what_loops_do_not() -> None:
    rgb = torch.rand(1, 3, 4, 5)
    weights = torch.autograd.grad(images.luma(rgb.requires_grad_()).sum(), rgb)[0][0, :, 0, 0]
    torch.testing.assert_close(weights, torch.tensor([0.299, 0.587, 0.114]))
    torch.testing.assert_close(
        images.luma(rgb.detach().bfloat16()).float(), images.luma(rgb).detach(), atol=0.02, rtol=0
    )


def test_a_png_is_read_alike_by_other_programs(tmp_path: Path, random: np.random.Generator) -> None:
    for image in (random.integers(0, 256, (20, 24, 3), np.uint8), random.integers(0, 256, (17, 19), np.uint8)):
        images.write_png(tmp_path / "x.png", image, {"method": "é", "other": "b"})
        with Image.open(tmp_path / "x.png") as opened:
            opened.verify()
        with Image.open(tmp_path / "x.png") as opened:
            assert opened.text == {"method": "é", "other": "b"}
            assert (np.asarray(opened) == image).all()
        again = cv2.imread(str(tmp_path / "x.png"), cv2.IMREAD_UNCHANGED)
        assert (again == (image[..., ::-1] if image.ndim == 3 else image)).all()


def test_a_picture_is_not_shared_with_its_tensor(random: np.random.Generator) -> None:
    ir = random.integers(1, 256, (20, 24), np.uint8)
    before = ir.copy()
    images.ir_tensor(ir).zero_()
    assert (ir == before).all()
    ir.flags.writeable = False
    assert (images.ir_tensor(ir)[0, 0].numpy() == before / np.float32(255)).all()


def test_every_count_of_16_bit_is_told_apart() -> None:
    counts = np.arange(65536).reshape(256, 256).astype(np.uint16)
    assert (images.ir_tensor(counts).numpy().ravel() == np.arange(65536, dtype=np.float32) / np.float32(65535)).all()
