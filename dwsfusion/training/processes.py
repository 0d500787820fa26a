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
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        # Variances about each part's own mean: a mean of squares less a squared mean would lose half of the digits.
        own = torch.stack(torch.var_mean(x, (0, 2, 3), correction=0))  # (2, C)
        vars_, means = _of_all(own).unbind(1)  # (P, C) each; the parts are of one size
        mean = means.mean(0)
        var = (vars_ + (means - mean).square()).mean(0)
        total = len(means) * x.numel() // x.shape[1]
        with torch.no_grad():
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
            self.running_mean.lerp_(mean, self.momentum)  # type: ignore[union-attr, arg-type]
            self.running_var.lerp_(var * total / (total - 1), self.momentum)  # type: ignore[union-attr, arg-type]
        scale = self.weight * (var + self.eps).rsqrt()
        return (x - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]


def _of_all(own: Tensor) -> Tensor:
    """What each process has, one below the other: a gather with gradients of gradients."""
    place = torch.arange(dist.get_world_size(), device=own.device) == dist.get_rank()
    return all_reduce(place.view(-1, *[1] * own.ndim) * own)
