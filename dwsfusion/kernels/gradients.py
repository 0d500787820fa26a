"""The adaptive convolution for training: forward, and backward by hand."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from dwsfusion.kernels.compile import compiled, compiled_part
from dwsfusion.kernels.rows import arrays, copy_row
from dwsfusion.kernels.sampling import (
    FRACTION,
    GRAD_FRACTION,
    GRAD_MODULATION,
    GRAD_OUT,
    GRAD_ROWS,
    GRAD_TAPS,
    LANES,
    LEFT,
    MARGIN,
    MIDDLE,
    MODULATION,
    RIGHT,
    SLOPES,
    TAPS,
    fill,
    inside,
    read_block,
    row_step,
    sample_row,
    weigh_taps,
    work_space,
)  # fmt: skip
from dwsfusion.kernels.threads import in_parallel

_PARTS = 8
"""The backward pass adds up this many private gradients, however many threads there are: the sum stays the same."""


def adaptive_convolution(
    padded: Tensor, kernel: Tensor, dilation: Tensor, modulation: Tensor, bias: Tensor | None
) -> Tensor:
    """The same as `dwsfusion.ops.adaptive_convolution`, for float tensors on the CPU."""
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
        inputs = (_with_margin(padded), kernel.flatten(3), dilation[:, 0], modulation, bias)
        in_parallel(_sample_rows, b * h, *arrays(*inputs, out))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        padded, kernel, dilation, modulation = ctx.saved_tensors
        b, o, c = kernel.shape[:3]
        parts = -(-_PARTS // b)
        buffer = _with_margin(padded)
        grad_buffer = buffer.new_zeros(parts, *buffer.shape)
        grad_kernel = kernel.new_zeros(parts, b, o, c, 9, dtype=torch.float64)
        grad_dilation, grad_modulation = grad.new_empty(dilation.shape), grad.new_empty(modulation.shape)
        inputs = arrays(buffer, kernel.flatten(3), dilation[:, 0], modulation, grad)
        outputs = arrays(grad_buffer, grad_kernel, grad_dilation[:, 0], grad_modulation)
        in_parallel(_sample_rows_backward, parts * b, *inputs, *outputs)
        h, w = padded.shape[-2:]
        return (
            grad_buffer.sum(0)[..., MARGIN : MARGIN + h, MARGIN : MARGIN + w],
            grad_kernel.sum(0).reshape(kernel.shape).to(kernel.dtype),
            grad_dilation,
            grad_modulation,
            grad.sum((0, 2, 3)),
        )


def _with_margin(padded: Tensor) -> Tensor:
    """Adds zeros around a map: `MARGIN` everywhere, and at the right what the last block reads too far."""
    width = padded.shape[-1] - 2
    return F.pad(padded, (MARGIN, MARGIN + -width % LANES, MARGIN, MARGIN))


@compiled
def _sample_rows(buffer, kernel, dilation, modulation, bias, out, start, stop):  # type: ignore[no-untyped-def]
    """Rows start..stop of all pictures one below the other: ``(B, C, H + 4, …)`` to ``(B, O, H, W)``."""
    filters, height = out.shape[1:3]
    blocks = work_space(filters, out.dtype.type(0))
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        sample_row(buffer[b], y, kernel[b], dilation[b, y], modulation[b, :, y], bias, out[b], blocks)


@compiled
def _sample_rows_backward(  # type: ignore[no-untyped-def]
    buffer, kernel, dilation, modulation, grad,
    grad_buffer, grad_kernel, grad_dilation, grad_modulation, start, stop,
):  # fmt: skip
    """Parts start..stop of ``(B, O, H, W)``: each is some rows of one picture, and adds to buffers of its own,
    ``(B, C, H + 4, …)`` and ``(B, O, C, 9)``."""
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
                same = fill(ws, steps, dilation[b, y, x:end], modulation[b, :, y, x:end])
                ws[GRAD_FRACTION:GRAD_TAPS] = 0  # and the modulation's
                for o in range(filters):
                    place = GRAD_OUT + o * LANES
                    copy_row(ws[place : place + end - x], grad[b, o, y, x:end])
                    ws[place + end - x : place + LANES] = 0
                for c in range(channels):
                    yy, xx = y + 1 + MARGIN, x + 1 + MARGIN
                    _read(ws, steps, same, buffer[b, c], yy, xx)
                    _grad_kernel_and_taps(ws, kernel[b, :, c], grad_kernel[part, b, :, c])
                    _grad_block(ws)
                    _scatter(ws, steps, same, grad_buffer[part, b, c], yy, xx)
                copy_row(grad_dilation[b, y, x:end], ws[GRAD_FRACTION : GRAD_FRACTION + end - x])
                for k in range(9):
                    place = GRAD_MODULATION + k * LANES
                    copy_row(grad_modulation[b, k, y, x:end], ws[place : place + end - x])


@compiled_part
def _read(ws, steps, same, plane, y, x):  # type: ignore[no-untyped-def]
    """What `read_block` reads, and the slopes, for any block of a plane ``(H + 4, …)``."""
    n, pixels = steps[0], plane.reshape(-1)
    if same and inside(plane, y, x, n):
        read_block(ws, n, plane, y, x)
        for row in range(5):
            start, place = (y + row_step(row, n)) * plane.shape[1] + x, row * LANES
            _difference(ws, SLOPES + place, pixels, start - n - 1, start - n)
            _difference(ws, SLOPES + RIGHT - LEFT + place, pixels, start + n + 1, start + n)
        return
    for lane in range(LANES):
        _read_pixel(ws, steps[lane], plane, y, x, lane)


@compiled_part
def _read_pixel(ws, n, plane, y, x, lane):  # type: ignore[no-untyped-def]
    """The same for one pixel of a block, with n whole steps, of a plane ``(H + 4, …)``."""
    f = ws[FRACTION + lane]
    for row in range(5):
        yy, xx, place = y + row_step(row, n), x + lane, row * LANES + lane
        near, slope = _pixel(plane, yy, xx - n), _pixel(plane, yy, xx - n - 1) - _pixel(plane, yy, xx - n)
        ws[LEFT + place], ws[SLOPES + place] = near + f * slope, slope
        near, slope = _pixel(plane, yy, xx + n), _pixel(plane, yy, xx + n + 1) - _pixel(plane, yy, xx + n)
        ws[RIGHT + place], ws[SLOPES + RIGHT - LEFT + place] = near + f * slope, slope
        ws[MIDDLE + place] = _pixel(plane, yy, xx)


@compiled_part
def _pixel(plane, y, x):  # type: ignore[no-untyped-def]
    """One number of a plane ``(H + 4, …)``, zero outside."""
    height, width = plane.shape
    return plane[y, x] if 0 <= y < height and 0 <= x < width else plane.dtype.type(0)


@compiled_part
def _difference(ws, place, pixels, far, near):  # type: ignore[no-untyped-def]
    """`LANES` differences of flat pixels ``(N,)``, far less near, to a place of the work space."""
    near, far = np.uint64(near), np.uint64(far)
    for x in range(np.uint64(LANES)):
        ws[np.uint64(place) + x] = pixels[far + x] - pixels[near + x]


@compiled_part
def _scatter(ws, steps, same, plane, y, x):  # type: ignore[no-untyped-def]
    """Adds the gradients of the 15 rows that were read into the work space to those of the plane ``(H + 4, …)``."""
    n, one = steps[0], ws.dtype.type(1)
    if same and inside(plane, y, x, n):
        for row in range(5):
            line, place = plane[y + row_step(row, n)], GRAD_ROWS + row * LANES
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
            yy, place = y + row_step(row, steps[lane]), GRAD_ROWS + row * LANES + lane
            _add_pixel(plane, yy, x + lane, ws[place + MIDDLE - LEFT])
            for side, step in ((place, -steps[lane]), (place + RIGHT - LEFT, steps[lane])):
                _add_pixel(plane, yy, x + lane + step, ws[side] - f * ws[side])
                _add_pixel(plane, yy, x + lane + step + np.sign(step), f * ws[side])


@compiled_part
def _add_pixel(plane, y, x, value):  # type: ignore[no-untyped-def]
    """Adds to one pixel of a plane ``(H + 4, …)``, where it is inside."""
    height, width = plane.shape
    if 0 <= y < height and 0 <= x < width:
        plane[y, x] += value


@compiled_part
def _grad_kernel_and_taps(ws, kernel, grad_kernel):  # type: ignore[no-untyped-def]
    """From the filters' gradients in the work space to those of the kernel ``(O, 9)`` (added) and of the modulated
    taps.
    """
    weigh_taps(ws)
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


@compiled_part
def _grad_block(ws):  # type: ignore[no-untyped-def]
    """In the flat work space ``(N,)``, from the gradients of the modulated taps to those of modulation and fraction
    (added) and of the rows."""
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
