"""Weights as bytes: equal weights give equal bytes; reading runs nothing that a file may hold, and says what it is."""

import io
import json
import re
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

_KINDS = (
    (b"PK\x03\x04", "a zip archive that is damaged or holds no weights of torch"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"version https://git-lfs", "a pointer of Git LFS in place of the file: fetch it with git lfs pull"),
    (b"<", "a web page or XML"),
    (b"\x80", "a pickle that is no weights file"),
)


class UnsafeFileError(ValueError):
    """A file is no weights file, or one that could run code; the message says what it is, and what to do."""


class CodeInFileError(UnsafeFileError):
    """A file would run code if it were loaded."""


def load_tensors(path: Path) -> Any:
    """Loads a file of torch.save that holds tensors and plain values, on the CPU.

    Raises:
        UnsafeFileError: it holds something else, cannot be read, or is no such file.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of torch, pickle and zip, whatever the bytes lead them to
        # torch's own words advise to load it all the same.
        if culprit := re.search(r"GLOBAL (\S+)", str(error)):
            raise CodeInFileError(
                f"{culprit[1]}, and loading that could run code: ask for the network's state dict, saved alone"
            ) from error
        raise UnsafeFileError(f"{what_is_it(path)}: save or download it anew") from error


def safetensors_bytes(tensors: dict[str, Tensor], texts: Mapping[str, str]) -> bytes:
    """A safetensors file with its texts in order, which the library writes in any."""
    content = save(tensors, dict(texts))
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    ordered = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    ordered += b" " * (-len(ordered) % 8)  # tensors begin at whole multiples
    return struct.pack("<Q", len(ordered)) + ordered + content[8 + length :]


def state_bytes(state: Any) -> bytes:
    """What torch saves of tensors and plain values, whichever of them were made anew and which were loaded."""
    buffer = io.BytesIO()
    torch.save(_apart(state), buffer)
    return buffer.getvalue()


def _apart(value: Any) -> Any:
    """The same with equal texts as one object and all else as objects of their own, for pickles tell them apart."""
    if isinstance(value, Mapping):
        return {_apart(key): _apart(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_apart(item) for item in value])
    return sys.intern(value) if isinstance(value, str) else value


def what_is_it(path: Path) -> str:
    """What a file is that is no readable weights file, by its first bytes."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        return f"one that cannot be read ({error.strerror})"
    if not start:
        return "an empty file"
    if path.suffix == ".onnx" or b"pytorch" in start or b"onnx" in start:
        return "an ONNX file"
    known = next((kind for magic, kind in _KINDS if start.startswith(magic)), None)
    return known or "a file of another kind, or a damaged one"
