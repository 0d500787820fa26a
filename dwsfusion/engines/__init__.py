"""Ways to run a network without gradients. `engine_for` is asked once for a network, not for a picture.

An engine is a snapshot of the weights: what is changed in the network afterwards may show or may not, so who changes
weights asks for a new one. Threads may call an engine at the same time.
"""

import torch
from torch import nn

from dwsfusion import kernels
from dwsfusion.engines.cuda_graph import Replayed
from dwsfusion.engines.plain import PlainEngine, Step
from dwsfusion.generator import Generator

__all__ = ["PlainEngine", "Step", "engine_for"]


def engine_for(network: nn.Module, device: torch.device) -> PlainEngine:
    """The fastest way to run a network where it is.

    Args:
        network: takes ``ir`` and ``vis_y``, float ``(B, 1, H, W)`` in [0, 1], and gives the fused luma, the same; on
            the device, and in evaluation mode.
        device: where to compute.

    Returns:
        Compiled loops for a `Generator` in float32 on a CPU, recorded graphs on a CUDA device, else the network as
        it is.
    """
    if device.type == "cuda":
        return PlainEngine(network, Replayed(network))
    if device.type != "cpu" or not isinstance(network, Generator) or network.training:
        return PlainEngine(network)
    if next(network.parameters()).dtype != torch.float32:  # in double, who asks wants digits, not speed
        return PlainEngine(network)
    return kernels.attempt(lambda: _compiled(network), lambda: PlainEngine(network))


def _compiled(network: Generator) -> PlainEngine:
    from dwsfusion.engines.compiled import CompiledEngine  # here, for numba takes half a second to import
    from dwsfusion.engines.first_use import compile_loops

    engine = CompiledEngine(network)
    compile_loops(engine)
    return engine
