"""The exported file for one size in OpenVINO, where that is installed; and in onnxruntime beside it."""

import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dwsfusion.engines.onnx import Network, OnnxNetwork
from dwsfusion.engines.portable import export_portable
from dwsfusion.errors import InputError
from dwsfusion.generator import Generator

_log = logging.getLogger(__name__)


class OpenVinoNetwork:
    """An exported file of one size as a network on the CPU: tensors in, tensor out.

    Args:
        path: the file, of `export_portable`.
        threads: how many may work on one picture; as many as torch may use without it.

    Raises:
        InputError: OpenVINO is missing, or cannot run the file.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        try:
            import openvino  # here, for nothing else needs it
        except ImportError as error:
            raise InputError(f"running {path} in OpenVINO needs it: pip install openvino") from error
        # Single precision, for where the processor has half of it, OpenVINO would take that.
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads or torch.get_num_threads()}
        try:
            compiled: Any = openvino.Core().compile_model(str(path), "CPU", settings)
        except RuntimeError as error:
            raise InputError(f"OpenVINO {openvino.__version__} cannot run {path}: {error}") from error
        self._request, self._output = compiled.create_infer_request(), compiled.output(0)

    def __call__(self, ir: Tensor, vis_y: Tensor) -> Tensor:
        """Fuses ``(B, 1, H, W)`` with ``(B, 1, H, W)``, of the file's size."""
        found = self._request.infer([ir.numpy(), vis_y.numpy()])[self._output]
        return torch.from_numpy(found.copy())  # the next picture takes its place


def try_portable(generator: Generator, path: Path, size: tuple[int, int]) -> dict[str, Network | None]:
    """The file for one size in onnxruntime and in OpenVINO by their names; None, with a line, where one cannot run it.

    Args:
        generator: the network.
        path: where the file goes.
        size: height and width in pixels.
    """
    names = "onnxruntime, one size", "OpenVINO, one size"
    found: dict[str, Network | None] = dict.fromkeys(names)
    try:
        export_portable(generator, path, size)
        found[names[0]] = OnnxNetwork(path)
        found[names[1]] = OpenVinoNetwork(path)
    except InputError as error:
        _log.info("without the file for one size everywhere: %s", error)
    return found
