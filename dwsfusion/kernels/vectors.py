"""Vectors of numbers for compiled loops: `load`, `store`, `splat`, and + - * between them.

Where a loop reads and writes at many distances that are known only as it runs, the compiler dares not write vector
instructions by itself. These are the instructions; on processors with shorter vectors each becomes several.
"""

# Numba has types for a part of itself only.
# mypy: allow-untyped-calls, allow-untyped-decorators, allow-subclassing-any

import operator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin

from dwsfusion.kernels.compile import compiled_part, instruction

LENGTH = 16
"""Numbers in a vector."""
_FLAGS = ("contract", "reassoc", "nsz")


class Vector(types.Type):
    """`LENGTH` numbers of one type."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype})")


@register_default(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        number = ir.FloatType() if kind.dtype == types.float32 else ir.DoubleType()
        super().__init__(manager, kind, ir.VectorType(number, LENGTH))


@instruction
def load(context: Any, array: Any, index: Any) -> Any:
    """The vector that starts at array[index], without a look at the array's end."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_pointer(context, builder, sig.args[0], args), align=array.dtype.bitwidth // 8)

    return Vector(array.dtype)(array, types.int64), generate


@instruction
def store(context: Any, array: Any, index: Any, value: Any) -> Any:
    """Puts a vector where array[index] starts, without a look at the array's end."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _pointer(context, builder, sig.args[0], args), align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, value), generate


@instruction
def splat(context: Any, number: Any) -> Any:
    """A vector of one number."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = context.get_value_type(sig.return_type)
        empty, index = ir.Constant(kind, ir.Undefined), ir.IntType(32)
        first = builder.insert_element(empty, args[0], ir.Constant(index, 0))
        return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(index, LENGTH), [0] * LENGTH))

    return Vector(number)(number), generate


@instruction
def maximum(context: Any, one: Any, other: Any) -> Any:
    """The larger number in each place; a NaN wins."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = args
        wins = builder.or_(builder.fcmp_ordered(">", b, a), builder.fcmp_unordered("uno", b, b))
        return builder.select(wins, b, a)

    return one(one, other), generate


@instruction
def transpose(context: Any, array: Any, index: Any, step: Any, out: Any, place: Any, stride: Any) -> Any:
    """Turns `LENGTH` vectors, each step after the last, into as many, each stride after the last."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        source, target = _Rows(context, builder, sig, args, 0), _Rows(context, builder, sig, args, 3)
        rows = [builder.load(source.pointer(i), align=array.dtype.bitwidth // 8) for i in range(LENGTH)]
        lanes, half = range(LENGTH), LENGTH // 2
        while half:  # swaps what lies off the diagonal, in ever smaller squares
            for i in (i for i in lanes if not i & half):
                a, b = rows[i], rows[i + half]
                rows[i] = _chosen(builder, a, b, [lane + LENGTH - half if lane & half else lane for lane in lanes])
                rows[i + half] = _chosen(builder, a, b, [lane + (LENGTH if lane & half else half) for lane in lanes])
            half //= 2
        for i, row in enumerate(rows):
            builder.store(row, target.pointer(i), align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, out, types.int64, types.int64), generate


class _Rows:
    """Vectors at equal distances: args[first] is the array, then come the first index and the distance."""

    def __init__(self, context: Any, builder: Any, sig: Any, args: Any, first: int) -> None:
        self.context, self.builder, self.kind = context, builder, sig.args[first]
        self.array, self.index, self.step = args[first : first + 3]

    def pointer(self, i: int) -> Any:
        """To the vector i."""
        index = self.builder.add(self.index, self.builder.mul(self.step, self.step.type(i)))
        return _pointer(self.context, self.builder, self.kind, (self.array, index))


def _chosen(builder: Any, a: Any, b: Any, lanes: list[int]) -> Any:
    """Those lanes of a and b, which are counted on from a's."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), LENGTH), lanes))


def _pointer(context: Any, builder: Any, kind: Any, args: Any) -> Any:
    """To the vector at args[1] of the array args[0]."""
    data = context.make_array(kind)(context, builder, args[0]).data
    return builder.bitcast(builder.gep(data, [args[1]]), context.get_value_type(Vector(kind.dtype)).as_pointer())


def _define(operation: Any, instruction: str) -> None:
    @infer_global(operation)
    class _Typing(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if len(args) == 2 and args[0] == args[1] and isinstance(args[0], Vector):
                return signature(args[0], *args)
            return None

    @lower_builtin(operation, Vector, Vector)
    def _lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args, flags=_FLAGS)


@compiled_part
def nine(rows, index, step):  # type: ignore[no-untyped-def]
    """The nine vectors of `LENGTH` numbers that start at a 3×3 neighbourhood's pixels, whose rows lie a step apart."""
    above, here, below = index, index + step, index + 2 * step
    return (
        load(rows, above), load(rows, above + 1), load(rows, above + 2),
        load(rows, here), load(rows, here + 1), load(rows, here + 2),
        load(rows, below), load(rows, below + 1), load(rows, below + 2),
    )  # fmt: skip


@compiled_part
def dot(weights, x):  # type: ignore[no-untyped-def]
    """The sum of nine vectors of `LENGTH` numbers, each times its weight ``(9,)``."""
    return (
        splat(weights[0]) * x[0] + splat(weights[1]) * x[1] + splat(weights[2]) * x[2]
        + splat(weights[3]) * x[3] + splat(weights[4]) * x[4] + splat(weights[5]) * x[5]
        + splat(weights[6]) * x[6] + splat(weights[7]) * x[7] + splat(weights[8]) * x[8]
    )  # fmt: skip


for _operation, _name in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _define(_operation, _name)
