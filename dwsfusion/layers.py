"""The frequency-adaptive layers: FADC (a convolution) and FA2M (an attention).

All tensors are float ``(B, C, H, W)``. FADC follows "Frequency-Adaptive Dilated Convolution for Semantic
Segmentation" (CVPR 2024, doi:10.1109/CVPR52733.2024.00328) as DWSFusion uses it: kernel 3×3, stride 1.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dwsfusion.frequencies import CUTOFFS, low_pass
from dwsfusion.ops import TAPS, adaptive_convolution, convolution

_SQUEEZED = 16


class Convolution(nn.Conv2d):
    """A 3×3 convolution of stride 1 over few channels."""

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, O, H, W)``, less what the padding does not make up for."""
        return convolution(x, self.weight, self.bias, int(self.padding[0]))


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
        weight: Tensor = self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))  # (B, C)
        return weight.sigmoid()[:, :, None, None]


class FA2M(nn.Module):
    """Frequency-adaptive attention: a channel attention, then a spatial one whose convolution is a FADC."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels, hidden)
        self.spatial = FADC(2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same."""
        x = self.channel(x)
        summary = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)  # (B, 2, H, W)
        return x * self.spatial(summary).sigmoid()
