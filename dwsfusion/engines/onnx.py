"""The generator as an ONNX file of any size and batch, held to the network before it is left on disk."""

import hashlib
import json
import logging
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor

from dwsfusion.errors import InputError
from dwsfusion.frequencies import CUTOFFS
from dwsfusion.generator import Generator
from dwsfusion.layers import FADC
from dwsfusion.ops import tap_grid
from dwsfusion.runs import whole_file

OPSET = 19
"""The first with DeformConv."""
TOLERANCE = 1e-4
"""The largest difference to the network's output that a file may have, in [0, 1]."""
Network = Callable[[Tensor, Tensor], Tensor]

_log = logging.getLogger(__name__)
INSTALL = "install it with pip install 'dwsfusion[onnx]'"
_SIZES = ((16, 16), (17, 33), (50, 47), (120, 160), (131, 202))
_MEANING = {
    "ir": "infrared, float32 (batch, 1, height, width) in [0, 1], sides of 16 or more",
    "vis_y": "luma of the visible picture, the same shape",
    "fused": "fused luma, the same shape; put the visible picture's chroma back for colour",
}


def export_onnx(generator: Generator, path: Path) -> float:
    """Writes a generator as ONNX, re-runs the file in onnxruntime, and keeps it only if it computes the same.

    Args:
        generator: the network, of any variant.
        path: where to; its folder is made.

    Returns:
        The largest difference to the network's output, over sizes, batches, pictures and noise.

    Raises:
        InputError: onnx or onnxruntime is missing or too old, or the difference is above `TOLERANCE`.
    """
    try:
        import onnx  # here, for it is an extra
    except ImportError as error:
        raise InputError(f"ONNX export needs {error.name}: {INSTALL}") from error
    with whole_file(path) as beside:
        _trace(generator, beside)
        model = onnx.load(beside)
        onnx.helper.set_model_props(model, metadata(generator))
        onnx.save(model, beside)
        difference = largest_difference(generator, OnnxNetwork(beside))
        if not difference <= TOLERANCE:  # NaN is refused too
            raise InputError(
                f"expected ONNX output within {TOLERANCE:g} of the network's, found a difference of {difference:.2g}: "
                f"{path} was not written; check the weights, or update onnxruntime"
            )
    return difference


def try_onnx(generator: Generator, path: Path) -> "OnnxNetwork | None":
    """The exported network, or None with a warning where onnxruntime is missing or cannot run it."""
    try:
        export_onnx(generator, path)
        return OnnxNetwork(path)
    except InputError as error:
        _log.warning("without onnxruntime: %s", error)
        return None


