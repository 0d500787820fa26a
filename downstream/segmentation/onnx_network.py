"""A segmentation network in an ONNX file, computed by onnxruntime or OpenVINO on the CPU."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from downstream.comparison.runtimes import Runtime, open_session
from downstream.segmentation.given import GivenNetwork
from dwsfusion.errors import InputError

EXPECTED = "one input (B or 1, 3, H, W) of float, RGB normalised by ImageNet, and logits (..., C, h, w)"
_TRIAL_PX = 128


class OnnxNetwork(nn.Module):
    """Takes ``(1, 3, H, W)``, gives logits ``(1, C, H, W)``, whatever size the file insists on.

    Pictures are resized to a fixed input bilinearly with antialiasing, logits back bilinearly.

    Args:
        path: the file.
        runtime: who computes it, see `read_onnx`.

    Raises:
        InputError: no onnxruntime, no readable ONNX file, or other inputs than a picture.
    """

    def __init__(self, path: Path, runtime: Runtime = "torch") -> None:
        super().__init__()
        self.path = path
        self._session = open_session(path, runtime)
        self.version, given = self._session.version, self._session.inputs
        shape = given[0].shape if len(given) == 1 else ()
        if len(shape) != 4 or given[0].number != "float" or shape[1] not in (3, None):
            described = ", ".join(f"{entry.name} {list(entry.shape)} of {entry.number}" for entry in given)
            raise InputError(f"expected {EXPECTED} in {path}, found {described}: export it so")
        batch, _, height, width = shape
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
        logits = self._session(pixels.numpy())
        if logits.ndim < 3 or logits.dtype.kind != "f" or not logits.size:
            raise InputError(f"expected {EXPECTED} in {self.path}, found an output {logits.shape} of {logits.dtype}")
        return torch.from_numpy(logits).reshape(-1, *logits.shape[-3:])[:1].float()


def read_onnx(path: Path, runtime: Runtime = "torch") -> GivenNetwork:
    """Loads an ONNX file ``(B or 1, 3, H, W)`` to ``(..., C, h, w)``; its classes are told by a trial run.

    Args:
        path: the file.
        runtime: who computes it; onnxruntime where torch, the default, does what is not in such a file.

    Raises:
        InputError: it is not readable, or not of this form.
    """
    network = OnnxNetwork(path, runtime)
    trial = torch.zeros(1, 3, *(side or _TRIAL_PX for side in network.input_px))
    classes = network(trial).shape[1]
    return GivenNetwork(network, classes, "ONNX file", path, network.version, input_px=network.input_px)
