"""Compiled loops for feature mutual information on the CPU: the same as `fmi_windows.shared_information`.

A row of windows is worked on in blocks of `LANES`. The values of a block lie in one flat work space, `LANES` apart:
with these distances known and loops of constant length the compiler writes vector instructions.
"""

import numpy as np
import torch
from torch import Tensor

from dwsfusion.kernels.compile import compiled, compiled_inline
from dwsfusion.kernels.threads import in_parallel

LANES = 64

# Where things lie in the work space of a block: nine shares, and ten cumulated ones, of source and fused.
A, F = 0 * LANES, 9 * LANES
CDF_A, CDF_F = 18 * LANES, 28 * LANES
LOW, HIGH, TOTAL = 38 * LANES, 39 * LANES, 40 * LANES
CORRELATION, WEIGHT, COVARIANCE = 41 * LANES, 42 * LANES, 43 * LANES
MEAN_A, MEAN_F, SQUARE_A, SQUARE_F = 44 * LANES, 45 * LANES, 46 * LANES, 47 * LANES
ENTROPIES, JOINT_ENTROPY, EQUAL = 48 * LANES, 49 * LANES, 50 * LANES
SIZE = 51 * LANES

ZERO, ONE, TINY, FLAT, EVEN = (np.float32(x) for x in (0, 1, 1e-30, 1e-6, 1 / 9))
INFINITE = np.float32(np.inf)
SQRT_2, HALF, BIAS = (np.float32(x) for x in (np.sqrt(2), 0.5, 127))
SERIES_1, SERIES_3, SERIES_5, SERIES_7 = (np.float32(2 / np.log(2) / n) for n in (1, 3, 5, 7))
EXPONENT, MANTISSA, ONE_BITS = np.int32(23), np.int32(0x7FFFFF), np.int32(0x3F800000)


def shared_information(a: Tensor, f: Tensor) -> Tensor:
    """See `fmi_windows.shared_information`; float32 on the CPU."""
    batch = max(len(a), len(f))
    maps = [x[:, 0].expand(batch, -1, -1).contiguous().numpy() for x in (a, f)]
    rows, columns = f.shape[-2] - 2, f.shape[-1] - 2
    sums = np.zeros((batch, rows))
    in_parallel(_rows, batch * rows, *maps, sums)
    return torch.from_numpy(sums.sum(1) / (rows * columns))


@compiled_inline
def _log2(x):  # type: ignore[no-untyped-def]
    """Logarithm of a number to 1e-6 by exponent and series of the mantissa; finite at 0."""
    bits = np.float32(x).view(np.int32)
    mantissa = np.int32((bits & MANTISSA) | ONE_BITS).view(np.float32)
    t = (mantissa - SQRT_2) / (mantissa + SQRT_2)
    s = t * t
    series = t * (SERIES_1 + s * (SERIES_3 + s * (SERIES_5 + s * SERIES_7)))
    return np.float32(np.int32(bits >> EXPONENT)) - BIAS + HALF + series


@compiled
def _rows(a, f, sums, start, stop):  # type: ignore[no-untyped-def]
    """Sums over rows start..stop of the windows of maps ``(B, H, W)``, all pictures one below the other: ``(B, H -
    2)``.
    """
    ws = np.zeros(SIZE, np.float32)
    height, width = sums.shape[1], a.shape[2] - 2
    for unit in range(start, stop):
        b, y = unit // height, unit % height
        total = 0.0
        for x in range(0, width, LANES):
            count = min(LANES, width - x)
            _load(ws, A, a[b], y, x, count)
            _load(ws, F, f[b], y, x, count)
            _compare(ws, a[b], f[b], y, x, count)
            _cumulate(ws)
            _weigh(ws)
            _join(ws)
            for i in range(count):
                if ws[EQUAL + i] > ZERO:
                    total += 1
                elif ws[ENTROPIES + i] > FLAT:
                    total += 2 * (ws[ENTROPIES + i] - ws[JOINT_ENTROPY + i]) / ws[ENTROPIES + i]
        sums[b, y] = total


