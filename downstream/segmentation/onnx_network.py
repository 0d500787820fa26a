"""Segmenters as ONNX files, run by onnxruntime on the CPU."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dwsfusion.errors import InputError

SUFFIX = ".onnx"
_FORM = "a float input (batch, 3, height, width) and logits (batch, classes, height, width)"


class OnnxNetwork(nn.Module):
    """A segmenter's file as a network: normalised pictures in, logits of their size out.

    Where the file's input has a fixed size, pictures are resized to it bilinearly with antialiasing; logits go back to
    the picture's size bilinearly.

    Args:
        path: the file; its input ``(B or 1, 3, H, W)`` is RGB normalised by ImageNet, its first output logits.

    Raises:
        InputError: onnxruntime is missing, or the file is not of this form.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path, self._session = path, _session(path)
        self._input, output = self._session.get_inputs()[0], self._session.get_outputs()[0]
        shape = list(self._input.shape)
        if len(self._session.get_inputs()) != 1 or len(shape) != 4 or self._input.type != "tensor(float)":
            raise InputError(f"expected {_FORM} in {path}, found {self._input.type} {shape}")
        self._one_by_one = shape[0] == 1
        height, width = shape[2:]
        self.size_px = (height, width) if isinstance(height, int) and isinstance(width, int) else None
        """Height and width of the file's input; None where it takes any."""
        self.classes = self._count_classes(output.shape)

    @property
    def about(self) -> dict[str, Any]:
        """What a protocol says of the network and its runtime."""
        import onnxruntime  # type: ignore[import-untyped]

        fixed = self.size_px and f"{self.size_px[0]}x{self.size_px[1]}"
        return {
            "network": f"ONNX file {self._path.name}",
            "runtime": f"onnxruntime {onnxruntime.__version__}",
            "input_px": fixed or "the picture's own",
            "resizing": "bilinear with antialiasing to the network, logits bilinear back" if fixed else "none",
        }

    def forward(self, pixels: Tensor) -> Tensor:
        """Pictures ``(B, 3, H, W)`` to logits ``(B, C, H, W)``."""
        size = pixels.shape[2:]
        shown = pixels.cpu().float()
        if self.size_px is not None and tuple(size) != self.size_px:
            shown = F.interpolate(shown, self.size_px, mode="bilinear", align_corners=False, antialias=True)
        batches = shown.split(1) if self._one_by_one else (shown,)
        logits = torch.cat([self._run(batch) for batch in batches])
        if logits.shape[2:] != size:
            logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
        return logits.to(pixels.device)

    def _run(self, pixels: Tensor) -> Tensor:
        array = np.ascontiguousarray(pixels.numpy())
        return torch.from_numpy(self._session.run(None, {self._input.name: array})[0])

    def _count_classes(self, shape: Any) -> int:
        """From the file where it says so, else from what comes out for a grey picture."""
        if shape and len(shape) == 4 and isinstance(shape[1], int):
            return int(shape[1])
        logits = self._run(torch.zeros(1, 3, *(self.size_px or (64, 64))))
        if logits.dim() != 4:
            raise InputError(f"expected {_FORM} in {self._path}, found an output of {tuple(logits.shape)}")
        return int(logits.shape[1])


def _session(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"expected a segmenter at {path}, found no such file")
    try:
        import onnxruntime  # here, for it comes with an extra
    except ImportError as error:
        raise InputError(f"{path.name} needs onnxruntime: pip install 'dwsfusion[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"expected an ONNX file that onnxruntime can run at {path}, found: {reason}") from error
