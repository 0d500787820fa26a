"""The library's door: whatever is handed in, an `InputError` says what was expected and what was found."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dwsfusion import Fuser, InputError
from dwsfusion.images import check_range, grey_array, ir_tensor, raw_span

IR, VIS = np.full((20, 24), 90, np.uint8), np.full((20, 24, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def fuser() -> Fuser:
    return Fuser.from_pretrained("max", "cpu")


PICTURES: dict[str, tuple[Any, str]] = {
    "nothing": (None, "found NoneType"),
    "a path": (Path("a.png"), r"found pathlib\S*Path"),
    "a name": ("a.png", "found str"),
    "bytes": (b"\x89PNG", "found bytes"),
    "a picture of Pillow": (Image.fromarray(VIS), r"found PIL.Image.Image: give numpy.asarray"),
    "a list": (VIS.tolist(), "found list"),
    "a tensor": (torch.zeros(20, 24), "found torch.Tensor"),
    "floats": (VIS / 255, "found float64"),
    "half floats": (VIS.astype(np.float16), "found float16"),
    "booleans": (IR > 5, "found bool"),
    "32 bit": (VIS.astype(np.int32), "found int32"),
    "signed": (VIS.astype(np.int16), "found int16"),
    "the other order of bytes": (IR.astype(">u2"), "found >u2"),
    "objects": (np.full((20, 24), None), "found object"),
    "text": (np.full((20, 24), "a"), "found <U1"),
    "channels first": (np.moveaxis(VIS, 2, 0), r"found shape \(3, 20, 24\): channels come last"),
    "one channel first": (IR[None], r"\(1, 20, 24\): channels come last"),
    "two channels": (VIS[..., :2], r"found shape \(20, 24, 2\)"),
    "five channels": (np.zeros((20, 24, 5), np.uint8), r"found shape \(20, 24, 5\)"),
    "a batch": (VIS[None], r"found shape \(1, 20, 24, 3\)"),
    "a row": (IR[0], r"found shape \(24,\)"),
    "a number": (np.uint8(3), "found numpy.uint8"),
    "no pixel": (VIS[:0], r"found shape \(0, 24, 3\)"),
    "another size": (VIS[:, :-1], "register or resize"),
    "too small": (VIS[:10], "register or resize"),
}


@pytest.mark.parametrize("side", ["infrared", "visible"])
@pytest.mark.parametrize("kind", PICTURES)
def test_what_is_no_picture_is_refused_and_named(kind: str, side: str, fuser: Fuser) -> None:
    picture, said = PICTURES[kind]
    pair = (picture, VIS) if side == "infrared" else (IR, picture)
    with pytest.raises(InputError, match=said) as told:
        fuser.fuse(*pair)
    assert "\n" not in str(told.value)
    assert said == "register or resize" or f"{side} picture" in str(told.value)


RANGES: dict[str, Any] = {
    "half": (7000,), "three": (1, 2, 3), "one number": 7000, "nothing in it": (None, 9000), "words": "low high",
    "turned": (9000, 7000), "equal": (5, 5), "not a number": (float("nan"), 5), "without end": (0, float("inf")),
    "lists": ([1], [2]), "empty": (), "a set of texts": ("a", "b"),
}  # fmt: skip


@pytest.mark.parametrize("kind", RANGES)
def test_a_range_that_is_none_is_refused(kind: str, fuser: Fuser) -> None:
    with pytest.raises(InputError, match="expected an infrared range"):
        fuser.fuse(IR.astype(np.uint16), VIS, RANGES[kind])
    with pytest.raises(InputError, match="expected an infrared range"):
        check_range(RANGES[kind])


@pytest.mark.parametrize(
    "picture",
    [IR[..., None], IR.astype(np.uint16), VIS, np.dstack([VIS, IR]), np.asfortranarray(VIS), VIS[::-1],
     VIS.astype(np.uint16)],
    ids=["one channel", "16 bit", "rgb", "rgba", "columns first", "upside down", "16 bit colour"],
)  # fmt: skip
def test_what_is_a_picture_is_taken(picture: np.ndarray, fuser: Fuser) -> None:
    assert fuser.fuse(picture, picture).shape == (20, 24, 3)


def test_an_8_bit_picture_does_not_become_black_by_a_range_of_counts() -> None:
    with pytest.raises(InputError, match="found 8 bit"):
        ir_tensor(IR, (7000, 9000))
    assert ir_tensor(IR, (80, 100)).unique().item() == 0.5


@pytest.mark.parametrize("low", [0, 1000, 50000])
def test_raw_counts_are_told_by_the_span_that_they_use(low: int, random: np.random.Generator) -> None:
    raw = (low + random.integers(0, 1000, (20, 24))).astype(np.uint16)
    assert raw_span(raw) == (raw.min(), raw.max())
    shown = grey_array(raw, (float(raw.min()), float(raw.max())))
    assert (shown.dtype, shown.min(), shown.max()) == (np.uint8, 0, 255)
    assert raw_span(random.integers(0, 65536, (20, 24)).astype(np.uint16)) is None
    assert raw_span(random.integers(20, 60, (20, 24)).astype(np.uint16) * 257) is None  # 8-bit levels, of low contrast
    assert raw_span(np.zeros((20, 24), np.uint16)) is None
    assert raw_span(IR) is None
