"""What a training step costs on the CPU, beside the plain one."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor

from dwsfusion.cost import Network, Timing, compare
from dwsfusion.devices import CPU
from dwsfusion.generator import Generator
from dwsfusion.losses import LossWeights, generator_terms, total_loss
from dwsfusion.ops import plain_operations

Loss = Callable[[Generator, Tensor, Tensor], Tensor]
_BATCH = 4


def compare_steps(net: Generator, patch: tuple[int, int], rounds: int) -> list[Timing]:
    """Times forward and backward of the published loss without critics, for a batch of four patches.

    The plain step has the same loss, by torch's and torchvision's operations alone.

    Args:
        net: the generator; a copy of it is used.
        patch: height and width in pixels.
        rounds: see `compare`.
    """
    net = deepcopy(net).train()
    return compare({"plain": _step(net, _plain_loss), "dwsfusion": _step(net, _loss)}, patch, rounds, CPU)


def _step(net: Generator, loss: Loss) -> Network:
    def step(ir: Tensor, vis_y: Tensor) -> None:
        # The pictures come from inference mode, whose tensors know no gradient.
        with torch.inference_mode(False), torch.enable_grad():
            batch = (torch.cat([x.clone().roll(shift, 3) for shift in range(_BATCH)]) for x in (ir, vis_y))
            net.zero_grad(set_to_none=True)
            loss(net, *batch).backward()

    return step


def _loss(net: Generator, ir: Tensor, vis_y: Tensor) -> Tensor:
    weights = LossWeights(adversarial=0)
    return total_loss(generator_terms(net, ir, vis_y, weights)[1], weights)


def _plain_loss(net: Generator, ir: Tensor, vis_y: Tensor) -> Tensor:
    with plain_operations():
        return _loss(net, ir, vis_y)