@compiled_inline
def _load(ws, place, feature, y, x, count):  # type: ignore[no-untyped-def]
    """Nine shares of each window of a feature ``(H, W)``, `LANES` numbers each, down its columns."""
    for i in range(LANES):
        ws[LOW + i], ws[HIGH + i], ws[TOTAL + i] = INFINITE, -INFINITE, ZERO
    for k in range(9):
        for i in range(count):
            value = feature[y + k % 3, x + k // 3 + i]
            ws[place + k * LANES + i] = value
            ws[LOW + i] = min(ws[LOW + i], value)
            ws[HIGH + i] = max(ws[HIGH + i], value)
    for k in range(9):
        for i in range(LANES):
            span = ws[HIGH + i] - ws[LOW + i]
            value = (ws[place + k * LANES + i] - ws[LOW + i]) / span if span > ZERO else ONE
            ws[place + k * LANES + i] = value
            ws[TOTAL + i] += value
    for k in range(9):
        for i in range(LANES):
            ws[place + k * LANES + i] /= ws[TOTAL + i]


@compiled_inline
def _compare(ws, a, f, y, x, count):  # type: ignore[no-untyped-def]
    """Equality and correlation of the windows of two maps ``(H, W)``; where it is negative, the fused is turned
    round.
    """
    for i in range(LANES):
        ws[EQUAL + i] = ONE
        ws[CORRELATION + i], ws[SQUARE_A + i], ws[SQUARE_F + i] = ZERO, ZERO, ZERO
    for k in range(9):
        for i in range(count):
            if a[y + k % 3, x + k // 3 + i] != f[y + k % 3, x + k // 3 + i]:
                ws[EQUAL + i] = ZERO
        for i in range(LANES):
            of_a, of_f = ws[A + k * LANES + i] - EVEN, ws[F + k * LANES + i] - EVEN
            ws[CORRELATION + i] += of_a * of_f
            ws[SQUARE_A + i] += of_a * of_a
            ws[SQUARE_F + i] += of_f * of_f
    for i in range(LANES):
        ws[CORRELATION + i] /= np.sqrt(max(ws[SQUARE_A + i] * ws[SQUARE_F + i], TINY))
    for k in range(4):
        for i in range(LANES):
            first, last = ws[F + k * LANES + i], ws[F + (8 - k) * LANES + i]
            turn = ws[CORRELATION + i] < ZERO
            ws[F + k * LANES + i] = last if turn else first
            ws[F + (8 - k) * LANES + i] = first if turn else last


@compiled_inline
def _cumulate(ws):  # type: ignore[no-untyped-def]
    """Cumulated shares, `LANES` numbers each, their sums, moments of the place, and the sum of both entropies."""
    for i in range(LANES):
        ws[CDF_A + i], ws[CDF_F + i], ws[ENTROPIES + i] = ZERO, ZERO, ZERO
        ws[MEAN_A + i], ws[MEAN_F + i], ws[SQUARE_A + i], ws[SQUARE_F + i] = ZERO, ZERO, ZERO, ZERO
        ws[LOW + i], ws[HIGH + i] = ZERO, ZERO
    for k in range(9):
        place = np.float32(k - 4)
        for i in range(LANES):
            of_a, of_f = ws[A + k * LANES + i], ws[F + k * LANES + i]
            ws[CDF_A + (k + 1) * LANES + i] = ws[CDF_A + k * LANES + i] + of_a
            ws[CDF_F + (k + 1) * LANES + i] = ws[CDF_F + k * LANES + i] + of_f
            ws[LOW + i] += ws[CDF_A + (k + 1) * LANES + i]
            ws[HIGH + i] += ws[CDF_F + (k + 1) * LANES + i]
            ws[MEAN_A + i] += place * of_a
            ws[MEAN_F + i] += place * of_f
            ws[SQUARE_A + i] += place * place * of_a
            ws[SQUARE_F + i] += place * place * of_f
            ws[ENTROPIES + i] -= of_a * _log2(of_a) + of_f * _log2(of_f)


@compiled_inline
def _weigh(ws):  # type: ignore[no-untyped-def]
    """The weight of the tightest coupling that gives the windows' correlation, `LANES` numbers."""
    for i in range(LANES):
        ws[COVARIANCE + i] = -ws[LOW + i] * ws[HIGH + i]
    for j in range(1, 10):
        for k in range(1, 10):
            for i in range(LANES):
                ws[COVARIANCE + i] += min(ws[CDF_A + j * LANES + i], ws[CDF_F + k * LANES + i])
    for i in range(LANES):
        spread_a = ws[SQUARE_A + i] - ws[MEAN_A + i] * ws[MEAN_A + i]
        spread_f = ws[SQUARE_F + i] - ws[MEAN_F + i] * ws[MEAN_F + i]
        tightest = ws[COVARIANCE + i] / np.sqrt(max(spread_a * spread_f, TINY))
        ws[WEIGHT + i] = abs(ws[CORRELATION + i]) / max(tightest, FLAT) if tightest > FLAT else ZERO


@compiled_inline
def _join(ws):  # type: ignore[no-untyped-def]
    """Entropy of the joint distribution, `LANES` numbers."""
    for i in range(LANES):
        ws[JOINT_ENTROPY + i] = ZERO
    for j in range(9):
        for k in range(9):
            for i in range(LANES):
                low = max(ws[CDF_A + j * LANES + i], ws[CDF_F + k * LANES + i])
                high = min(ws[CDF_A + (j + 1) * LANES + i], ws[CDF_F + (k + 1) * LANES + i])
                alone = (ONE - ws[WEIGHT + i]) * ws[A + j * LANES + i] * ws[F + k * LANES + i]
                joint = ws[WEIGHT + i] * max(high - low, ZERO) + alone
                ws[JOINT_ENTROPY + i] -= joint * _log2(abs(joint))
