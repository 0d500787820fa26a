"""Arrays in JSON, small enough for a page: deflated bytes in base64, which a browser unpacks by itself."""

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = (np.uint8, np.uint16, np.uint32)


def pack(array: NDArray[Any]) -> dict[str, Any]:
    """Packs floats as they are, and whole numbers of 0 or more into the smallest type that holds them; little-endian.

    Returns:
        ``{"type": "uint8" | "uint16" | "uint32" | "float64", "shape": [...], "deflated": base64}``.

    Raises:
        ValueError: a number is negative, or larger than 32 bits hold.
    """
    if array.dtype.kind == "f":
        return _packed(array, np.dtype(np.float64))
    largest = int(array.max(initial=0))
    if array.min(initial=0) < 0 or largest > np.iinfo(np.uint32).max:
        raise ValueError(f"expected whole numbers from 0 to {np.iinfo(np.uint32).max}, found up to {largest}")
    kind = next(t for t in _TYPES if largest <= np.iinfo(t).max)
    return _packed(array, np.dtype(kind))


def unpack(packed: dict[str, Any]) -> NDArray[Any]:
    """The array that was packed."""
    kind = np.dtype(packed["type"]).newbyteorder("<")
    data = zlib.decompress(base64.b64decode(packed["deflated"]))
    return np.frombuffer(data, kind).reshape(packed["shape"])


def _packed(array: NDArray[Any], kind: np.dtype[Any]) -> dict[str, Any]:
    values = np.ascontiguousarray(array, dtype=kind.newbyteorder("<"))
    data = base64.b64encode(zlib.compress(values.tobytes(), 9)).decode("ascii")
    return {"type": kind.name, "shape": list(array.shape), "deflated": data}
