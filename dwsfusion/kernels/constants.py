"""What the loops make of a layer's parameters, kept until one of these numbers changes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from numpy.typing import NDArray
from torch import Tensor, nn

T = TypeVar("T")


@dataclass(frozen=True)
class _Kept:
    layout: list[Any]
    """Where the layer's tensors lie and how, and what else its parts are set to."""
    views: list[NDArray[Any]]
    """The tensors."""
    numbers: bytes
    made: dict[Any, Any] = field(default_factory=dict)


_known: WeakKeyDictionary[nn.Module, _Kept] = WeakKeyDictionary()


def constants(make: Callable[..., T], layer: nn.Module, *options: Any) -> T:
    """``make(layer, *options)``, which is to depend on the layer's tensors, its parts' ``eps`` and the options."""
    # The numbers themselves are compared, a few hundred of them: they change in ways that leave no other trace.
    tensors: list[Tensor] = []
    layout: list[Any] = []
    _look(layer, tensors, layout)
    kept = _known.get(layer)
    if kept is None or kept.layout != layout or _numbers(kept.views) != kept.numbers:
        views = [x.detach().numpy() for x in tensors]
        kept = _known[layer] = _Kept(layout, views, _numbers(views))
    key = (make, *options)
    if key not in kept.made:
        kept.made[key] = make(layer, *options)
    made: T = kept.made[key]
    return made


def _numbers(views: list[NDArray[Any]]) -> bytes:
    return b"".join([x.tobytes() for x in views])


def _look(layer: nn.Module, tensors: list[Tensor], layout: list[Any]) -> None:
    for own in (layer._parameters, layer._buffers):
        for tensor in own.values():
            if tensor is not None:
                tensors.append(tensor)
                layout.append((tensor.data_ptr(), tensor.stride()))
    layout.append(layer.__dict__.get("eps"))
    for part in layer._modules.values():
        if part is not None:
            _look(part, tensors, layout)
