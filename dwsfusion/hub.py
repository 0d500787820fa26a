"""Weights as the Hugging Face hub keeps them: a folder with the tensors, their configuration and a card."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from dwsfusion.checkpoints import save_generator
from dwsfusion.errors import InputError
from dwsfusion.generator import Generator
from dwsfusion.runs import write_text

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_FILE_SUFFIXES = (".pth", ".pt", ".safetensors", ".ckpt", ".bin", ".onnx")
_HEADER = """---
library_name: dwsfusion
tags:
- image-fusion
- infrared
pipeline_tag: image-to-image
---
"""


def save_pretrained(generator: Generator, folder: Path, card: str = "", note: Mapping[str, str] | None = None) -> None:
    """Writes a folder that `Fuser.from_pretrained` reads, and that can be uploaded as it is.

    Args:
        generator: the network.
        folder: is made; the three files in it are replaced.
        card: what users should know, in Markdown: how it was made, how it does, what it is bad at.
        note: texts that go along in the weights file, such as the command that made the weights.
    """
    save_generator(generator, folder / WEIGHTS, note)
    config = {"method": "dwsfusion", "generator": asdict(generator.config)}
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    write_text(folder / CARD, _HEADER + card.strip() + "\n")


def find_weights(source: str | Path, revision: str | None = None) -> Path | None:
    """The weights file of a folder of `save_pretrained`, or of a name ``OWNER/NAME`` of the hub, which is downloaded.

    Args:
        source: folder or name.
        revision: branch, tag or commit on the hub; without it the newest.

    Returns:
        The file; None where the source reads as neither.

    Raises:
        InputError: the folder holds no weights, or the name cannot be had.
    """
    folder = Path(source)
    if folder.is_dir():
        return _weights_in(folder)
    if not _NAME.fullmatch(str(source)) or folder.suffix.lower() in _FILE_SUFFIXES:
        return None
    return _weights_in(_download(str(source), revision))


def _weights_in(folder: Path) -> Path:
    path = folder / WEIGHTS
    if not path.is_file():
        held = ", ".join(sorted(found.name for found in folder.iterdir())[:5]) or "nothing"
        raise InputError(f"expected {WEIGHTS} in {folder}, as save_pretrained writes it, found {held}")
    return path


def _download(name: str, revision: str | None) -> Path:
    try:
        import huggingface_hub  # here, for it is an extra
    except ImportError as error:
        raise InputError(
            f"expected weights at {name}, found no such file; to take it for a name of the Hugging Face hub, install "
            "huggingface_hub: pip install 'dwsfusion[hub]'"
        ) from error
    try:
        return Path(huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=[WEIGHTS, CONFIG, CARD]))
    except (OSError, ValueError) as error:  # its own errors are of these
        first_line = str(error).partition("\n")[0][:160]
        raise InputError(
            f"expected a weights file, a folder, or a name of the hub that can be downloaded, found {name}: "
            f"{first_line}: check the name and the connection"
        ) from error
