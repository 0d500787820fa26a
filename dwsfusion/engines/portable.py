"""The generator for one size in operations that every runtime has: for OpenVINO and compilers for small devices.

Beside `dwsfusion.engines.onnx`, whose file takes any size but needs DeformConv: here sizes are numbers, everything that
hangs on them alone is a constant, and the nine taps are read by GridSample.
"""

import json
import warnings
from copy import deepcopy
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dwsfusion.engines.onnx import INSTALL, OnnxNetwork, metadata, sample_pairs
from dwsfusion.errors import InputError
from dwsfusion.frequencies import kept_frequencies
from dwsfusion.generator import Generator
from dwsfusion.layers import FA2M, FADC, ChannelAttention
from dwsfusion.ops import TAPS
from dwsfusion.runs import whole_file

PORTABLE_OPSET = 16
"""The first with GridSample."""
PORTABLE_TOLERANCE = 1e-3
"""The largest difference to the network's output that a file may have: a quarter of a grey level. GridSample takes
places as shares of a side, which single precision rounds by 0.00002 pixels at 640."""
_CENTRE = TAPS // 2
_LEAST_PX = 16


def export_portable(generator: Generator, path: Path, size: tuple[int, int], batch: int = 1) -> float:
    """Writes a generator as ONNX for one size, re-runs the file in onnxruntime, and keeps it if it computes the same.

    Args:
        generator: the network, of any variant.
        path: where to; its folder is made.
        size: height and width in pixels, 16 or more.
        batch: pairs at once.

    Returns:
        The largest difference to the network's output, over noise and drawn scenes.

    Raises:
        InputError: the size is none, onnx or onnxruntime is missing, or the difference is above `PORTABLE_TOLERANCE`.
    """
    if min(size) < _LEAST_PX or batch < 1:
        raise InputError(
            f"expected sides of {_LEAST_PX} pixels or more and a batch of 1 or more, found {size}, {batch}"
        )
    try:
        import onnx  # here, for they are an extra
        import onnxruntime  # type: ignore[import-untyped] # noqa: F401
    except ImportError as error:
        raise InputError(f"ONNX export needs {error.name}: {INSTALL}") from error
    with whole_file(path) as beside:
        _trace(generator, beside, size, batch)
        _fold(beside)
        model = onnx.load(beside)
        _tidy(model)
        onnx.helper.set_model_props(model, {**metadata(generator), "size": json.dumps([batch, 1, *size])})
        onnx.save(model, beside)
        difference = _difference(generator, OnnxNetwork(beside), size, batch)
        if not difference <= PORTABLE_TOLERANCE:  # NaN is refused too
            raise InputError(
                f"expected ONNX output within {PORTABLE_TOLERANCE:g} of the network's, found a difference of "
                f"{difference:.2g}: {path} was not written; check the weights, or update onnxruntime"
            )
    return difference


class PortableGenerator(nn.Module):
    """A generator that computes pairs of one size, for tracing.

    Args:
        generator: the network, of any variant; it is copied.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.network = deepcopy(generator).cpu().float().eval()
        for layer in self.network.modules():  # the same parameters, said in other operations
            if portable := _PORTABLE.get(type(layer)):
                layer.__class__ = portable

    def forward(self, ir: Tensor, vis_y: Tensor) -> Tensor:
        """Fuses ``(B, 1, H, W)`` with ``(B, 1, H, W)``."""
        fused: Tensor = self.network(ir, vis_y)
        return fused


def _fold(path: Path) -> None:
    """Computes what hangs on sizes and constants alone once and for all, by onnxruntime's basic optimisations."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def _tidy(model: Any) -> None:
    """Leaves each constant once, for the filters are the same in many layers, and the one operator set that is used."""
    first: dict[bytes, str] = {}
    names: dict[str, str] = {}
    kept = []
    for constant in model.graph.initializer:
        name, constant.name = constant.name, ""
        names[name] = first.setdefault(constant.SerializeToString(), name)
        constant.name = name
        if names[name] == name:
            kept.append(constant)
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    sets = [own for own in model.opset_import if own.domain == ""]
    del model.opset_import[:]
    model.opset_import.extend(sets)


@torch.inference_mode()
def _difference(generator: Generator, runtime: OnnxNetwork, size: tuple[int, int], batch: int) -> float:
    network, pairs = deepcopy(generator).cpu().float().eval(), sample_pairs(size, batch)
    return float(torch.stack([(network(*pair) - runtime(*pair)).abs().max() for pair in pairs]).max())


def _trace(generator: Generator, path: Path, size: tuple[int, int], batch: int) -> None:
    network, pair = PortableGenerator(generator), torch.rand(2, batch, 1, *size)
    # Torch warns of sizes that become numbers, which is what is wanted, and that this exporter is the older one.
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        network(*pair)  # makes the filters, so that the trace finds them as constants
        torch.onnx.export(
            network, tuple(pair), str(path), dynamo=False, opset_version=PORTABLE_OPSET,
            input_names=["ir", "vis_y"], output_names=["fused"],
        )  # fmt: skip


class _PortableFADC(FADC):
    """A FADC for pictures of one size."""

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = map(int, x.shape)
        filters = int(self.weight.shape[0])
        x = self._select(x, h, w)
        kernel = self.adapted_kernel(x.mean((2, 3), keepdim=True)).reshape(b, filters, c * TAPS)
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        taps = _taps(padded, self.dilation(padded).abs(), h, w)  # (B, C, 9, H W)
        modulation = self.modulation(padded).sigmoid().reshape(b, 1, TAPS, h * w)
        out = (kernel @ (taps * modulation).reshape(b, c * TAPS, h * w)).reshape(b, filters, h, w)
        return out if self.bias is None else out + self.bias.reshape(1, filters, 1, 1)

    def _select(self, x: Tensor, h: int, w: int) -> Tensor:
        gates = 2 * self.frequency.gates(x).sigmoid()  # (B, 3, H, W)
        low2, low4, low8 = _low_pass(x, h, w)
        return gates[:, 0:1] * (x - low2) + gates[:, 1:2] * (low2 - low4) + gates[:, 2:3] * (low4 - low8) + low8


