"""A segmentation network in an ONNX file, computed by onnxruntime on the CPU."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from downstream.segmentation.given import GivenNetwork
from dwsfusion.errors import InputError

EXPECTED = "one input (B or 1, 3, H, W) of float, RGB normalised by ImageNet, and logits (..., C, h, w)"
_TRIAL_PX = 128


class OnnxNetwork(nn.Module):
    """Takes ``(1, 3, H, W)``, gives logits ``(1, C, H, W)``, whatever size the file insists on.

    Pictures are resized to a fixed input bilinearly with antialiasing, logits back bilinearly.

    Args:
        path: the file.

    Raises:
        InputError: no onnxruntime, no readable ONNX file, or other inputs than a picture.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._session = _open(path)
        given = self._session.get_inputs()
        shape: list[int | str | None] = list(given[0].shape) if len(given) == 1 else []
        if len(shape) != 4 or given[0].type != "tensor(float)" or (isinstance(shape[1], int) and shape[1] != 3):
            described = ", ".join(f"{entry.name} {entry.shape} of {entry.type}" for entry in given)
            raise InputError(f"expected {EXPECTED} in {path}, found {described}: export it so")
        self._name = given[0].name
        batch, _, height, width = (side if isinstance(side, int) else None for side in shape)
        self.batch = batch or 1
        self.input_px = (height, width)

    def forward(self, pixels: Tensor) -> Tensor:  # (1, 3, H, W)
        """Gives the logits ``(1, C, H, W)``."""
        height, width = pixels.shape[2:]
        size = (self.input_px[0] or height, self.input_px[1] or width)
        fitted = pixels
        if size != (height, width):
            fitted = F.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=True)
        logits = self._run(fitted.expand(self.batch, -1, -1, -1).float().cpu().contiguous()).to(pixels.device)
        if logits.shape[2:] != (height, width):
            logits = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
        return logits  # (1, C, H, W)

    def _run(self, pixels: Tensor) -> Tensor:
        try:
            logits = np.asarray(self._session.run(None, {self._name: pixels.numpy()})[0])
        except Exception as error:  # onnxruntime's own have no base of theirs
            size = f"{pixels.shape[3]}x{pixels.shape[2]}"
            raise InputError(f"{self.path} does not run on a picture of {size} pixels: {_short(error)}") from error
        if logits.ndim < 3 or logits.dtype.kind != "f" or not logits.size:
            raise InputError(f"expected {EXPECTED} in {self.path}, found an output {logits.shape} of {logits.dtype}")
        return torch.from_numpy(logits).reshape(-1, *logits.shape[-3:])[:1].float()


def read_onnx(path: Path) -> GivenNetwork:
    """Loads an ONNX file ``(B or 1, 3, H, W)`` to ``(..., C, h, w)``; its classes are told by a trial run.

    Raises:
        InputError: it is not readable, or not of this form.
    """
    network = OnnxNetwork(path)
    trial = torch.zeros(1, 3, *(side or _TRIAL_PX for side in network.input_px))
    classes = network(trial).shape[1]
    import onnxruntime  # type: ignore[import-untyped] # here, for it comes with an extra

    runtime = f"onnxruntime {onnxruntime.__version__}"
    return GivenNetwork(network, classes, "ONNX file", path, runtime, input_px=network.input_px)


def _open(path: Path) -> Any:
    try:
        import onnxruntime  # here, for it comes with an extra
    except ImportError as error:
        raise InputError(f"{path} needs onnxruntime, which is not here: pip install 'dwsfusion[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own have no base of theirs
        raise InputError(f"{path} is not a readable ONNX file: {_short(error)}: export it anew") from error


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0][:160]
