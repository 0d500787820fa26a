"""A segmentation network in an ONNX file, rebuilt in torch, so that gradients go through it."""

import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from downstream.segmentation.onnx_network import OnnxNetwork
from dwsfusion.errors import InputError

TOLERANCE = 1e-3
"""The largest difference of a logit to onnxruntime's, as a share of the largest."""
_TRIAL_PX = 128


class DifferentiableOnnx(nn.Module):
    """What an `OnnxNetwork` computes, by torch's operations: takes ``(B, 3, H, W)``, gives logits of the same sides.

    Args:
        network: of the file; held to it once.

    Raises:
        InputError: onnx2torch is missing or cannot rebuild the file, or what it makes computes something else.
    """

    def __init__(self, network: OnnxNetwork) -> None:
        super().__init__()
        self._input_px, self._batch = network.input_px, network.batch
        self.network = _rebuilt(network)
        pixels = torch.randn(
            1, 3, *(side or _TRIAL_PX for side in network.input_px), generator=torch.Generator().manual_seed(0)
        )
        with torch.inference_mode():
            expected = network(pixels)
            difference = float((self(pixels) - expected).abs().max() / expected.abs().max())
        if not difference <= TOLERANCE:  # NaN is refused too
            raise InputError(
                f"expected a network in torch that computes what {network.path} does, found logits {difference:.2g} "
                "apart: give a network that torch computes"
            )

    def forward(self, pixels: Tensor) -> Tensor:
        """Gives the logits ``(B, C, H, W)``; resizing is `OnnxNetwork`'s."""
        height, width = pixels.shape[2:]
        size = (self._input_px[0] or height, self._input_px[1] or width)
        fitted = pixels
        if size != (height, width):
            fitted = F.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=True)
        each = [self._logits(picture.expand(self._batch, -1, -1, -1)) for picture in fitted.split(1)]
        logits = torch.cat(each)
        if logits.shape[2:] != (height, width):
            logits = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
        return logits

    def _logits(self, picture: Tensor) -> Tensor:
        given = self.network(picture)
        first: Tensor = given[0] if isinstance(given, tuple | list) else given
        return first.reshape(-1, *first.shape[-3:])[:1]


def _rebuilt(network: OnnxNetwork) -> nn.Module:
    try:
        import onnx2torch  # type: ignore[import-untyped] # here, for few need it
    except ImportError as error:
        raise InputError(
            f"{network.path} is an ONNX file, through which gradients go by onnx2torch alone: pip install onnx2torch, "
            "or give a network that torch computes"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of resizing that might differ: the result is held to the file
        try:
            return onnx2torch.convert(str(network.path)).eval()
        except Exception as error:  # its converters have no error of their own
            reason = str(error).partition("\n")[0][:160] or type(error).__name__
            raise InputError(
                f"{network.path} cannot be rebuilt in torch: {reason}: give a network that torch computes"
            ) from error