class _PortableFA2M(FA2M):
    """A FA2M without a maximum along an axis, of which some converters lose the axis."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.channel(x)
        largest = reduce(torch.maximum, x.split(1, dim=1))
        return x * self.spatial(torch.cat([x.mean(1, keepdim=True), largest], dim=1)).sigmoid()


class _PortableChannelAttention(ChannelAttention):
    """The same of a channel attention, by convolutions: some converters take a matrix of one number for a number."""

    def scale(self, x: Tensor) -> Tensor:
        if self.mlp is None:
            return super().scale(x)
        first, last = (layer.weight[:, :, None, None] for layer in self.mlp if isinstance(layer, nn.Linear))
        pooled = F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)
        mean, largest = (F.conv2d(F.relu(F.conv2d(side, first)), last) for side in pooled)
        return (mean + largest).sigmoid()  # (B, C, 1, 1)


_PORTABLE: dict[type, type] = {
    FADC: _PortableFADC, FA2M: _PortableFA2M, ChannelAttention: _PortableChannelAttention
}  # fmt: skip


def _taps(padded: Tensor, dilation: Tensor, h: int, w: int) -> Tensor:
    """The padded map ``(B, C, H + 2, W + 2)`` read at the nine taps of each pixel: ``(B, C, 9, H W)``.

    `dilation` ``(B, 1, H, W)`` is what is added to a dilation of 1, in pixels; outside the map there are zeros.
    """
    b, c = int(padded.shape[0]), int(padded.shape[1])
    reach = (1 + dilation).reshape(b, h * w)
    # GridSample's places: -1 is the middle of the first pixel, 1 that of the last.
    y = torch.linspace(2 / (h + 1), 2 * h / (h + 1), h).repeat_interleave(w) - 1
    x = torch.linspace(2 / (w + 1), 2 * w / (w + 1), w).repeat(h) - 1
    grids = [
        torch.stack([x + reach * (2 * column / (w + 1)), y + reach * (2 * row / (h + 1))], dim=-1)
        for row in (-1, 0, 1)
        for column in (-1, 0, 1)
        if row or column
    ]
    grid = torch.stack(grids, dim=1)  # (B, 8, H W, 2)
    read = F.grid_sample(padded, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
    centre = padded[:, :, 1:-1, 1:-1].reshape(b, c, 1, h * w)
    return torch.cat([read[:, :, :_CENTRE], centre, read[:, :, _CENTRE:]], dim=2)


def _low_pass(x: Tensor, h: int, w: int) -> list[Tensor]:
    """The ideal low-pass images by products with constant matrices.

    A window is half-open, so it may hold a frequency without its mirror image; the filter's output is the real part,
    which is Re A x Re B - Im A x Im B for the complex filters A and B of the two axes.
    """
    low = []
    for (real_h, imaginary_h), (real_w, imaginary_w) in zip(_filters(h), _filters(w), strict=True):
        image = _both(x, real_h, real_w)
        if imaginary_h is not None and imaginary_w is not None:
            image = image - _both(x, imaginary_h, imaginary_w)
        low.append(image)
    return low


Factors = tuple[Tensor, Tensor]
"""Two thin matrices whose product is a filter of one axis, ``(size, K)`` and ``(K, size)``."""


def _both(x: Tensor, rows: Factors, columns: Factors) -> Tensor:
    """A filter along the columns of pixels, and one along the rows; thin products first."""
    spectrum = rows[1] @ (x @ columns[1].t())  # (B, C, K, L)
    return rows[0] @ (spectrum @ columns[0].t())


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # what was first made for inference serves a trace, too
def _filters(size: int) -> tuple[tuple[Factors, Factors | None], ...]:
    """For each cutoff the real and the imaginary part of its filter along an axis; no imaginary part where it is 0."""
    return tuple(_filter(kept.bool(), size) for kept in kept_frequencies(size))


def _filter(kept: Tensor, size: int) -> tuple[Factors, Factors | None]:
    """One filter: of the frequencies kept, those with their mirror image give twice a cosine, the others a wave."""
    if not kept.any():  # of very few pixels; runtimes do not like matrices without an entry
        return (torch.zeros(size, 1), torch.zeros(1, size)), None
    mirrored = kept.flip(0).roll(1)
    frequencies = torch.arange(size)
    own = (2 * frequencies) % size == 0  # their own mirror image
    first = kept & (own | ~mirrored | (frequencies < size / 2))
    weight = torch.where(own | ~mirrored, 1.0, 2.0)[first].double().repeat(2) / size
    cosines, sines = _waves(frequencies[first], size)
    real = torch.cat([cosines, sines], dim=1) * weight, torch.cat([cosines, sines], dim=1).t()
    if not (lonely := kept & ~mirrored).any():
        return _single(real), None
    cosines, sines = _waves(frequencies[lonely], size)
    return _single(real), _single((torch.cat([sines, -cosines], dim=1) / size, torch.cat([cosines, sines], dim=1).t()))


def _waves(frequencies: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of some frequencies, ``(size, K)`` each."""
    phase = 2 * torch.pi / size * torch.outer(torch.arange(size), frequencies).remainder(size).double()
    return phase.cos(), phase.sin()


def _single(factors: Factors) -> Factors:
    return factors[0].float().contiguous(), factors[1].float().contiguous()
