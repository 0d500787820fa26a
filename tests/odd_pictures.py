"""Picture files as other people's folders hold them: whole and odd, or broken; each by a maker that gives its bytes."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import PIL
from PIL import Image

HEIGHT, WIDTH = 32, 48
Make = Callable[[], bytes]
_random = np.random.default_rng(5)
GREY = _random.integers(0, 256, (HEIGHT, WIDTH), np.uint8)
RGB = _random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def encoded(pixels: Any, form: str, **options: Any) -> bytes:
    """A picture, or an array, as a file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of some chunks."""
    parts = (struct.pack(">I", len(b)) + t + b + struct.pack(">I", zlib.crc32(t + b)) for t, b in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def header(width: int, height: int, depth: int = 8, colour: int = 0) -> tuple[bytes, bytes]:
    """The first chunk of a PNG."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


def with_chunk(file: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    chunk = png((kind, body))[8:]
    return file[:33] + chunk + file[33:]


def turned(form: str, orientation: int) -> bytes:
    """A picture that lies as EXIF says: upright, it is `RGB`."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # PIL's transpositions that undo each
    image = Image.fromarray(RGB)
    return encoded(image.transpose(Image.Transpose(back[orientation])), form, exif=exif)


def told_late(file: bytes, kind: bytes) -> bytes:
    """A PNG whose first chunk of a kind stands behind its pixels."""
    chunks, at = [], 8
    while at < len(file):
        length = int.from_bytes(file[at : at + 4], "big")
        chunks.append((file[at + 4 : at + 8], file[at + 8 : at + 8 + length]))
        at += 12 + length
    late = next(chunk for chunk in chunks if chunk[0] == kind)
    chunks.remove(late)
    return png(*chunks[:-1], late, chunks[-1])


def wide_colour(values: np.ndarray) -> bytes:
    """A PNG of 16-bit RGB, which Pillow does not write."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    sides = header(values.shape[1], values.shape[0], 16, 2)
    return png(sides, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def _several(form: str) -> bytes:
    return encoded(RGB, form, save_all=True, append_images=[Image.fromarray(255 - RGB)])


def _bomb() -> bytes:
    return png(header(60000, 60000), (b"IDAT", zlib.compress(b"\0" * 60001)), (b"IEND", b""))


def _text_bomb() -> bytes:
    body = b"Comment\0\0" + zlib.compress(b"x" * 5_000_000)
    return with_chunk(encoded(RGB, "PNG"), b"zTXt", body)


GOOD: Mapping[str, tuple[str, Make]] = {
    "grey png": (".png", lambda: encoded(GREY, "PNG")),
    "rgb png": (".png", lambda: encoded(RGB, "PNG")),
    "rgba png": (".png", lambda: encoded(Image.fromarray(RGB).convert("RGBA"), "PNG")),
    "grey and alpha png": (".png", lambda: encoded(Image.fromarray(GREY).convert("LA"), "PNG")),
    "palette png": (".png", lambda: encoded(Image.fromarray(RGB).quantize(16), "PNG")),
    "palette with transparency": (".png", lambda: encoded(Image.fromarray(RGB).quantize(16), "PNG", transparency=0)),
    "one bit png": (".png", lambda: encoded(Image.fromarray(GREY).convert("1"), "PNG")),
    "16 bit png": (".png", lambda: encoded(GREY.astype(np.uint16) * 257, "PNG")),
    "16 bit tiff": (".tif", lambda: encoded(GREY.astype(np.uint16) * 257, "TIFF")),
    "32 bit counts": (".tiff", lambda: encoded(GREY.astype(np.int32) * 250, "TIFF")),
    "float counts": (".tiff", lambda: encoded(GREY.astype(np.float32), "TIFF")),
    "16 bit colour": (".png", lambda: wide_colour(RGB.astype(np.uint16) * 257)),
    "black 16 bit colour": (".png", lambda: wide_colour(np.zeros_like(RGB, np.uint16))),
    "jpeg": (".jpg", lambda: encoded(RGB, "JPEG")),
    "progressive jpeg": (".jpeg", lambda: encoded(RGB, "JPEG", progressive=True)),
    "grey jpeg": (".JPG", lambda: encoded(GREY, "JPEG")),
    "cmyk jpeg": (".jpg", lambda: encoded(Image.fromarray(RGB).convert("CMYK"), "JPEG")),
    "cmyk tiff": (".tif", lambda: encoded(Image.fromarray(RGB).convert("CMYK"), "TIFF")),
    "lzw tiff": (".tif", lambda: encoded(RGB, "TIFF", compression="tiff_lzw")),
    "bmp": (".bmp", lambda: encoded(RGB, "BMP")),
    "grey bmp": (".BMP", lambda: encoded(GREY, "BMP")),
    "a webp that is called png": (".png", lambda: encoded(RGB, "WEBP", lossless=True)),
    "a jpeg that is called png": (".png", lambda: encoded(RGB, "JPEG")),
    "a gif that is called png": (".png", lambda: encoded(GREY, "GIF")),
    "preview behind a jpeg": (".jpg", lambda: encoded(RGB, "MPO", save_all=True, append_images=[Image.fromarray(RGB)])),
    "colour profile": (".png", lambda: encoded(RGB, "PNG", icc_profile=b"no profile")),
    "broken exif": (".jpg", lambda: encoded(RGB, "JPEG", exif=b"Exif\0\0nonsense")),
    "exif of no orientation": (".jpg", lambda: encoded(RGB, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0")),
    "unknown chunk": (".png", lambda: with_chunk(encoded(RGB, "PNG"), b"abCd", b"whatever")),
    "bytes behind the end": (".png", lambda: encoded(RGB, "PNG") + b"more"),
    "interlaced": (".png", lambda: encoded(GREY, "PNG", interlace=1)),
    **{f"jpeg turned {k}": (".jpg", lambda k=k: turned("JPEG", k)) for k in range(2, 9)},
    **{f"png turned {k}": (".png", lambda k=k: turned("PNG", k)) for k in range(2, 9)},
    "png turned, told late": (".png", lambda: told_late(turned("PNG", 6), b"eXIf")),
    **{f"tiff turned {k}": (".tif", lambda k=k: turned("TIFF", k)) for k in range(2, 9)},
} | (
    {"ycbcr tiff": (".tif", lambda: encoded(Image.fromarray(RGB).convert("YCbCr"), "TIFF"))}
    if int(PIL.__version__.partition(".")[0]) >= 13
    else {}
)  # earlier ones cannot read what they wrote themselves
"""Suffix and bytes; each is a picture of 48x32 pixels."""

_BROKEN = "not a readable picture"
BAD: Mapping[str, tuple[str, Make, str]] = {
    "empty": (".png", lambda: b"", _BROKEN),
    "zeros": (".png", lambda: bytes(5000), _BROKEN),
    "text": (".png", lambda: b"this is no picture", _BROKEN),
    "a web page": (".jpg", lambda: b"<!DOCTYPE html><html>404</html>", _BROKEN),
    "git lfs": (".png", lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", _BROKEN),
    "signature alone": (".png", lambda: b"\x89PNG\r\n\x1a\n", _BROKEN),
    "half a header": (".png", lambda: encoded(RGB, "PNG")[:20], _BROKEN),
    "half a png": (".png", lambda: encoded(RGB, "PNG")[:2000], _BROKEN),
    "half a jpeg": (".jpg", lambda: encoded(RGB, "JPEG")[:900], _BROKEN),
    "half a bmp": (".bmp", lambda: encoded(RGB, "BMP")[:900], _BROKEN),
    "half a tiff": (".tif", lambda: encoded(RGB, "TIFF")[:900], _BROKEN),
    "flipped byte": (".png", lambda: encoded(RGB, "PNG")[:60] + b"\xff\0\xff" + encoded(RGB, "PNG")[63:], _BROKEN),
    "no pixels": (".png", lambda: png(header(WIDTH, HEIGHT), (b"IEND", b"")), _BROKEN),
    "no width": (".png", lambda: png(header(0, HEIGHT), (b"IDAT", b""), (b"IEND", b"")), _BROKEN),
    "a depth that is none": (".png", lambda: png(header(WIDTH, HEIGHT, 7), (b"IEND", b"")), _BROKEN),
    "short header": (".png", lambda: png((b"IHDR", b"\0\0"), (b"IEND", b"")), _BROKEN),
    "decompression bomb": (".png", _bomb, _BROKEN),
    "text that unpacks to megabytes": (".png", _text_bomb, _BROKEN),
    "postscript": (".png", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 48 32\nshowpage\n", _BROKEN),
    "numpy": (".png", lambda: b"\x93NUMPY\x01\0v\0{'descr': '|u1', }", _BROKEN),
    "animated png": (".png", lambda: _several("PNG"), "expected one picture"),
    "animated gif": (".png", lambda: _several("GIF"), "expected one picture"),
    "animated webp": (".png", lambda: _several("WEBP"), "expected one picture"),
    "pages of tiff": (".tif", lambda: _several("TIFF"), "expected one picture"),
    "negative counts": (".tiff", lambda: encoded(GREY.astype(np.int32) - 300, "TIFF"), "8- or 16-bit counts"),
    "counts of 32 bit": (".tiff", lambda: encoded(GREY.astype(np.int32) + 70000, "TIFF"), "8- or 16-bit counts"),
    "fractions": (".tiff", lambda: encoded(GREY / np.float32(255), "TIFF"), "8- or 16-bit counts"),
    "not a number": (".tiff", lambda: encoded(np.full((HEIGHT, WIDTH), np.nan, np.float32), "TIFF"), "16-bit counts"),
    "10 bit in 16": (".png", lambda: wide_colour(RGB.astype(np.uint16) * 4), "of fewer bits"),
    "12 bit in 16": (".png", lambda: wide_colour(RGB.astype(np.uint16) * 16), "of fewer bits"),
    "another size": (".png", lambda: encoded(RGB[:-1], "PNG"), "register or resize"),
    "turned size": (".png", lambda: encoded(RGB.swapaxes(0, 1), "PNG"), "register or resize"),
    "tiny": (".png", lambda: encoded(RGB[:5, :5], "PNG"), "register or resize"),
}
"""Suffix, bytes, and what the reason says."""
