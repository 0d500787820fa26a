"""The border between files of pixels and float tensors: depth, colour, alpha, order of channels.

Inside, pictures are float32 tensors ``(B, C, H, W)`` in [0, 1], channels in RGB order. Outside, they are
numpy arrays ``(H, W)`` or ``(H, W, 3)``, 8 or 16 bit.
"""

import logging
import math
import struct
import zlib
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from dwsfusion import kernels
from dwsfusion.decoding import Array as Array
from dwsfusion.decoding import opened, pixels_of, size_of
from dwsfusion.devices import CPU, to_device
from dwsfusion.errors import ImageError, InputError
from dwsfusion.runs import whole_file

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
MIN_SIDE_PX = 16
_FULL_SCALE = {np.dtype(np.uint8).str: 255.0, np.dtype(np.uint16).str: 65535.0}
"""By type, in this machine's order of bytes."""
_NARROW = 16384
"""A 16-bit picture that spans fewer counts holds raw counts of a camera, not grey levels."""
_PNG_HEADER = 33
"""Bytes of signature and image header, behind which other chunks may stand."""
_log = logging.getLogger(__name__)


def read_image(path: str | Path, *, infrared: bool = False) -> Array:
    """Reads a picture file, whole or not at all, and turns it upright where its EXIF says how.

    Args:
        path: the file.
        infrared: refuse four channels where the fourth is no plain alpha.

    Returns:
        uint8 or uint16 ``(H, W)``, or uint8 ``(H, W, 3)`` in RGB order. Alpha is dropped, palettes are
        expanded, and 16-bit colour keeps its upper 8 bits.

    Raises:
        ImageError: the file is missing, truncated, no picture, several, or one whose levels cannot be told.
    """
    path = Path(path)
    with opened(path) as image:
        return pixels_of(image, path, infrared=infrared)


def image_size(path: Path) -> tuple[int, int]:
    """Reads (height, width) in pixels, upright as `read_image` gives them, from the header alone.

    Raises:
        ImageError: the file is missing or no picture.
    """
    with opened(path) as image:
        return size_of(image)


def write_png(path: Path, image: Array, text: dict[str, str] | None = None) -> None:
    """Writes an 8-bit PNG that appears whole or not at all.

    Args:
        path: where to; its folder is made.
        image: uint8 ``(H, W)`` or RGB ``(H, W, 3)``.
        text: key–value pairs kept in the file's text chunks.
    """
    import cv2  # here, for what only computes need not wait for it

    # One filter and no search for repetitions: for photographs not larger than with both, in half the time.
    strategy = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY]
    if (choice := getattr(cv2, "IMWRITE_PNG_FILTER", None)) is not None:  # OpenCV 4.12
        strategy += [choice, cv2.IMWRITE_PNG_FILTER_PAETH]
    pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".png", pixels, strategy)
    if not done:
        raise OSError(f"{path}: OpenCV cannot write a PNG of {image.shape[1]}x{image.shape[0]} pixels")
    start, rest = encoded[:_PNG_HEADER].tobytes(), encoded[_PNG_HEADER:].tobytes()
    chunks = b"".join(_text_chunk(key, value) for key, value in (text or {}).items())
    with whole_file(path) as beside:
        beside.write_bytes(start + chunks + rest)


def _text_chunk(key: str, value: str) -> bytes:
    """A tEXt chunk as ISO/IEC 15948 defines it."""
    body = b"tEXt" + key.encode("latin-1") + b"\0" + value.encode("latin-1")
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def png_text(path: Path) -> dict[str, str]:
    """Reads the text chunks of a PNG without decoding its pixels; empty where there is no such file."""
    try:
        with opened(path) as image:
            return {str(k): v for k, v in image.info.items() if isinstance(v, str)}
    except ImageError:
        return {}