class OnnxNetwork:
    """An exported file as a network on the CPU: tensors in, tensor out.

    Args:
        path: the file.
        threads: how many may work on one picture; as many as torch may use without it.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        try:
            import onnxruntime  # type: ignore[import-untyped] # here, for it is an extra
        except ImportError as error:
            raise InputError(f"running ONNX needs onnxruntime: {INSTALL}") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except _refusals() as error:
            raise InputError(f"onnxruntime {onnxruntime.__version__} cannot run {path}, update it: {error}") from error

    def __call__(self, ir: Tensor, vis_y: Tensor) -> Tensor:
        """Fuses ``(B, 1, H, W)`` with ``(B, 1, H, W)``."""
        return torch.from_numpy(self._session.run(["fused"], {"ir": ir.numpy(), "vis_y": vis_y.numpy()})[0])


@torch.inference_mode()
def largest_difference(generator: Generator, runtime: Network) -> float:
    """The largest absolute difference of another network's output to the generator's, NaN where either is NaN."""
    network = _resting_copy(generator)
    pairs = [pair for index, size in enumerate(_SIZES) for pair in sample_pairs(size, 1 + 2 * (index % 2), scenes=3)]
    differences = [(network(*pair) - runtime(*pair)).abs().max() for pair in pairs]
    return float(torch.stack(differences).max())


def _refusals() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as states  # type: ignore[import-untyped]

    return states.NotImplemented, states.InvalidGraph, states.Fail


def sample_pairs(size: tuple[int, int], batch: int, scenes: int | None = None) -> list[Tensor]:
    """Pairs to hold a file to the network by, noise and something like pictures: ``(2, batch, 1, H, W)`` each.

    Args:
        size: height and width.
        batch: pairs of noise.
        scenes: pairs like pictures; as many as of noise without it.
    """
    return [_noise(size, batch), _scenes(size, batch if scenes is None else scenes)]


def _noise(size: tuple[int, int], batch: int) -> Tensor:
    return torch.rand(2, batch, 1, *size, generator=torch.Generator().manual_seed(0))


def _scenes(size: tuple[int, int], count: int) -> Tensor:
    """Pairs with a bright and a dark side with grain, and something warm in the dark, at three places in turn."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, size[0]), torch.linspace(-1, 1, size[1]), indexing="ij")
    places = [(-0.5, 0.0, 0.5)[index % 3] for index in range(count)]
    warm = [torch.exp(-20 * ((x - place) ** 2 + (y - 0.2) ** 2)) for place in places]
    ir = 0.1 + 0.8 * torch.stack(warm)[:, None]  # (count, 1, H, W)
    vis = (0.3 + 0.2 * torch.sin(9 * x) * (x < 0) + 0.3 * y * (x > 0)).expand_as(ir)
    return (torch.stack([ir, vis]) + 0.02 * _noise(size, count)).clamp(0, 1)


