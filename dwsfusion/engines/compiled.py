"""A generator by compiled loops, without gradients: float32 on the CPU.

All that the loops need of the weights is made once, when the engine is built: an engine is a snapshot. Inside, maps
are arrays ``(B, C, H, W)``, and the parts are named as the generator's.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from dwsfusion import kernels
from dwsfusion.engines.compiled_layers import CompiledDown, CompiledFA2M, CompiledFADC, CompiledUp, by_channel, copied
from dwsfusion.engines.plain import PlainEngine, Step
from dwsfusion.generator import AWEM, FAF2M, AlphaNet, Generator, WeightMaps, resize_like
from dwsfusion.kernels.buffers import recycled
from dwsfusion.kernels.rows import arrays
from dwsfusion.kernels.stages import balance_rows, clamp_rows, cross_rows, match_rows, weigh_rows
from dwsfusion.kernels.threads import allowing, in_parallel, side_by_side

Array = NDArray[Any]
_MOST_LANES = 4
"""Batches at the same time: each needs memory of its own."""


class CompiledEngine(PlainEngine):
    """Runs a generator by compiled loops, and as it stands where they turn out not to work.

    Args:
        network: of any variant, on the CPU, in evaluation mode.
    """

    def __init__(self, network: Generator) -> None:
        super().__init__(network)
        self._dtype = next(network.parameters()).dtype
        self._weigh_ir = _CompiledAWEM("weigh_ir", network.weigh_ir)
        self._weigh_vis = _CompiledAWEM("weigh_vis", network.weigh_vis)
        self._balance = None if network.balance is None else Step("balance", _CompiledAlphaNet(network.balance))
        self._cross = Step("cross", _cross if self._balance else _multiply)
        self._fuse = _CompiledFAF2M("fuse", network.fuse)
        own = (self._balance, self._cross) if self._balance else (self._cross,)
        self.steps: Sequence[Step] = (*self._weigh_ir.steps, *self._weigh_vis.steps, *own, *self._fuse.steps)

    def __call__(self, ir: Tensor, vis_y: Tensor) -> Tensor:
        """Fuses ``(B, 1, H, W)`` with ``(B, 1, H, W)``."""
        if not self._suits(ir, vis_y):
            return self.network(ir, vis_y)
        return kernels.attempt(lambda: self._fused(ir, vis_y), lambda: self.network(ir, vis_y))

    def weights(self, ir: Tensor, vis_y: Tensor) -> WeightMaps:
        """See `Generator.weights`."""
        if not self._suits(ir, vis_y):
            return super().weights(ir, vis_y)
        return kernels.attempt(
            lambda: WeightMaps(*map(torch.from_numpy, self._weighed(*arrays(ir, vis_y)))),
            lambda: PlainEngine.weights(self, ir, vis_y),
        )

    def cross_and_fuse(self, ir: Tensor, vis_y: Tensor, weights: WeightMaps) -> Tensor:
        """See `Generator.cross_and_fuse`."""
        if not self._suits(ir, vis_y, *weights):
            return super().cross_and_fuse(ir, vis_y, weights)
        return kernels.attempt(
            lambda: torch.from_numpy(self._crossed(*arrays(ir, vis_y, *weights))),
            lambda: PlainEngine.cross_and_fuse(self, ir, vis_y, weights),
        )

    def lanes(self) -> int:
        """A core for each picture rather than all cores for each: nobody waits for a thread that reads or writes."""
        return min(torch.get_num_threads(), _MOST_LANES) if kernels.available() else 1

    def in_lane(self, lanes: int) -> AbstractContextManager[None]:
        """Inside, this thread takes its share of the cores where so many batches are worked on side by side."""
        return allowing(torch.get_num_threads() // lanes)

    def _suits(self, ir: Tensor, *others: Tensor) -> bool:
        """Whether the loops, which look at no border, may have them; the network says what is wrong with others."""
        return (
            ir.dim() == 4
            and ir.shape[1] == 1
            and all(x.shape == ir.shape and x.dtype == self._dtype and x.device.type == "cpu" for x in (ir, *others))
        )

    def _fused(self, ir: Tensor, vis_y: Tensor) -> Tensor:
        pictures = arrays(ir, vis_y)
        return torch.from_numpy(self._crossed(*pictures, *self._weighed(*pictures)))

    def _weighed(self, ir: Array, vis_y: Array) -> list[Array]:
        return side_by_side(lambda: self._weigh_ir(ir), lambda: self._weigh_vis(vis_y))

    def _crossed(self, ir: Array, vis_y: Array, weigh_ir: Array, weigh_vis: Array) -> Array:
        alpha = () if self._balance is None else (self._balance(_stack(ir, vis_y)),)
        fused: Array = self._fuse(self._cross(ir, vis_y, weigh_ir, weigh_vis, *alpha))
        return fused


class _CompiledAWEM:
    """A picture ``(B, 1, H, W)`` to its weight map ``(B, 1, H, W)``."""

    def __init__(self, name: str, net: AWEM) -> None:
        down1, down2 = CompiledDown(net.down1), CompiledDown(net.down2)
        up1, up2 = CompiledUp(net.up1), CompiledUp(net.up2)
        parts: dict[str, Callable[[Array], Array]] = {
            "down1": down1,
            "attend1": CompiledFA2M(net.attend1, down1.filters),
            "down2": down2,
            "attend2": CompiledFA2M(net.attend2, down2.filters),
            "up1": up1,
            "attend3": CompiledFA2M(net.attend3, up1.filters),
            "up2": up2,
            "attend4": CompiledFA2M(net.attend4, up2.filters),
        }
        self.steps = [Step(f"{name}.{part}", compute) for part, compute in parts.items()]
        self._level = _level(net)

    def __call__(self, picture: Array) -> Array:
        down1, attend1, down2, attend2, up1, attend3, up2, attend4 = self.steps
        f1 = attend1(down1(picture))  # (B, 4, H / 4, W / 4)
        f2 = attend2(down2(f1))  # (B, 8, H / 16, W / 16)
        f3 = _resized(attend3(up1(f2)), f1)  # (B, 4, H / 4, W / 4)
        f4 = _resized(attend4(up2(_stack(f1, f3))), picture)  # (B, 1, H, W)
        out = recycled(f4.shape, f4.dtype)
        in_parallel(weigh_rows, f4.shape[0] * f4.shape[2], f4, picture, self._level, out)
        return out


class _CompiledFAF2M:
    """Two weighted pictures ``(B, 2, H, W)`` to the fused luma ``(B, 1, H, W)`` in [0, 1]."""

    def __init__(self, name: str, net: FAF2M) -> None:
        extract, reduce = net.extract, net.reduce
        parts: dict[str, Callable[..., Array]] = {
            "extract": CompiledFADC(extract, extract.weight.shape[1]),
            "attend": CompiledFA2M(net.attend, extract.weight.shape[0]),
            "match": partial(_add_matched, copied(net.match.weight.flatten(1), net.match.bias)),
            "reduce": CompiledFADC(reduce, reduce.weight.shape[1]),
        }
        self.steps = [Step(f"{name}.{part}", compute) for part, compute in parts.items()]

    def __call__(self, pair: Array) -> Array:
        extract, attend, match, reduce = self.steps
        fused: Array = reduce(match(pair, attend(extract(pair))))
        rows = fused.reshape(-1, fused.shape[3])
        in_parallel(clamp_rows, len(rows), rows)
        return fused


class _CompiledAlphaNet:
    """A pair ``(B, 2, H, W)`` to one number each, ``(B,)``."""

    def __init__(self, net: AlphaNet) -> None:
        self._convs = [part for conv in (net.conv1, net.conv2) for part in copied(by_channel(conv.weight), conv.bias)]
        self._linear = [part.detach().clone() for part in (net.linear.weight, net.linear.bias)]

    def __call__(self, pair: Array) -> Array:
        b, _, h, w = pair.shape
        sums = np.empty((b, len(self._convs[-1]), h), pair.dtype)
        in_parallel(balance_rows, b * h, pair, *self._convs, sums)
        mean = torch.from_numpy((sums.sum(2, dtype=np.float64) / (h * w)).astype(pair.dtype))
        alpha: Array = F.relu(F.linear(mean, *self._linear)).flatten().numpy()
        return alpha


def _level(net: AWEM) -> Array:
    """What an AWEM's last stage weighs estimate and picture by, and adds, ``(3,)``: where it has none, it sums."""
    if net.level is None:
        return np.array([1, 1, 0], np.float32)
    return np.concatenate([part.ravel() for part in copied(net.level.weight, net.level.bias)])


