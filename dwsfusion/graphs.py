"""A network on a GPU as one recorded graph for each shape of its inputs.

The network is some hundreds of small kernels; started one by one from Python, each waits longer than it computes.
"""

import logging
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

Network = Callable[..., Tensor]
Record = Callable[..., Network]
_GRAPHS = 4
"""Each keeps the memory of all that the network computes."""
_WARM_UP = 3
_log = logging.getLogger(__name__)


class Replayed:
    """Runs a network, and from the second time that inputs of some shapes come, replays it.

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

    def __call__(self, *inputs: Tensor) -> Tensor:
        """What the network gives for inputs on its device."""
        shapes = tuple((x.shape, x.dtype) for x in inputs)
        again, self._last = shapes == self._last, shapes
        replay = self._replays.pop(shapes, None)
        if replay is None and again and self._record is not None:
            replay = self._recorded(*inputs)
        if replay is None:
            return self._network(*inputs)
        self._replays[shapes] = replay  # behind the others: the first one is the longest unused
        if len(self._replays) > _GRAPHS:
            del self._replays[next(iter(self._replays))]
        return replay(*inputs)

    def _recorded(self, *inputs: Tensor) -> Network | None:
        assert self._record is not None
        try:
            return self._record(self._network, *inputs)
        except RuntimeError as error:
            _log.warning("no CUDA graph, so a slower start of each kernel: %s", error)
            self._record = None
            return None


def record_cuda(network: Network, *inputs: Tensor) -> Network:
    """Records a network as a CUDA graph.

    Args:
        network: see `Replayed`.
        inputs: tensors of the shapes to record, on the network's device.

    Returns:
        The network for inputs of these shapes.

    Raises:
        RuntimeError: something in the network cannot be recorded.
    """
    with torch.cuda.device(inputs[0].device):
        held = [x.clone() for x in inputs]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # plans and work spaces are made before the recording
            for _ in range(_WARM_UP):
                network(*held)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # Other threads go on bringing pictures to the GPU meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            out = network(*held)

    def replay(*inputs: Tensor) -> Tensor:
        for place, x in zip(held, inputs, strict=True):
            place.copy_(x)
        graph.replay()
        return out.clone()

    return replay
