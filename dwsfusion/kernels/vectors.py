"""Vectors of numbers for compiled loops: reading, writing, + - *, sums that stay in registers, maximum and sigmoid.

Where a loop reads and writes at many distances that are known only as it runs, the compiler dares not write vector
instructions by itself. These are the instructions; on processors with shorter vectors each becomes several.
"""

# Numba has types for a part of itself only.
# mypy: allow-untyped-calls, allow-untyped-decorators, allow-subclassing-any

import operator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin

from dwsfusion.kernels.compile import instruction, wide_vectors

LENGTH = 16
"""Numbers in a vector."""
COLUMNS = LENGTH if wide_vectors() else LENGTH // 2
"""The same for Fourier transforms, which need many vectors at a time: with AVX2, of half the length."""
_FLAGS = ("contract", "reassoc", "nsz")
_EXACTLY = ("contract",)
"""Sums stay in their order. Where no flag is named, numba puts those of the function that it compiles."""
_ENDS = 87
"""Beyond, single precision has no exponential, and a sigmoid is taken as it is there: 1.6e-38, or 1."""
_SERIES_5 = (0.693146977657877, 0.24022242209864308, 0.05550733731185912, 0.009671504589706585, 0.0013264701709317988)
"""Of 2**f - 1 for f within ±1/2 by f, f**2 and so on: fitted to a relative error of 1e-7."""
_SERIES_6 = (
    0.6931472028474274, 0.24022647914036444, 0.05550332487655236,
    0.009618437366700164, 0.0013398867598790538, 0.00015353342577418728,
)  # fmt: skip
"""The same, to 2e-9."""


class Vector(types.Type):
    """Some numbers of one type."""

    def __init__(self, dtype: Any, lanes: int = LENGTH) -> None:
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"Vector({dtype}, {lanes})")


