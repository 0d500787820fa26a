"""Compiled inner loops of the frequency-adaptive layers for the CPU.

All nine taps of a pixel share one dilation, so they lie on the rows and columns -r, 0 and r from it. With
r = n + f, bilinear reading needs the five rows and five columns -n-1, -n, 0, n and n+1: 25 reads for nine taps.

A row is worked on in blocks of `LANES` pixels. The values of a block lie in one flat work space, `LANES` apart:
with these distances known and loops of constant length the compiler writes vector instructions.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

LANES = 64
MARGIN = 1
"""Columns and rows of zeros around the padded map: dilations under 1 never reach further."""

# NaN and infinity keep their meaning; only the order of sums and multiply-adds are the compiler's.
_OPTIONS: dict[str, Any] = {
    "nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}
}  # fmt: skip
_PARTS = 8
"""The backward pass adds up this many private gradients, however many threads there are: the sum stays the same."""

# Where things lie in the work space of a block.
FRACTION, MODULATION = 0 * LANES, 1 * LANES
LEFT, MIDDLE, RIGHT = 10 * LANES, 15 * LANES, 20 * LANES  # five rows each
TAPS = 25 * LANES
OUT = 34 * LANES
# The backward pass keeps more: slopes towards the further column, and the gradients of what is above.
SLOPES = 34 * LANES  # 15 rows in the order of LEFT, MIDDLE, RIGHT; the middle has none
GRAD_FRACTION, GRAD_MODULATION = 49 * LANES, 50 * LANES
GRAD_TAPS = 59 * LANES
GRAD_ROWS = 68 * LANES  # 15 rows
GRAD_OUT = 83 * LANES


def _compiled(function: Any) -> Any:
    """Compiles at the first call and keeps the machine code on disk, where there is a place for it."""
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written to
        return njit(**_OPTIONS)(function)


def adaptive_convolution(
    padded: Tensor, kernel: Tensor, dilation: Tensor, modulation: Tensor, bias: Tensor | None
) -> Tensor:
    """The same as `dwsfusion.layers.adaptive_convolution`, for float tensors on the CPU."""
    if bias is None:
        bias = padded.new_zeros(kernel.shape[1])
    result: Tensor = _AdaptiveConvolution.apply(padded, kernel, dilation, modulation, bias)
    return result


class _AdaptiveConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        padded, kernel, dilation, modulation, bias = inputs
        ctx.save_for_backward(padded, kernel, dilation, modulation)
        b, o = kernel.shape[:2]
        h, w = dilation.shape[-2:]
        out = padded.new_empty(b, o, h, w)
        arrays = _arrays(with_margin(padded), kernel.flatten(3), dilation[:, 0], modulation, bias, out)
        in_parallel(_sample_rows, b * h, *arrays)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        padded, kernel, dilation, modulation = ctx.saved_tensors
        b, o, c = kernel.shape[:3]
        parts = -(-_PARTS // b)
        buffer = with_margin(padded)
        grad_buffer = buffer.new_zeros(parts, *buffer.shape)
        grad_kernel = kernel.new_zeros(parts, b, o, c, 9, dtype=torch.float64)
        grad_dilation, grad_modulation = torch.empty_like(dilation), torch.empty_like(modulation)
        inputs = _arrays(buffer, kernel.flatten(3), dilation[:, 0], modulation, grad)
        outputs = _arrays(grad_buffer, grad_kernel, grad_dilation[:, 0], grad_modulation)
        in_parallel(_sample_rows_backward, parts * b, *inputs, *outputs)
        h, w = padded.shape[-2:]
        return (
            grad_buffer.sum(0)[..., MARGIN : MARGIN + h, MARGIN : MARGIN + w],
            grad_kernel.sum(0).reshape(kernel.shape).to(kernel.dtype),
            grad_dilation,
            grad_modulation,
            grad.sum((0, 2, 3)),
        )


def with_margin(padded: Tensor) -> Tensor:
    """Adds zeros around a map: `MARGIN` everywhere, and at the right what the last block reads too far."""
    width = padded.shape[-1] - 2
    return torch.nn.functional.pad(padded, (MARGIN, MARGIN + -width % LANES, MARGIN, MARGIN))


def in_parallel(kernel: Callable[..., None], count: int, *args: Any) -> None:
    """Calls ``kernel(*args, start, stop)`` on as many parts of ``range(count)`` as torch may use threads."""
    threads = min(torch.get_num_threads(), count)
    bounds = [count * part // threads for part in range(threads + 1)]
    parts = list(pairwise(bounds))
    waiting = [_pool(os.getpid()).submit(kernel, *args, *part) for part in parts[1:]]
    kernel(*args, *parts[0])
    for part in waiting:
        part.result()


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    # Keyed by the process: threads do not survive a fork.
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="dwsfusion")


def _arrays(*tensors: Tensor) -> list[NDArray[Any]]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


@_compiled
def _sample_rows(buffer, kernel, dilation, modulation, bias, out, start, stop):  # type: ignore[no-untyped-def]
    """Rows start..stop of all pictures one below the other."""
    channels = kernel.shape[2]
    filters, height, width = out.shape[1:]
    ws = np.zeros(OUT + filters * LANES, buffer.dtype)
    steps = np.ones(LANES, np.int64)
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        for x in range(0, width, LANES):
            end = min(x + LANES, width)
            same = _load(ws, steps, dilation[b, y, x:end], modulation[b, :, y, x:end])
            for o in range(filters):
                ws[OUT + o * LANES : OUT + (o + 1) * LANES] = bias[o]
            for c in range(channels):
                _read(ws, steps, same, buffer[b, c], y + 1 + MARGIN, x + 1 + MARGIN, False)
                _weigh_taps(ws)
                for o in range(filters):
                    _add_taps(ws, OUT + o * LANES, kernel[b, o, c])
            for o in range(filters):
                out[b, o, y, x:end] = ws[OUT + o * LANES : OUT + o * LANES + end - x]


@_compiled
def _sample_rows_backward(  # type: ignore[no-untyped-def]
    buffer, kernel, dilation, modulation, grad,
    grad_buffer, grad_kernel, grad_dilation, grad_modulation, start, stop,
):  # fmt: skip
    """Parts start..stop: every part is some rows of one picture and adds to a private buffer and kernel gradient."""
    parts, batch = grad_kernel.shape[:2]
    channels = kernel.shape[2]
    filters, height, width = grad.shape[1:]
    ws = np.zeros(GRAD_OUT + filters * LANES, buffer.dtype)
    steps = np.ones(LANES, np.int64)
    for unit in range(start, stop):
        part, b = unit // batch, unit % batch
        for y in range(height * part // parts, height * (part + 1) // parts):
            for x in range(0, width, LANES):
                end = min(x + LANES, width)
                same = _load(ws, steps, dilation[b, y, x:end], modulation[b, :, y, x:end])
                ws[GRAD_FRACTION:GRAD_TAPS] = 0  # and the modulation's
                for o in range(filters):
                    place = GRAD_OUT + o * LANES
                    ws[place : place + end - x] = grad[b, o, y, x:end]
                    ws[place + end - x : place + LANES] = 0
                for c in range(channels):
                    yy, xx = y + 1 + MARGIN, x + 1 + MARGIN
                    _read(ws, steps, same, buffer[b, c], yy, xx, True)
                    _grad_kernel_and_taps(ws, kernel[b, :, c], grad_kernel[part, b, :, c])
                    _grad_block(ws)
                    _scatter(ws, steps, same, grad_buffer[part, b, c], yy, xx)
                grad_dilation[b, y, x:end] = ws[GRAD_FRACTION : GRAD_FRACTION + end - x]
                for k in range(9):
                    place = GRAD_MODULATION + k * LANES
                    grad_modulation[b, k, y, x:end] = ws[place : place + end - x]


@_compiled
def _load(ws, steps, dilation, modulation):  # type: ignore[no-untyped-def]
    """Parts a block's dilations into steps and fractions; says whether all steps are equal."""
    count = len(dilation)
    far = ws.dtype.type(1 << 20)  # outside of every picture
    low, high = 1 << 30, 0
    for x in range(count):
        d = dilation[x]
        whole = ws.dtype.type(0)
        if d > far:
            d = whole = far
        elif d >= 1:
            whole = np.floor(d)
        ws[FRACTION + x] = d - whole  # NaN stays NaN
        steps[x] = 1 + int(whole)
        low, high = min(low, steps[x]), max(high, steps[x])
    ws[FRACTION + count : FRACTION + LANES] = 0
    steps[count:] = low
    for k in range(9):
        place = MODULATION + k * LANES
        ws[place : place + count] = modulation[k]
        ws[place + count : place + LANES] = 0
    return low == high


