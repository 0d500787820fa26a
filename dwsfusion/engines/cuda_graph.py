"""A network on a GPU as one recorded graph for each shape of its inputs.

The network is some hundreds of small kernels; started one by one from Python, each waits longer than it computes.
"""

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

from dwsfusion.frequencies import held_masks

Network = Callable[..., Tensor]
Record = Callable[..., Network]
_GRAPHS = 2
"""Each keeps the memory of all that the network computes."""
_WARM_UP = 3
_log = logging.getLogger(__name__)


class Replayed:
    """Runs a network, and replays it from the second time on that inputs of the same shapes come one after the other.

    Threads may call it, in turn; all on one stream.

    Args:
        network: tensors to a tensor, by the same kernels for inputs of the same shapes; its parameters stay where
            they are.
        record: makes the replay from the network and inputs; it may raise `RuntimeError`.
    """

    def __init__(self, network: Network, record: Record | None = None) -> None:
        self._network = network
        self._record: Record | None = record or record_cuda
        self._replays: dict[Hashable, Network] = {}
        self._last: Hashable = None
        self._turn = Lock()

    def __call__(self, *inputs: Tensor) -> Tensor:
        """What the network gives for inputs on its device."""
        shapes = tuple((x.shape, x.dtype) for x in inputs)
        with self._turn:  # a replay has one place for its inputs and one for its output
            again, self._last = shapes == self._last, shapes
            replay = self._replays.pop(shapes, None)
            if replay is None and again:
                replay = self._recorded(*inputs)
            if replay is None:
                return self._network(*inputs)
            self._replays[shapes] = replay  # behind the others: the first one is the longest unused
            return replay(*inputs)

    def _recorded(self, *inputs: Tensor) -> Network | None:
        if self._record is None:
            return None
        if len(self._replays) == _GRAPHS:
            del self._replays[next(iter(self._replays))]
        try:
            return self._record(self._network, *inputs)
        except RuntimeError as error:  # too little memory, too
            _log.warning("no CUDA graph, so a slower start of each kernel: %s", error)
            self._record = None
            self._replays.clear()
            return None


def record_cuda(network: Network, *inputs: Tensor) -> Network:
    """Records a network as a CUDA graph.

    Args:
        network: see `Replayed`.
        inputs: tensors of the shapes to record, on the network's device.

    Returns:
        The network for inputs of these shapes.

    Raises:
        RuntimeError: something in the network cannot be recorded, or there is too little memory.
    """
    with torch.cuda.device(inputs[0].device), held_masks() as masks:
        held, before = [x.clone() for x in inputs], torch.cuda.current_stream()
        stream = torch.cuda.Stream()
        stream.wait_stream(before)
        try:
            with torch.cuda.stream(stream):  # plans and work spaces are made before the recording
                for _ in range(_WARM_UP):
                    network(*held)
            before.wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # Other threads go on bringing pictures to the GPU meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                out = network(*held)
        finally:
            torch.cuda.set_stream(before)  # a recording that fails leaves its own

    return _Recorded(graph, held, out, masks)


@dataclass(frozen=True)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    held: list[Tensor]
    out: Tensor
    masks: list[list[Tensor]]
    """The graph reads them where they lie, so they must stay there."""

    def __call__(self, *inputs: Tensor) -> Tensor:
        for place, x in zip(self.held, inputs, strict=True):
            place.copy_(x)
        self.graph.replay()
        return self.out.clone()
