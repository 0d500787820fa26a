"""The frequency-adaptive layers: FADC (a convolution) and FA2M (an attention).

All tensors are float ``(B, C, H, W)``. FADC follows "Frequency-Adaptive Dilated Convolution for Semantic
Segmentation" (CVPR 2024, doi:10.1109/CVPR52733.2024.00328) as DWSFusion uses it: kernel 3×3, stride 1.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dwsfusion.ops import inference_kernels, training_kernels

CUTOFFS = (2, 4, 8)
"""The low-pass images keep 1/2, 1/4 and 1/8 of the spectrum's rows and columns."""

TAPS = 9
_SQUEEZED = 16
_held: ContextVar[list[list[Tensor]] | None] = ContextVar("masks to hold", default=None)


class Convolution(nn.Conv2d):
    """A 3×3 convolution of stride 1 over few channels."""

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, O, H, W)``, less what the padding does not make up for."""
        if torch.is_grad_enabled() and (kernels := training_kernels(x)) is not None:
            return kernels.convolve(x, self.weight, self.bias, self.padding[0])
        return super().forward(x)


class FrequencySelection(nn.Module):
    """Splits a feature map into octave bands and weights each by a gate per pixel; the lowest is kept as it is."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = Convolution(channels, len(CUTOFFS), 3, padding=1)
        nn.init.zeros_(self.gates.weight)
        nn.init.zeros_(self.gates.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same."""
        gates = 2 * self.gates(x).sigmoid()  # (B, 3, H, W)
        low2, low4, low8 = low_pass(x)
        return gates[:, 0:1] * (x - low2) + gates[:, 1:2] * (low2 - low4) + gates[:, 2:3] * (low4 - low8) + low8


def low_pass(x: Tensor) -> tuple[Tensor, ...]:
    """Ideal low-pass images of x at each of the `CUTOFFS`: ``(B, C, H, W)`` to three of the same."""
    h, w = x.shape[-2:]
    masks = _low_pass_masks(h, w, x.device, x.dtype)
    if (held := _held.get()) is not None:
        held.append(masks)
    spectrum = torch.fft.fft(torch.fft.rfft(x)[..., : masks[0].shape[1]], dim=-2)
    return tuple(_filtered(spectrum, mask, w) for mask in masks)


@contextmanager
def held_masks() -> Iterator[list[list[Tensor]]]:
    """Gathers the masks that `low_pass` uses inside: who records its operations needs them as long as the record."""
    masks: list[list[Tensor]] = []
    token = _held.set(masks)
    try:
        yield masks
    finally:
        _held.reset(token)


def _filtered(spectrum: Tensor, mask: Tensor, width: int) -> Tensor:
    """Back to pixels from the leftmost columns ``(B, C, H, K)`` of a spectrum; mask ``(H, K', 1)`` with K' ≤ K."""
    kept = torch.view_as_complex(torch.view_as_real(spectrum[..., : mask.shape[1]]) * mask)
    return torch.fft.irfft(torch.fft.ifft(kept, dim=-2), n=width)


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # masks that were first made for inference serve training too
def _low_pass_masks(h: int, w: int, device: torch.device, dtype: torch.dtype) -> list[Tensor]:
    """Masks ``(H, K, 1)`` on the half plane of a real FFT, as many columns as are not zero.

    The window is half-open on the centred plane, so it holds some frequencies without their mirror images. The
    real part of such a filter's output is the output of the mask made symmetric, (M(k) + M(-k)) / 2.
    """
    masks = []
    for rows, columns in zip(kept_frequencies(h), kept_frequencies(w), strict=True):
        mask = torch.outer(rows, columns)
        mirrored = mask.flip(0, 1).roll((1, 1), (0, 1))
        half = ((mask + mirrored) / 2)[:, : w // 2 + 1]
        columns_kept = max(1, int(half.any(0).sum()))
        # Column by column in memory, as the transform along the columns leaves the spectrum.
        masks.append(half[:, :columns_kept].t().to(device, dtype).contiguous().t()[..., None])
    return masks


def kept_frequencies(size: int) -> Tensor:
    """1 where a low-pass filter keeps a frequency of an axis, else 0: ``(3, size)``, frequency 0 first."""
    centred = torch.zeros(len(CUTOFFS), size, dtype=torch.float64)
    for window, cutoff in zip(centred, CUTOFFS, strict=True):
        window[round(size / 2 - size / (2 * cutoff)) : round(size / 2 + size / (2 * cutoff))] = 1
    return torch.fft.ifftshift(centred, dim=1)


class KernelAttention(nn.Module):
    """Weights for a kernel's input channels and filters, from the mean of each channel."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, _SQUEEZED, 1, bias=False)
        self.norm = nn.BatchNorm2d(_SQUEEZED)
        self.channels = nn.Conv2d(_SQUEEZED, channels, 1)
        self.filters = nn.Conv2d(_SQUEEZED, filters, 1)

    def forward(self, mean: Tensor) -> Tensor:
        """Channel means ``(B, C, 1, 1)`` to factors in [0, 4] for a kernel, ``(B, O, C, 1, 1)``."""
        squeezed = F.relu(self.norm(self.squeeze(mean)))
        channels = 2 * self.channels(squeezed).sigmoid()[:, None]  # (B, 1, C, 1, 1)
        filters = 2 * self.filters(squeezed).sigmoid()[:, :, None]  # (B, O, 1, 1, 1)
        return channels * filters


class FADC(nn.Module):
    """Frequency-adaptive dilated convolution, 3×3: the kernel adapts to the picture, the dilation to each pixel."""

    def __init__(self, channels: int, filters: int, bias: bool = True) -> None:
        super().__init__()
        self.frequency = FrequencySelection(channels)
        self.low, self.high = KernelAttention(channels, filters), KernelAttention(channels, filters)
        self.dilation = Convolution(channels, 1, 3)
        self.modulation = Convolution(channels, TAPS, 3)
        bound = (channels * TAPS) ** -0.5
        self.weight = nn.Parameter(torch.empty(filters, channels, 3, 3).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(filters)) if bias else None
        for conv, start in ((self.dilation, 1e-4), (self.modulation, 0.0)):
            nn.init.zeros_(conv.weight)
            nn.init.constant_(conv.bias, start)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, O, H, W)``."""
        if (kernels := inference_kernels(x, self)) is not None:
            return kernels.fadc(self, x, low_pass)
        x = self.frequency(x)
        kernel = self.adapted_kernel(x.mean((2, 3), keepdim=True))  # (B, O, C, 3, 3)
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        dilation = self.dilation(padded).abs()  # (B, 1, H, W), 0 is a plain convolution
        modulation = self.modulation(padded).sigmoid()  # (B, 9, H, W)
        return adaptive_convolution(padded, kernel, dilation, modulation, self.bias)

    def adapted_kernel(self, mean: Tensor) -> Tensor:
        """The kernel of each picture, ``(B, O, C, 3, 3)``: its mean (low) and the rest (high) weighted apart."""
        low = self.weight.mean((2, 3), keepdim=True)  # (O, C, 1, 1)
        return low * self.low(mean) + (self.weight - low) * self.high(mean)


def adaptive_convolution(
    padded: Tensor, kernel: Tensor, dilation: Tensor, modulation: Tensor, bias: Tensor | None
) -> Tensor:
    """Convolves with a kernel per picture, a dilation per pixel and a modulation per pixel and tap.

    Tap k at pixel p reads the padded map bilinearly at p + (1 + dilation(p))·grid_k, zeros outside.

    Args:
        padded: ``(B, C, H + 2, W + 2)``.
        kernel: ``(B, O, C, 3, 3)``.
        dilation: ``(B, 1, H, W)``, what is added to a dilation of 1, in pixels.
        modulation: ``(B, 9, H, W)``.
        bias: ``(O,)`` or None.

    Returns:
        ``(B, O, H, W)``.
    """
    if (kernels := training_kernels(padded)) is not None:
        return kernels.adaptive_convolution(padded, kernel, dilation, modulation, bias)
    from torchvision.ops import deform_conv2d  # here, for it takes a second to import

    b, o, c = kernel.shape[:3]
    h, w = dilation.shape[-2:]
    grid = tap_grid(padded.device, padded.dtype)
    # At NaN torchvision would read outside its memory. Here the NaN still shows, through modulation and pixels.
    dilation = dilation.nan_to_num(nan=0.0, posinf=0.0)
    # One picture after another becomes one group after another: deform_conv2d knows one kernel per group only.
    out = deform_conv2d(
        padded.reshape(1, b * c, h + 2, w + 2),
        (dilation * grid).reshape(1, b * 2 * TAPS, h, w),
        kernel.reshape(b * o, c, 3, 3),
        None if bias is None else bias.repeat(b),
        mask=modulation.reshape(1, b * TAPS, h, w),
    )
    return out.reshape(b, o, h, w)


def tap_grid(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The unit offsets of the nine taps as ``(1, 18, 1, 1)``: y, x, row by row."""
    steps = torch.arange(-1, 2, device=device, dtype=dtype)
    return torch.cartesian_prod(steps, steps).reshape(1, 2 * TAPS, 1, 1)


class ChannelAttention(nn.Module):
    """Scales each channel by what its mean and its maximum say.

    Differs from the paper: with ``hidden`` 0, as in the released weights, the scale is the constant ½.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.mlp = None
        if hidden:
            self.mlp = nn.Sequential(
                nn.Linear(channels, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, channels, bias=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same."""
        return x * self.scale(x)

    def scale(self, x: Tensor) -> Tensor:
        """The factors ``(B, C, 1, 1)``."""
        if self.mlp is None:
            return x.new_full((*x.shape[:2], 1, 1), 0.5)
        if (kernels := inference_kernels(x, self)) is not None:
            return kernels.channel_scale(self.mlp, x)
        said: Tensor = self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))  # (B, C)
        return said.sigmoid()[:, :, None, None]


class FA2M(nn.Module):
    """Frequency-adaptive attention: a channel attention, then a spatial one whose convolution is a FADC."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels, hidden)
        self.spatial = FADC(2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same."""
        if (kernels := inference_kernels(x, self)) is not None:
            return kernels.fa2m(self, x, low_pass)
        x = self.channel(x)
        summary = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)  # (B, 2, H, W)
        return x * self.spatial(summary).sigmoid()
