"""Export the fusion network to ONNX, for any size or portable for one, checked against the network."""

import re
from dataclasses import dataclass
from pathlib import Path

from downstream.command import check_writable
from downstream.report.tables import print_table
from dwsfusion.checkpoints import DEFAULT_WEIGHTS, load_generator
from dwsfusion.engines.onnx import OPSET, TOLERANCE, export_onnx
from dwsfusion.engines.portable import PORTABLE_OPSET, PORTABLE_TOLERANCE, export_portable
from dwsfusion.errors import InputError

NEEDS = ("onnx", "onnxruntime")


@dataclass(frozen=True)
class Config:
    weights: Path = DEFAULT_WEIGHTS
    """Weights of the network, ours (.safetensors) or the authors' (.pth)."""
    out: Path = Path("out/dwsfusion.onnx")
    """The file to write: ir and vis_y, float (batch, 1, height, width) in [0, 1], to fused, the same."""
    size: str | None = None
    """HEIGHTxWIDTH, such as 480x640, for a file of that size alone, in operations that OpenVINO and compilers for
    small devices have; without it one for every size and batch, which needs a runtime with DeformConv."""
    batch: int = 1
    """With --size: pairs at once."""


def main(config: Config) -> int:
    if config.size is None and config.batch != 1:
        raise InputError("--batch belongs to --size: without it the file takes any batch")
    size = _size(config.size) if config.size is not None else None
    check_writable(config.out.parent)
    generator = load_generator(config.weights)
    if size is None:
        difference, opset, allowed = export_onnx(generator, config.out), OPSET, TOLERANCE
    else:
        difference = export_portable(generator, config.out, size, config.batch)
        opset, allowed = PORTABLE_OPSET, PORTABLE_TOLERANCE
    row = {
        "file": config.out,
        "size": config.size or "any",
        "kilobytes": config.out.stat().st_size // 1000,
        "opset": opset,
    }
    print_table("ONNX", [{**row, "largest difference": f"{difference:.1e}", "allowed": f"{allowed:.0e}"}])
    return 0


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text)
    if not found:
        raise InputError(f"expected --size HEIGHTxWIDTH, such as 480x640, found {text!r}")
    return int(found[1]), int(found[2])
