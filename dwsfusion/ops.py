"""Whether the compiled loops of `dwsfusion.kernels` do a layer's work, or plain torch operations."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor

_log = logging.getLogger(__name__)
_wanted = ContextVar("compiled kernels", default=True)


@contextmanager
def plain_operations() -> Iterator[None]:
    """Inside, the layers use torch operations alone: to count them, to export them, to compare with them."""
    token = _wanted.set(False)
    try:
        yield
    finally:
        _wanted.reset(token)


def training_kernels(x: Tensor) -> ModuleType | None:
    """The compiled loops, where they can take x: float on the CPU, and not while torch records what is computed."""
    known = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)
    if not known or not _wanted.get() or torch.compiler.is_compiling():
        return None
    tracing: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return None if tracing else compiled_kernels()


def inference_kernels(x: Tensor, *parts: torch.nn.Module) -> ModuleType | None:
    """The compiled loops without gradients, where nobody asks for one and every batch norm is at rest."""
    if torch.is_grad_enabled() or any(part.training for part in parts):
        return None
    return training_kernels(x)


@cache
def compiled_kernels() -> ModuleType | None:
    """The compiled loops, or None where numba is missing."""
    try:
        kernels = import_module("dwsfusion.kernels")  # here, for numba takes half a second to import
    except ImportError as error:
        _log.warning("without compiled loops, with plain torch operations, which take many times as long: %s", error)
        return None
    if not kernels.are_compiled():
        _log.info("compiling the network's loops for this processor: half a minute, once where it can be kept")
    return kernels