@_compiled
def _read(ws, steps, same, plane, y, x, slopes):  # type: ignore[no-untyped-def]
    """Reads left, middle and right of five rows, for a block that starts at (y, x) of a plane with margins."""
    n = steps[0]
    if same and _inside(plane, y, x, n):
        for row in range(5):
            line, place = plane[y + _row_step(row, n)], row * LANES
            left, right = line[x - n - 1 : x - n + LANES], line[x + n : x + n + 1 + LANES]
            _between(ws, LEFT + place, left[1:], left[:LANES])
            _between(ws, RIGHT + place, right[:LANES], right[1:])
            ws[MIDDLE + place : MIDDLE + place + LANES] = line[x : x + LANES]
            if slopes:
                _difference(ws, SLOPES + place, left[:LANES], left[1:])
                _difference(ws, SLOPES + RIGHT - LEFT + place, right[1:], right[:LANES])
        return
    for lane in range(LANES):
        n, f = steps[lane], ws[FRACTION + lane]
        for row in range(5):
            yy, xx, place = y + _row_step(row, n), x + lane, row * LANES + lane
            near, slope = _pixel(plane, yy, xx - n), _pixel(plane, yy, xx - n - 1) - _pixel(plane, yy, xx - n)
            ws[LEFT + place] = near + f * slope
            if slopes:
                ws[SLOPES + place] = slope
            near, slope = _pixel(plane, yy, xx + n), _pixel(plane, yy, xx + n + 1) - _pixel(plane, yy, xx + n)
            ws[RIGHT + place] = near + f * slope
            if slopes:
                ws[SLOPES + RIGHT - LEFT + place] = slope
            ws[MIDDLE + place] = _pixel(plane, yy, xx)


