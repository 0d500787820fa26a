"""What the loops make of a layer's parameters, kept until one of these numbers changes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from torch import Tensor, nn

T = TypeVar("T")


@dataclass(frozen=True)
class _Kept:
    numbers: bytes
    made: dict[Any, Any] = field(default_factory=dict)


_known: WeakKeyDictionary[nn.Module, _Kept] = WeakKeyDictionary()


def constants(make: Callable[..., T], layer: nn.Module, *options: Any) -> T:
    """``make(layer, *options)``, which is to depend on the layer's parameters and buffers and on the options alone."""
    # The numbers themselves are compared, a few hundred of them: they change in ways that leave no other trace.
    numbers = b"".join(x.detach().numpy().tobytes() for x in _tensors(layer))
    kept = _known.get(layer)
    if kept is None or kept.numbers != numbers:
        kept = _known[layer] = _Kept(numbers)
    key = (make, *options)
    if key not in kept.made:
        kept.made[key] = make(layer, *options)
    made: T = kept.made[key]
    return made


def _tensors(layer: nn.Module) -> Iterator[Tensor]:
    for tensors in (layer._parameters, layer._buffers):
        for tensor in tensors.values():
            if tensor is not None:
                yield tensor
    for part in layer._modules.values():
        if part is not None:
            yield from _tensors(part)