@register_default(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        number = ir.FloatType() if kind.dtype == types.float32 else ir.DoubleType()
        super().__init__(manager, kind, ir.VectorType(number, kind.lanes))


def _vectors_of(lanes: int) -> tuple[Any, Any]:
    """Instructions that make vectors of so many numbers: ``load(array, index)`` reads the one that starts there,
    without a look at the array's end, and ``splat(number)`` repeats a number.
    """

    @instruction
    def load(context: Any, array: Any, index: Any) -> Any:
        vector = Vector(array.dtype, lanes)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            pointer = _pointer(context, builder, sig.args[0], args, lanes)
            return builder.load(pointer, align=array.dtype.bitwidth // 8)

        return vector(array, types.int64), generate

    @instruction
    def splat(context: Any, number: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _splat(builder, context.get_value_type(sig.return_type), args[0])

        return Vector(number, lanes)(number), generate

    return load, splat


load, splat = _vectors_of(LENGTH)
load_columns, splat_columns = _vectors_of(COLUMNS)


@instruction
def store(context: Any, array: Any, index: Any, value: Any) -> Any:
    """Puts a vector where array[index] starts, without a look at the array's end."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, sig.args[0], args, value.lanes)
        builder.store(args[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, value), generate


@instruction
def fetch(context: Any, array: Any, index: Any) -> Any:
    """Asks for what lies at array[index] to be brought near, and does not wait for it.

    Processors guess what comes next in a row, but not down a column.
    """

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[0]).data
        place, number = builder.bitcast(builder.gep(data, [args[1]]), cgutils.voidptr_t), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(prefetch, [place, number(0), number(2), number(1)])  # to read, to the second cache, numbers
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@instruction
def maximum(context: Any, one: Any, other: Any) -> Any:
    """The larger number in each place; a NaN wins."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = args
        wins = builder.or_(builder.fcmp_ordered(">", b, a), builder.fcmp_unordered("uno", b, b))
        return builder.select(wins, b, a)

    return one(one, other), generate


@instruction
def magnitude(context: Any, value: Any) -> Any:
    """The numbers of a vector without their signs."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bits = value.dtype.bitwidth
        whole = ir.VectorType(ir.IntType(bits), value.lanes)
        rest = builder.and_(builder.bitcast(args[0], whole), ir.Constant(whole, [2 ** (bits - 1) - 1] * value.lanes))
        return builder.bitcast(rest, args[0].type)

    return value(value), generate


@instruction
def sigmoid(context: Any, value: Any) -> Any:
    """1 / (1 + exp(-x)) of a number, or of each in a vector, by our own exponential: libraries have none of vectors.

    The error is relative, under 4e-6 near 0 too: an attention that shuts a pixel does so whatever the pixel's size.
    A NaN stays one.
    """
    number = value.dtype if isinstance(value, Vector) else value
    mantissa, bits, bias, series = (23, 32, 127, _SERIES_5) if number == types.float32 else (52, 64, 1023, _SERIES_6)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind, whole = args[0].type, ir.IntType(bits)
        lanes = value.lanes if isinstance(value, Vector) else None
        whole_kind = whole if lanes is None else ir.VectorType(whole, lanes)

        def constant(of: Any, what: Any) -> Any:
            return ir.Constant(of, what if lanes is None else [what] * lanes)

        def multiply_add(a: Any, b: Any, c: Any) -> Any:
            return builder.fadd(builder.fmul(a, b, flags=_EXACTLY), c, flags=_EXACTLY)

        x, end = args[0], float(_ENDS)
        x = builder.select(builder.fcmp_ordered(">", x, constant(kind, end)), constant(kind, end), x)
        x = builder.select(builder.fcmp_ordered("<", x, constant(kind, -end)), constant(kind, -end), x)
        # A number so large has no places behind the point: adding it rounds, and its lowest bits are an exponent's.
        large, turn = constant(kind, 1.5 * 2.0**mantissa + bias), constant(kind, -1.4426950408889634)
        counted = multiply_add(x, turn, large)
        rest = multiply_add(x, turn, builder.fneg(builder.fsub(counted, large, flags=_EXACTLY)))
        power = constant(kind, series[-1])
        for factor in (*series[-2::-1], 1.0):
            power = multiply_add(power, rest, constant(kind, factor))
        scale = builder.shl(builder.bitcast(counted, whole_kind), constant(whole_kind, mantissa))
        one = constant(kind, 1.0)
        return builder.fdiv(one, multiply_add(power, builder.bitcast(scale, kind), one))

    return value(value), generate


@instruction
def transpose(context: Any, array: Any, index: Any, step: Any, out: Any, place: Any, stride: Any) -> Any:
    """Turns `COLUMNS` vectors, each step after the last, into as many, each stride after the last."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        source, target = _Rows(context, builder, sig, args, 0), _Rows(context, builder, sig, args, 3)
        rows = [builder.load(source.pointer(i), align=array.dtype.bitwidth // 8) for i in range(COLUMNS)]
        lanes, half = range(COLUMNS), COLUMNS // 2
        while half:  # swaps what lies off the diagonal, in ever smaller squares
            for i in (i for i in lanes if not i & half):
                a, b = rows[i], rows[i + half]
                rows[i] = _chosen(builder, a, b, [lane + COLUMNS - half if lane & half else lane for lane in lanes])
                rows[i + half] = _chosen(builder, a, b, [lane + (COLUMNS if lane & half else half) for lane in lanes])
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
        return _pointer(self.context, self.builder, self.kind, (self.array, index), COLUMNS)


def _chosen(builder: Any, a: Any, b: Any, lanes: list[int]) -> Any:
    """Those lanes of a and b, which are counted on from a's."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), COLUMNS), lanes))


def _pointer(context: Any, builder: Any, kind: Any, args: Any, lanes: int = LENGTH) -> Any:
    """To the vector at args[1] of the array args[0]."""
    data, vector = context.make_array(kind)(context, builder, args[0]).data, Vector(kind.dtype, lanes)
    return builder.bitcast(builder.gep(data, [args[1]]), context.get_value_type(vector).as_pointer())


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


def kept_sums(count: int) -> tuple[Any, Any]:
    """Instructions for sums of many products that stay in the processor's registers meanwhile.

    Args:
        count: of sums, each a vector; five are what processors with sixteen registers can keep.

    Returns:
        ``begin(start, first)`` gives the sums as vectors of ``start[first]`` and of those after it.
        ``add(sums, weights, first, apart, x)`` adds nine vectors x, each times its weight: the first sum's weights are
        ``weights[first]`` and the eight after it, and from sum to sum they lie ``apart``.
    """

    @instruction
    def begin(context: Any, start: Any, first: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            weights = _Weights(context, builder, sig.args[0], args[0])
            sums = [weights.splat(args[1], place) for place in range(count)]
            return context.make_tuple(builder, sig.return_type, sums)

        return types.UniTuple(Vector(start.dtype), count)(start, types.int64), generate

    @instruction
    def add(context: Any, sums: Any, weights: Any, first: Any, apart: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            table = _Weights(context, builder, sig.args[1], args[1])
            kept = [builder.extract_value(args[0], place) for place in range(count)]
            for k in range(9):
                pixels, index = builder.extract_value(args[4], k), args[2]
                for place in range(count):
                    weighed = builder.fmul(table.splat(index, k), pixels, flags=_EXACTLY)
                    kept[place] = builder.fadd(kept[place], weighed, flags=_EXACTLY)
                    index = builder.add(index, args[3])
            return context.make_tuple(builder, sig.return_type, kept)

        return sums(sums, weights, types.int64, types.int64, x), generate

    return begin, add


class _Weights:
    """An array of numbers, of which each is made a vector."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any) -> None:
        self.builder, self.kind = builder, context.get_value_type(Vector(kind.dtype))
        self.data = context.make_array(kind)(context, builder, array).data

    def splat(self, index: Any, step: int) -> Any:
        """A vector of the number a step after an index."""
        place = self.builder.add(index, index.type(step))
        return _splat(self.builder, self.kind, self.builder.load(self.builder.gep(self.data, [place])))


def _splat(builder: Any, kind: Any, number: Any) -> Any:
    empty, index = ir.Constant(kind, ir.Undefined), ir.IntType(32)
    first = builder.insert_element(empty, number, ir.Constant(index, 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(index, kind.count), [0] * kind.count))


for _operation, _name in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _define(_operation, _name)