@_compiled
def _scatter(ws, steps, same, plane, y, x):  # type: ignore[no-untyped-def]
    """Adds the gradients of what `_read` read to the plane's."""
    n, one = steps[0], ws.dtype.type(1)
    if same and _inside(plane, y, x, n):
        for row in range(5):
            line, place = plane[y + _row_step(row, n)], GRAD_ROWS + row * LANES
            for lane in range(LANES):
                line[x + lane] += ws[place + MIDDLE - LEFT + lane]
            for side, step in ((place, -n), (place + RIGHT - LEFT, n)):
                near, far = line[x + step : x + step + LANES], line[x + step + np.sign(step) :]
                for lane in range(LANES):
                    near[lane] += (one - ws[FRACTION + lane]) * ws[side + lane]
                for lane in range(LANES):
                    far[lane] += ws[FRACTION + lane] * ws[side + lane]
        return
    for lane in range(LANES):
        f = ws[FRACTION + lane]
        for row in range(5):
            yy, place = y + _row_step(row, steps[lane]), GRAD_ROWS + row * LANES + lane
            _add_pixel(plane, yy, x + lane, ws[place + MIDDLE - LEFT])
            for side, step in ((place, -steps[lane]), (place + RIGHT - LEFT, steps[lane])):
                _add_pixel(plane, yy, x + lane + step, ws[side] - f * ws[side])
                _add_pixel(plane, yy, x + lane + step + np.sign(step), f * ws[side])


@_compiled
def _inside(plane, y, x, n):  # type: ignore[no-untyped-def]
    height, width = plane.shape
    return y - n - 1 >= 0 and y + n + 1 < height and x - n - 1 >= 0 and x + n + 1 + LANES <= width


