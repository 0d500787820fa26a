"""Reading weights that torch saved, without running what a file may hold, and saying what a file is that holds none."""

import re
from pathlib import Path
from typing import Any

import torch

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
