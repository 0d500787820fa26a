"""What all compiled loops are made of: work on rows of pixels.

The loops take rows as separate one-dimensional arrays, for then the compiler writes vector instructions.
"""

# Numba has types for a part of itself only.
# mypy: allow-untyped-decorators

from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from dwsfusion.kernels.compile import compiled_part
from dwsfusion.kernels.vectors import sigmoid


def arrays(*tensors: Tensor) -> list[NDArray[Any]]:
    """Tensors as arrays on the same memory, row after row."""
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


@compiled_part
def copy_row(out, row):  # type: ignore[no-untyped-def]
    """``(W,)`` to ``(W,)``: faster than a slice's assignment, which has to think of overlap."""
    for x in range(len(out)):
        out[x] = row[x]


@compiled_part
def add_row(out, factor, row):  # type: ignore[no-untyped-def]
    """Adds a row ``(W,)`` times a factor."""
    for x in range(len(out)):
        out[x] += factor * row[x]


@compiled_part
def larger(a, b):  # type: ignore[no-untyped-def]
    """The larger of two numbers; a NaN wins."""
    return b if b > a or b != b else a


@compiled_part
def relu_row(row):  # type: ignore[no-untyped-def]
    """``(W,)`` in place."""
    zero = row.dtype.type(0)
    for x in range(len(row)):
        row[x] = zero if row[x] < zero else row[x]  # NaN stays


@compiled_part
def sigmoid_row(row):  # type: ignore[no-untyped-def]
    """``(W,)`` in place, see `dwsfusion.kernels.vectors.sigmoid`."""
    for x in range(len(row)):
        row[x] = sigmoid(row[x])