@_compiled
def _row_step(row, n):  # type: ignore[no-untyped-def]
    """The five rows: -n-1, -n, 0, n, n+1."""
    if row == 2:
        return 0
    return row - 1 - n if row < 2 else row - 3 + n


@_compiled
def _pixel(plane, y, x):  # type: ignore[no-untyped-def]
    height, width = plane.shape
    return plane[y, x] if 0 <= y < height and 0 <= x < width else plane.dtype.type(0)


@_compiled
def _add_pixel(plane, y, x, value):  # type: ignore[no-untyped-def]
    height, width = plane.shape
    if 0 <= y < height and 0 <= x < width:
        plane[y, x] += value


@_compiled
def _between(ws, place, near, far):  # type: ignore[no-untyped-def]
    for x in range(LANES):
        ws[place + x] = near[x] + ws[FRACTION + x] * (far[x] - near[x])


@_compiled
def _difference(ws, place, far, near):  # type: ignore[no-untyped-def]
    for x in range(LANES):
        ws[place + x] = far[x] - near[x]


@_compiled
def _weigh_taps(ws):  # type: ignore[no-untyped-def]
    """The nine taps of a block, each times its modulation."""
    for column in range(3):
        rows, tap, mod = LEFT + column * 5 * LANES, TAPS + column * LANES, MODULATION + column * LANES
        for x in range(LANES):
            f, up, down = ws[FRACTION + x], ws[rows + LANES + x], ws[rows + 3 * LANES + x]
            ws[tap + x] = ws[mod + x] * (up + f * (ws[rows + x] - up))
            ws[tap + 3 * LANES + x] = ws[mod + 3 * LANES + x] * ws[rows + 2 * LANES + x]
            ws[tap + 6 * LANES + x] = ws[mod + 6 * LANES + x] * (down + f * (ws[rows + 4 * LANES + x] - down))


@_compiled
def _add_taps(ws, place, weights):  # type: ignore[no-untyped-def]
    for x in range(LANES):
        total = ws[place + x]
        for k in range(9):
            total += weights[k] * ws[TAPS + k * LANES + x]
        ws[place + x] = total


@_compiled
def _grad_kernel_and_taps(ws, kernel, grad_kernel):  # type: ignore[no-untyped-def]
    """From the filters' gradients to those of the kernel (added) and of the modulated taps."""
    _weigh_taps(ws)
    ws[GRAD_TAPS:GRAD_ROWS] = 0
    for o in range(len(kernel)):
        out = GRAD_OUT + o * LANES
        for k in range(9):
            weight, tap = kernel[o, k], k * LANES
            for x in range(LANES):
                ws[GRAD_TAPS + tap + x] += weight * ws[out + x]
            total = ws.dtype.type(0)
            for x in range(LANES):
                total += ws[TAPS + tap + x] * ws[out + x]
            grad_kernel[o, k] += total


@_compiled
def _grad_block(ws):  # type: ignore[no-untyped-def]
    """From the gradients of the modulated taps to those of modulation and fraction (added) and of the rows."""
    one = ws.dtype.type(1)
    for column in range(3):
        rows, slopes, out = LEFT + column * 5 * LANES, SLOPES + column * 5 * LANES, GRAD_ROWS + column * 5 * LANES
        for k, near, far in ((0, 1, 0), (1, 2, 2), (2, 3, 4)):
            tap = (3 * k + column) * LANES
            near, far = near * LANES, far * LANES
            for x in range(LANES):
                # The middle row needs no reading between: near and far are the same there.
                f, value, rise = ws[FRACTION + x], ws[rows + near + x], ws[rows + far + x] - ws[rows + near + x]
                slope = ws[slopes + near + x] + f * (ws[slopes + far + x] - ws[slopes + near + x])
                ws[GRAD_MODULATION + tap + x] += ws[GRAD_TAPS + tap + x] * (value + f * rise)
                grad = ws[GRAD_TAPS + tap + x] * ws[MODULATION + tap + x]
                ws[GRAD_FRACTION + x] += grad * (rise + slope)
                ws[out + near + x] = grad * (one - f) if k != 1 else grad
                if k != 1:
                    ws[out + far + x] = grad * f