def rgb_array(image: Array) -> Array:
    """Gives a picture as uint8 RGB ``(H, W, 3)``; grey becomes three equal channels, 16 bit the upper 8."""
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def ir_tensor(
    ir: Array, ir_range: tuple[float, float] | None = None, device: torch.device = CPU, *, heed_counts: bool = True
) -> Tensor:
    """Turns an infrared picture into a tensor.

    Args:
        ir: uint8 or uint16, ``(H, W)``, ``(H, W, 1)`` or ``(H, W, 3)`` (its luma is taken).
        ir_range: the counts that become 0 and 1; without it 8 bit spans 0..255 and 16 bit 0..65535.
        device: where the tensor shall lie.
        heed_counts: warn of raw counts without a range; of whole folders `look_at_infrared` does so once.

    Returns:
        float32 ``(1, 1, H, W)`` in [0, 1].

    Raises:
        InputError: another type or shape, or an empty range.
    """
    plane = _unit_float(ir, "infrared", ir_range, device)
    if heed_counts and ir_range is None and (span := raw_span(ir)):
        _log.warning(
            "the 16-bit infrared picture uses only the counts %d to %d of 65535: raw counts? "
            "Give the range to show (ir_range, --ir-range LOW HIGH)", *span
        )  # fmt: skip
    return plane if plane.shape[1] == 1 else luma(plane)


def grey_array(ir: Array, ir_range: tuple[float, float]) -> Array:
    """Gives an infrared picture as uint8 ``(H, W)``, as a range shows it.

    Raises:
        InputError: see `ir_tensor`.
    """
    grey: Array = (ir_tensor(ir, ir_range)[0, 0] * 255).round().to(torch.uint8).numpy()
    return grey


def raw_span(ir: Array) -> tuple[int, int] | None:
    """The smallest and largest count of a 16-bit picture that looks like raw counts; None of others.

    Grey levels fill the type's range better, or are 8-bit levels times 257.
    """
    if ir.dtype != np.uint16 or not ir.any():
        return None
    low, high = int(ir.min()), int(ir.max())
    return (low, high) if high - low < _NARROW and (ir % 257).any() else None


def vis_tensor(vis: Array, device: torch.device = CPU) -> Tensor:
    """Turns a visible picture, uint8 or uint16, grey or RGB(A), into float32 ``(1, 3, H, W)`` in [0, 1] on a device.

    Raises:
        InputError: another type or shape.
    """
    return _unit_float(vis, "visible", None, device).expand(-1, 3, -1, -1)


def check_picture(image: object, what: str) -> None:
    """Refuses what is no picture in memory.

    Args:
        image: should be uint8 or uint16, ``(H, W)`` or ``(H, W, C)`` with 1, 3 or 4 channels.
        what: which picture it is.

    Raises:
        InputError: another type or shape.
    """
    if not isinstance(image, np.ndarray):
        kind = f"{type(image).__module__}.{type(image).__qualname__}".removeprefix("builtins.")
        raise InputError(f"expected the {what} picture as a numpy array, found {kind}: give numpy.asarray(picture)")
    if image.dtype.str not in _FULL_SCALE:
        raise InputError(f"expected a uint8 or uint16 {what} picture, found {image.dtype}: convert it first")
    if image.ndim not in (2, 3) or 0 in image.shape or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
        first = image.ndim == 3 and image.shape[0] in (1, 3, 4)
        cure = ": channels come last, numpy.moveaxis(picture, 0, -1)" if first else ""
        expected = f"expected (H, W), (H, W, 1) or (H, W, 3) for the {what} picture"
        raise InputError(f"{expected}, found shape {image.shape}{cure}")


def check_range(counts: object) -> tuple[float, float]:
    """Gives the two ends of an infrared range.

    Raises:
        InputError: they are no two numbers LOW < HIGH.
    """
    try:
        low, high = (float(count) for count in counts)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise InputError(f"expected an infrared range as two numbers LOW HIGH, found {counts!r}") from error
    if not (low < high and math.isfinite(high - low)):
        raise InputError(f"expected an infrared range LOW < HIGH, found {low:g} {high:g}")
    return low, high


def check_same_size(ir: Array, vis: Array) -> None:
    """Refuses a pair whose pictures differ in size or are too small for the network.

    Raises:
        ImageError: the sizes differ, or a side is under 16 pixels.
    """
    if ir.shape[:2] != vis.shape[:2]:
        raise ImageError(
            f"infrared is {ir.shape[1]}x{ir.shape[0]} pixels but visible is {vis.shape[1]}x{vis.shape[0]}: "
            "register or resize them to one size first"
        )
    if min(ir.shape[:2]) < MIN_SIDE_PX:
        raise ImageError(f"{ir.shape[1]}x{ir.shape[0]} pixels: both sides must be at least {MIN_SIDE_PX}")


