import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from downstream.datasets.cards import msrs
from downstream.datasets.masks import check_size, read_mask, read_predicted
from dwsfusion.errors import ImageError

MASKS = msrs().masks
IDS = np.array([[0, 1], [8, 255]], np.uint8)


def test_a_palette_mask_gives_its_ids_and_not_its_colours(tmp_path):
    image = Image.fromarray(IDS, mode="P")
    image.putpalette([channel for colour in (*MASKS.palette.tolist(), *[(9, 9, 9)] * 247) for channel in colour])
    image.save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png", MASKS).tolist() == IDS.tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_depth_of_one_channel(tmp_path, dtype):
    Image.fromarray(IDS.astype(dtype)).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png", MASKS).tolist() == IDS.tolist()


@pytest.mark.parametrize(("bits", "ids"), [(4, [0, 3, 8, 5]), (2, [0, 3, 1, 2]), (1, [0, 1, 1, 0])])
def test_grey_of_few_bits_keeps_its_ids(tmp_path, bits, ids):
    """PNG with fewer than eight bits a pixel, packed by hand: decoders stretch them to eight."""
    (tmp_path / "mask.png").write_bytes(png_of_bits(ids, bits))
    assert read_mask(tmp_path / "mask.png", MASKS).tolist() == [ids]


def png_of_bits(ids, bits):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    row = int("".join(f"{i:0{bits}b}" for i in ids).ljust(8 * -(-len(ids) * bits // 8), "0"), 2)
    packed = b"\0" + row.to_bytes(-(-len(ids) * bits // 8), "big")
    header = struct.pack(">IIBBBBB", len(ids), 1, bits, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(packed)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_numbers_of_the_card_become_positions(tmp_path):
    shifted = replace(MASKS, classes=tuple(replace(c, number=c.number + 10) for c in MASKS.classes), ignored=(0,))
    Image.fromarray(np.array([[10, 18], [0, 11]], np.uint8)).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png", shifted).tolist() == [[0, 8], [255, 1]]
    with pytest.raises(ImageError, match=r"expected ids of 10, .*18, found 0 in 25\.00 %"):
        read_predicted(tmp_path / "mask.png", shifted)


def test_colours_of_the_card_become_positions(tmp_path):
    coloured = replace(MASKS, coloured=True)
    Image.fromarray(MASKS.palette[[[0, 3], [8, 1]]]).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png", coloured).tolist() == [[0, 3], [8, 1]]
    Image.fromarray(np.full((2, 2, 3), 7, np.uint8)).save(tmp_path / "mask.png")
    with pytest.raises(ImageError, match=r"found others in 100\.00 % of the pixels, such as 7, 7, 7"):
        read_mask(tmp_path / "mask.png", coloured)
    Image.fromarray(IDS).save(tmp_path / "mask.png")
    with pytest.raises(ImageError, match="expected the colours of the card in RGB, found one channel"):
        read_mask(tmp_path / "mask.png", coloured)


def test_ids_outside_the_classes_are_named_with_their_share(tmp_path):
    Image.fromarray(np.array([[0, 1, 9, 12]], np.uint8)).save(tmp_path / "mask.png")
    with pytest.raises(ImageError, match=r"expected ids of 0, .*8, 255, found 9, 12 in 50\.00 % of the pixels"):
        read_mask(tmp_path / "mask.png", MASKS)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(p), "found 3 channels: are these colours"),
        (lambda p: p.write_bytes(b"no picture"), "not a readable label"),
        (lambda p: Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(p, format="TIFF"), "found mode F"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path, make, says):
    make(tmp_path / "mask.png")
    with pytest.raises(ImageError, match=says):
        read_mask(tmp_path / "mask.png", MASKS)


def test_formats_with_loss_are_refused(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "mask.jpg")
    for read in (read_mask, read_predicted):
        with pytest.raises(ImageError, match=r"without loss such as PNG, for \.jpg blurs ids"):
            read(tmp_path / "mask.jpg", MASKS)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ImageError, match="expected a label of its picture's 6x4 pixels, found 5x4"):
        check_size(np.zeros((4, 5), np.uint8), (4, 6), Path("mask.png"))