def metadata(generator: Generator) -> dict[str, str]:
    """What a file says of itself."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in generator.state_dict().items()}
    return {
        "method": "dwsfusion",
        "config": json.dumps(asdict(generator.config)),
        "weights_sha256": hashlib.sha256(save(tensors)).hexdigest(),
        **_MEANING,
    }


def _trace(generator: Generator, path: Path) -> None:
    network = _resting_copy(generator)
    for layer in network.modules():
        if isinstance(layer, FADC):
            layer.__class__ = _TracedFADC  # the same parameters, said in other operations
    # Sides of 17 and 33 are odd at every level, so every padding and every resizing is recorded.
    pair = torch.rand(2, 2, 1, 17, 33)
    axes = {0: "batch", 2: "height", 3: "width"}
    with warnings.catch_warnings():
        # Torch warns of sizes that decide, which the example settles, and that this exporter, which alone needs no
        # further package and keeps odd and even sizes in one graph, is the older one.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, tuple(pair), str(path), dynamo=False, opset_version=OPSET,
            input_names=["ir", "vis_y"], output_names=["fused"], dynamic_axes=dict.fromkeys(_MEANING, axes),
        )  # fmt: skip


def _resting_copy(generator: Generator) -> Generator:
    return deepcopy(generator).cpu().float().eval()


class _TracedFADC(FADC):
    """A FADC in operations that ONNX has, for pictures of any size."""

    def forward(self, x: Tensor) -> Tensor:
        x = self._select(x)
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        offset = self.dilation(padded).abs() * tap_grid(x.device, x.dtype)
        mean = self.weight.mean((2, 3), keepdim=True)  # (O, C, 1, 1)
        # ONNX knows one kernel for all pictures. What differs are factors, and they can follow: a picture's kernel
        # is made of box sums of each channel and of the details that each filter sees in it.
        o, c = map(int, self.weight.shape[:2])
        fixed = torch.cat([torch.ones(c, 1, 3, 3), (self.weight - mean).transpose(0, 1)], dim=1)  # (C, 1 + O, 3, 3)
        modulation = self.modulation(padded).sigmoid()
        sampled = _DeformConv.apply(padded, fixed.flatten(0, 1)[:, None], offset, modulation, c)
        channel_mean = x.mean((2, 3), keepdim=True)
        low, high = (factors(channel_mean)[..., 0] for factors in (self.low, self.high))  # (B, O, C, 1)
        factors = torch.cat([low * mean[..., 0], high * torch.eye(o)[:, None]], dim=3).flatten(2)  # (B, O, C (1 + O))
        out = (factors @ sampled.flatten(2)).reshape(-1, o, *x.shape[2:])
        return out if self.bias is None else out + self.bias[:, None, None]

    def _select(self, x: Tensor) -> Tensor:
        gates = 2 * self.frequency.gates(x).sigmoid()  # (B, 3, H, W)
        low2, low4, low8 = _low_pass(x)
        return gates[:, 0:1] * (x - low2) + gates[:, 1:2] * (low2 - low4) + gates[:, 2:3] * (low4 - low8) + low8


def _low_pass(x: Tensor) -> list[Tensor]:
    """The ideal low-pass images by products with cosines and sines: ONNX has no fast transform for every size.

    A frequency that a window holds without its mirror image counts half, and where that is so on both axes,
    cosines and sines mix: the real part of a filter whose factors are complex.
    """
    h, w = x.shape[-2:]  # while torch records, sizes are tensors, and what is made of them follows the picture
    rows, columns = _waves(h), _waves(w)
    spectrum = rows.flatten(0, 1) @ x @ columns.flatten(0, 1).t()
    spectrum = spectrum.reshape(*x.shape[:2], 2, rows.shape[1], 2, columns.shape[1])  # (B, C, 2, K, 2, L)
    mixed = spectrum.flip(2, 4)
    (even_h, odd_h), (even_w, odd_w) = _windows(h), _windows(w)
    low = []
    for band, cutoff in enumerate(CUTOFFS):
        k, m = _count(h, cutoff), _count(w, cutoff)  # the rest is zero
        even = even_h[band, :k, None, None] * even_w[band, :m]
        odd = odd_h[band, :, :k, None, None] * odd_w[band, :, :m]
        kept = spectrum[:, :, :, :k, :, :m] * even - mixed[:, :, :, :k, :, :m] * odd
        kept = kept.flatten(4, 5).flatten(2, 3)  # (B, C, 2 K, 2 L)
        low.append(rows[:, :k].flatten(0, 1).t() @ kept @ columns[:, :m].flatten(0, 1))
    return low


def _waves(size: int) -> Tensor:
    """Cosines and sines ``(2, K, size)`` of the K lowest frequencies, no fewer than the widest window holds."""
    circle = torch.arange(size) * (2 * torch.pi / size)
    turns = (torch.arange(_count(size, CUTOFFS[0]))[:, None] * torch.arange(size)) % size
    return torch.stack([circle.cos(), circle.sin()])[:, turns]


def _count(size: int, cutoff: int) -> int:
    return size // (2 * cutoff) + 2


def _windows(size: int) -> tuple[Tensor, Tensor]:
    """What each cutoff's window holds of frequency k ≥ 0 and of its mirror image -k, over the size.

    Returns:
        The sums ``(3, K)``; and the differences ``(3, 2, K)``, as they are and with the sign changed.
    """
    k = torch.arange(_count(size, CUTOFFS[0]))
    reach = size / (2 * torch.tensor(CUTOFFS)[:, None])
    start, stop = ((size / 2 + side * reach).round() - size // 2 for side in (-1, 1))
    held, mirrored = (((start <= side) & (side < stop)).float() / size for side in (k, -k))
    odd = held - mirrored
    return torch.where(k == 0, held, held + mirrored), torch.stack([odd, -odd], dim=1)


class _DeformConv(torch.autograd.Function):
    """A convolution for each channel on its own, at offset and modulated taps, as ONNX's operator."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, offset: Tensor, mask: Tensor, channels: int) -> Tensor:
        return x.new_zeros(len(x), len(weight), *offset.shape[2:])  # the trace needs the shape alone

    @staticmethod
    def symbolic(g: Any, x: Any, weight: Any, offset: Any, mask: Any, channels: int) -> Any:
        bias = g.op("Constant", value_t=torch.zeros(weight.type().sizes()[0]))
        return g.op("DeformConv", x, weight, offset, bias, mask, group_i=channels, kernel_shape_i=[3, 3])
