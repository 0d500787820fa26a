"""The engine that calls the network as it stands, and what all engines offer."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

from torch import Tensor, nn

from dwsfusion.generator import Generator, WeightMaps

Watch = Callable[[str, float, int], None]


class Step:
    """A named part of an engine's work, whose time `dwsfusion.cost.profile_stages` takes.

    Args:
        name: as the network's parts are called.
        compute: the work, of tensors or arrays to one.
    """

    def __init__(self, name: str, compute: Callable[..., Any]) -> None:
        self.name = name
        self.compute = compute
        self.watch: Watch | None = None
        """Is told the name, the seconds, and the bytes of inputs and output."""

    def __call__(self, *inputs: Any) -> Any:
        """Does the work."""
        if self.watch is None:
            return self.compute(*inputs)
        start = time.perf_counter()
        output = self.compute(*inputs)
        self.watch(self.name, time.perf_counter() - start, sum(x.nbytes for x in (*inputs, output)))
        return output


class PlainEngine:
    """Runs a network as it stands, on any device.

    Args:
        network: takes ``ir`` and ``vis_y``, float ``(B, 1, H, W)`` in [0, 1], and gives the fused luma, the same.
        run: another way to call it, with the same result.
    """

    def __init__(self, network: nn.Module, run: Callable[[Tensor, Tensor], Tensor] | None = None) -> None:
        self.network = network
        self.steps: Sequence[Step] = (Step("network", run or network),)

    def __call__(self, ir: Tensor, vis_y: Tensor) -> Tensor:
        """Fuses ``(B, 1, H, W)`` with ``(B, 1, H, W)``."""
        return self.steps[0](ir, vis_y)

    def weights(self, ir: Tensor, vis_y: Tensor) -> WeightMaps:
        """See `Generator.weights`; for generators only."""
        return cast(Generator, self.network).weights(ir, vis_y)

    def cross_and_fuse(self, ir: Tensor, vis_y: Tensor, weights: WeightMaps) -> Tensor:
        """See `Generator.cross_and_fuse`; for generators only."""
        return cast(Generator, self.network).cross_and_fuse(ir, vis_y, weights)

    def lanes(self) -> int:
        """How many batches it can work on side by side: torch takes all cores for each, and others may not bear it."""
        return 1

    def in_lane(self, lanes: int) -> AbstractContextManager[None]:
        """Inside, this thread takes its share of the cores where so many batches are worked on side by side."""
        return nullcontext()