def luma(rgb: Tensor) -> Tensor:
    """Luma Y of BT.601: ``(B, 3, H, W)`` to ``(B, 1, H, W)``."""
    if _suits_loops(rgb) and not rgb.requires_grad:
        return kernels.attempt(lambda: _loops().luma(rgb), lambda: _luma(rgb))
    return _luma(rgb)


def chroma(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Colour differences (Cr, Cb), each ``(B, 1, H, W)`` in [0, 1] with ½ for grey, by the released constants."""
    r, _, b = rgb.split(1, dim=1)
    y = luma(rgb)
    return ((r - y) * 0.713 + 0.5).clamp(0, 1), ((b - y) * 0.564 + 0.5).clamp(0, 1)


def with_chroma(y: Tensor, cr: Tensor, cb: Tensor) -> Tensor:
    """Puts luma and chroma, each ``(B, 1, H, W)``, together to RGB ``(B, 3, H, W)``.

    The constants are the rounded ones that the published pictures were made with; exact inverses differ by
    up to 3e-4 and would move a grey level here and there.
    """
    cr, cb = cr - 0.5, cb - 0.5
    return torch.cat([y + 1.403 * cr, y - 0.714 * cr - 0.344 * cb, y + 1.773 * cb], dim=1).clamp(0, 1)


def coloured(y: Tensor, vis: Tensor) -> Array:
    """Gives luma ``(1, 1, H, W)`` the chroma of a visible picture ``(1, 3, H, W)``: uint8 RGB ``(H, W, 3)``."""
    if y.shape[2:] != vis.shape[2:]:
        raise InputError(f"expected luma and colour of one size, found {tuple(y.shape)} and {tuple(vis.shape)}")
    if _suits_loops(y):
        return kernels.attempt(lambda: _loops().coloured(y, vis), lambda: _coloured(y, vis))
    return _coloured(y, vis)


def to_uint8(rgb: Tensor) -> list[Array]:
    """Turns ``(B, 3, H, W)`` in [0, 1] into B arrays uint8 ``(H, W, 3)``, truncating as the published pictures do."""
    pixels = (rgb.detach() * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    return list(pixels.cpu().numpy())


def _luma(rgb: Tensor) -> Tensor:
    r, g, b = rgb.split(1, dim=1)
    return (0.299 * r + 0.587 * g + 0.114 * b).clamp(0, 1)


def _coloured(y: Tensor, vis: Tensor) -> Array:
    return to_uint8(with_chroma(y, *chroma(vis)))[0]


def _suits_loops(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)


def _loops() -> ModuleType:
    """The same two as loops, with the same bits: in this thread, where torch would wake others."""
    from dwsfusion.kernels import colours  # here, for numba takes half a second to import

    return colours


def _unit_float(image: Array, what: str, counts: tuple[float, float] | None, device: torch.device) -> Tensor:
    check_picture(image, what)
    low, high = check_range(counts) if counts is not None else (0.0, _FULL_SCALE[image.dtype.str])
    if counts is not None and high > 255 and image.dtype == np.uint8:
        raise ImageError(f"expected 16-bit infrared counts for the range {low:g} to {high:g}, found 8 bit")
    if image.ndim == 2:
        image = image[..., None]
    if image.shape[2] == 4:
        image = image[..., :3]
    planes = np.array(image.transpose(2, 0, 1), np.uint8 if image.dtype == np.uint8 else np.int32, order="C")
    if device.type == "cpu":  # in this thread, where torch would wake others
        span = (planes.astype(np.float32) - np.float32(low)) / np.float32(high - low)
        return torch.from_numpy(span.clip(0, 1, out=span))[None]
    unit = to_device(torch.from_numpy(planes), device).float()  # counts travel, being smaller than floats
    return unit.sub_(low).div_(high - low).clamp_(0, 1)[None]