def _add_matched(parameters: tuple[Array, ...], pair: Array, features: Array) -> Array:
    """Adds a 1×1 convolution of a pair ``(B, 2, H, W)`` to features ``(B, O, H, W)``, in their place."""
    in_parallel(match_rows, pair.shape[0] * pair.shape[2], pair, *parameters, features)
    return features


def _cross(ir: Array, vis_y: Array, weigh_ir: Array, weigh_vis: Array, alpha: Array) -> Array:
    """Pictures times their own map and what the other's leaves: all ``(B, 1, H, W)``, to ``(B, 2, H, W)``."""
    b, _, h, w = ir.shape
    out = recycled((b, 2, h, w), ir.dtype)
    in_parallel(cross_rows, b * h, *(x[:, 0] for x in (ir, vis_y, weigh_ir, weigh_vis)), alpha, out)
    return out


def _multiply(ir: Array, vis_y: Array, weigh_ir: Array, weigh_vis: Array) -> Array:
    """Pictures times their own map: all ``(B, 1, H, W)``, to ``(B, 2, H, W)``."""
    return _stack(ir * weigh_ir, vis_y * weigh_vis)


def _stack(a: Array, b: Array) -> Array:
    """The channels of a before those of b. Torch would wake threads for it, which then stand in the loops' way."""
    out = recycled((a.shape[0], a.shape[1] + b.shape[1], *a.shape[2:]), a.dtype)
    return np.concatenate((a, b), axis=1, out=out)


def _resized(x: Array, other: Array) -> Array:
    """Resized bilinearly to the other's height and width where they differ."""
    if x.shape[2:] == other.shape[2:]:
        return x
    resized: Array = resize_like(torch.from_numpy(x), torch.from_numpy(other)).contiguous().numpy()
    return resized
