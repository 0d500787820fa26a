"""Export the fusion network to ONNX for any size and batch, checked against the network before the file is left."""

from dataclasses import dataclass
from pathlib import Path

from downstream.command import check_writable
from downstream.report.tables import print_table
from dwsfusion.checkpoints import DEFAULT_WEIGHTS, load_generator
from dwsfusion.engines.onnx import OPSET, TOLERANCE, export_onnx

NEEDS = ("onnx", "onnxruntime")


@dataclass(frozen=True)
class Config:
    weights: Path = DEFAULT_WEIGHTS
    """Weights of the network, ours (.safetensors) or the authors' (.pth)."""
    out: Path = Path("out/dwsfusion.onnx")
    """The file to write: ir and vis_y, float (batch, 1, height, width) in [0, 1], to fused, the same."""


def main(config: Config) -> int:
    check_writable(config.out.parent)
    generator = load_generator(config.weights)
    difference = export_onnx(generator, config.out)
    row = {"file": config.out, "kilobytes": config.out.stat().st_size // 1000, "opset": OPSET}
    print_table("ONNX", [{**row, "largest difference": f"{difference:.1e}", "allowed": f"{TOLERANCE:.0e}"}])
    return 0
