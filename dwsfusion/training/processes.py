"""One process or several, as ``torchrun`` and ``accelerate launch`` start them, each with a part of every batch."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from dwsfusion.devices import pick_device
from dwsfusion.errors import InputError


class Processes:
    """What the processes of a training share.

    Args:
        device: where this one computes.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.count = dist.get_world_size() if dist.is_initialized() else 1
        self.rank = dist.get_rank() if dist.is_initialized() else 0

    def part(self, batch_size: int) -> slice:
        """This process's part of a batch."""
        size = batch_size // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def average(self, values: Tensor) -> Tensor:
        """The mean over the processes."""
        if self.count > 1:
            dist.all_reduce(values)
            values /= self.count
        return values

    def agree(self, number: int, what: str) -> None:
        """Makes sure that a number is the same in all processes.

        Raises:
            InputError: it is not; `what` says what differs, and the cure.
        """
        if self.count > 1:
            ends = torch.tensor([number, -number], device=self.device)
            dist.all_reduce(ends, dist.ReduceOp.MAX)
            if ends.sum() != 0:
                raise InputError(f"the processes found different {what}")

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Makes every gradient the mean over the processes, in one message."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        together = self.average(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, part in zip(gradients, together.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def share_norms(self, net: nn.Module) -> nn.Module:
        """Lets batch norms look at the whole batch; torch's own `SyncBatchNorm` works on GPUs only."""
        if self.count > 1:
            for module in net.modules():
                if type(module) is nn.BatchNorm2d:
                    module.__class__ = _SharedBatchNorm
        return net


@contextmanager
def processes(device: str = "auto") -> Iterator[Processes]:
    """Joins the processes that a launcher started; there is one where there was no launcher.

    Args:
        device: as for `pick_device`; with several processes on CUDA each takes its own.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes(pick_device(device))
        return
    chosen = pick_device(device)
    if chosen.type == "cuda":
        chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Processes(chosen)
    finally:
        dist.destroy_process_group()


class _SharedBatchNorm(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        # Close to the mean, where squares keep their digits; the running mean is the same in all processes.
        centre = self.running_mean.clone()  # type: ignore[union-attr]
        x = x.float() - centre[:, None, None]
        sums = torch.cat([x.sum((0, 2, 3)), x.square().sum((0, 2, 3)), x.new_tensor([x.numel() // x.shape[1]])])
        sums = all_reduce(sums)  # with a gradient
        total = sums[-1]
        mean, square = sums[:-1].view(2, -1) / total  # (C,) each
        var = (square - mean.square()).clamp(min=0)
        with torch.no_grad():
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
            self.running_mean.lerp_(mean + centre, self.momentum)  # type: ignore[union-attr, arg-type]
            self.running_var.lerp_(var * total / (total - 1), self.momentum)  # type: ignore[union-attr, arg-type]
        scale = self.weight * (var + self.eps).rsqrt()
        return x * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]
