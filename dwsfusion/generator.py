"""The DWSFusion generator, top-down as in the published figure: weigh, cross, fuse.

All tensors are float ``(B, C, H, W)`` in [0, 1]; H and W are 16 or more, odd sizes included.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dwsfusion.layers import FA2M, FADC, Convolution


@dataclass(frozen=True)
class GeneratorConfig:
    """Where the paper's figure and the released weights differ. It travels with the weights."""

    channel_attention: bool
    """A working channel attention (the paper); without it the constant ½ (the released weights)."""
    shared_norm: bool
    """One batch norm for both convolutions of a down stage (released), or one each (the paper's figure)."""
    average_pooling: bool
    """Average pooling in the down stages (the paper's figure), or max pooling (released)."""
    cross_weights: bool = True
    """Weight each picture by what the other's map leaves, too; without it by its own map alone."""
    free_maps: bool = False
    """Weight maps from 0 to 1, by a last linear stage over what was estimated and the picture. Without it, as
    published, their sum goes into the sigmoid: it is never negative, so no map falls below ½ and none can leave out
    a picture. Not in the paper; as it begins, it computes the same."""

    def hidden(self, channels: int) -> int:
        """Hidden units of the channel attention over some channels."""
        return max(1, channels // 16) if self.channel_attention else 0


RELEASED = GeneratorConfig(channel_attention=False, shared_norm=True, average_pooling=False)
PAPER = GeneratorConfig(channel_attention=True, shared_norm=False, average_pooling=True)
FREE = replace(PAPER, free_maps=True)


class WeightMaps(NamedTuple):
    """What an AWEM says of the infrared and of the visible picture, each ``(B, 1, H, W)`` in [0, 1]."""

    ir: Tensor
    vis: Tensor


class Generator(nn.Module):
    """Fuses infrared and visible luma.

    Args:
        config: the variant.
    """

    def __init__(self, config: GeneratorConfig = PAPER) -> None:
        super().__init__()
        self.config = config
        self.weigh_ir, self.weigh_vis = AWEM(config), AWEM(config)
        self.balance = AlphaNet() if config.cross_weights else None
        self.fuse = FAF2M(config)

    def forward(self, ir: Tensor, vis_y: Tensor) -> Tensor:
        """Fuses ``(B, 1, H, W)`` with ``(B, 1, H, W)`` to ``(B, 1, H, W)``."""
        return self.cross_and_fuse(ir, vis_y, self.weights(ir, vis_y))

    def weights(self, ir: Tensor, vis_y: Tensor) -> WeightMaps:
        """Estimates how much each pixel of each picture matters.

        Dual weight supervision asks the same of the fused picture: ``weights(fused, fused)``, in training only.
        """
        return WeightMaps(self.weigh_ir(ir), self.weigh_vis(vis_y))

    def cross_and_fuse(self, ir: Tensor, vis_y: Tensor, weights: WeightMaps) -> Tensor:
        """Weights each picture by its own map and by what the other's map leaves, then fuses the two."""
        if self.balance is None:
            return self.fuse(torch.cat([ir * weights.ir, vis_y * weights.vis], dim=1))
        alpha = self.balance(torch.cat([ir, vis_y], dim=1))  # (B, 1, 1, 1)
        weighted_ir = ir * (alpha * weights.ir + (1 - alpha) * (1 - weights.vis))
        weighted_vis = vis_y * (alpha * weights.vis + (1 - alpha) * (1 - weights.ir))
        return self.fuse(torch.cat([weighted_ir, weighted_vis], dim=1))


class AWEM(nn.Module):
    """Adaptive weight estimation: a small encoder–decoder with frequency-adaptive attention."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.down1, self.attend1 = Down(1, 4, config), FA2M(4, config.hidden(4))
        self.down2, self.attend2 = Down(4, 8, config), FA2M(8, config.hidden(8))
        self.up1, self.attend3 = Up(8, 4), FA2M(4, config.hidden(4))
        self.up2, self.attend4 = Up(8, 1), FA2M(1, config.hidden(1))
        self.level = _sum() if config.free_maps else None

    def forward(self, picture: Tensor) -> Tensor:
        """A picture ``(B, 1, H, W)`` to its weight map ``(B, 1, H, W)``."""
        f1 = self.attend1(self.down1(picture))  # (B, 4, H / 4, W / 4)
        f2 = self.attend2(self.down2(f1))  # (B, 8, H / 16, W / 16)
        f3 = resize_like(self.attend3(self.up1(f2)), f1)  # (B, 4, H / 4, W / 4)
        f4 = resize_like(self.attend4(self.up2(torch.cat([f1, f3], dim=1))), picture)  # (B, 1, H, W)
        level = f4 + picture if self.level is None else self.level(torch.cat([f4, picture], dim=1))
        return level.sigmoid()


class Down(nn.Module):
    """Twice convolution, norm, ReLU and pooling: a quarter of the size."""

    def __init__(self, channels: int, filters: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.conv1 = Convolution(channels, filters, 3, padding=1, bias=False)
        self.conv2 = Convolution(filters, filters, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(filters) for _ in range(1 if config.shared_norm else 2))
        self.pool = nn.AvgPool2d(2) if config.average_pooling else nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, O, H / 4, W / 4)``, rounded up."""
        x = self.pool(F.relu(self.norms[0](self.conv1(pad_to_even(x)))))
        return self.pool(F.relu(self.norms[-1](self.conv2(pad_to_even(x)))))


class Up(nn.Sequential):
    """Twice transposed convolution, norm and ReLU: ``(B, C, H, W)`` to ``(B, O, 4 H, 4 W)``."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__(
            nn.ConvTranspose2d(channels, filters, 2, stride=2), nn.BatchNorm2d(filters), nn.ReLU(),
            nn.ConvTranspose2d(filters, filters, 2, stride=2), nn.BatchNorm2d(filters), nn.ReLU(),
        )  # fmt: skip


class AlphaNet(nn.Module):
    """How far a pair trusts each map for its own picture (1) or for the other's (0): one number, not negative."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Convolution(2, 4, 3, padding=1)
        self.conv2 = Convolution(4, 8, 3, padding=1)
        self.linear = nn.Linear(8, 1)

    def forward(self, pair: Tensor) -> Tensor:
        """``(B, 2, H, W)`` to ``(B, 1, 1, 1)``."""
        mean = F.relu(self.conv2(F.relu(self.conv1(pair)))).mean((2, 3))
        return F.relu(self.linear(mean))[:, :, None, None]


class ClampTowardsRange(torch.autograd.Function):
    """Clamps to [0, 1]; outside, gradients that lead back pass: a picture that is black all over can still learn."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Any shape to the same."""
        ctx.save_for_backward(x)
        return x.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """The gradient, 0 where it leads further out."""
        (x,) = ctx.saved_tensors
        return grad.masked_fill(((x < 0) & (grad > 0)) | ((x > 1) & (grad < 0)), 0)


class FAF2M(nn.Module):
    """Frequency-adaptive feature fusion: two weighted pictures become one."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.extract, self.attend = FADC(2, 4), FA2M(4, config.hidden(4))
        self.match = nn.Conv2d(2, 4, 1)
        self.reduce = FADC(4, 1)

    def forward(self, pair: Tensor) -> Tensor:
        """``(B, 2, H, W)`` to the fused luma ``(B, 1, H, W)`` in [0, 1]."""
        features = self.attend(self.extract(pair))  # (B, 4, H, W)
        fused = self.reduce(features + self.match(pair))
        return ClampTowardsRange.apply(fused) if fused.requires_grad else fused.clamp(0, 1)


def _sum() -> nn.Conv2d:
    """A 1×1 convolution of two channels to one that begins as their sum."""
    layer = nn.Conv2d(2, 1, 1)
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def pad_to_even(x: Tensor) -> Tensor:
    """Adds a row of zeros at the bottom and a column at the right where the height or width is odd."""
    h, w = x.shape[-2:]
    return F.pad(x, (0, w % 2, 0, h % 2)) if h % 2 or w % 2 else x


def resize_like(x: Tensor, other: Tensor) -> Tensor:
    """Resizes x bilinearly to the other's height and width where they differ."""
    size = other.shape[-2:]
    return x if x.shape[-2:] == size else F.interpolate(x, size=size, mode="bilinear", align_corners=False)
