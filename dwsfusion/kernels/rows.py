"""What all compiled loops are made of: work on rows of pixels.

The loops take rows as separate one-dimensional arrays, for then the compiler writes vector instructions.
"""

# Numba has types for a part of itself only.
# mypy: allow-untyped-decorators

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numpy.typing import NDArray
from torch import Tensor

from dwsfusion.kernels.compile import compiled_part, instruction


def arrays(*tensors: Tensor) -> list[NDArray[Any]]:
    """Tensors as arrays on the same memory, row after row."""
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


@compiled_part
def copy_row(out, row):  # type: ignore[no-untyped-def]
    """``(W,)`` to ``(W,)``: faster than a slice's assignment, which has to think of overlap."""
    for x in range(len(out)):
        out[x] = row[x]


@compiled_part
def zero_padded_rows(rows, plane, y):  # type: ignore[no-untyped-def]
    """Copies the rows y - 1, y and y + 1 of a plane ``(H, W)`` between zeros, ``(3, W + 2 or more)``."""
    height, width = plane.shape
    for k in range(3):
        if 0 <= y + k - 1 < height:
            copy_row(rows[k, 1 : width + 1], plane[y + k - 1])
        else:
            rows[k] = 0


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


@instruction
def _two_to(_context: Any, number: Any) -> Any:
    """2 to the power of a whole number within ±126."""
    mantissa, bias, bits = (23, 127, 32) if number == types.float32 else (52, 1023, 64)

    def generate(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        whole = ir.IntType(bits)
        exponent = builder.add(builder.fptosi(args[0], whole), ir.Constant(whole, bias))
        return builder.bitcast(builder.shl(exponent, ir.Constant(whole, mantissa)), args[0].type)

    return number(number), generate


@compiled_part
def sigmoid_row(row):  # type: ignore[no-untyped-def]
    """``(W,)`` in place, by our own exponential, for the library's would not become vector code.

    The error is relative, under 5e-6 near 0 too: an attention that shuts a pixel does so whatever the pixel's size.
    """
    real = row.dtype.type
    half, one, end, log2e = real(0.5), real(1), real(126), real(1.4426950408889634)
    # 2**f for f within ±1/2, fitted to a relative error of 2e-9
    c1, c2, c3 = real(0.6931472028665112), real(0.2402264791282529), real(0.05550332453580631)
    c4, c5, c6 = real(0.009618437382222247), real(0.001339887988362281), real(0.00015353366996653716)
    for i in range(len(row)):
        t = -log2e * row[i]
        t = end if t > end else t
        t = -end if t < -end else t  # NaN stays
        n = np.floor(t + half)
        f = t - n
        power = (((((c6 * f + c5) * f + c4) * f + c3) * f + c2) * f + c1) * f + one
        row[i] = one / (one + power * _two_to(n))
