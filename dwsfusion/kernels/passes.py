"""The passes of a Fourier transform, a radix each, over `COLUMNS` columns at a time.

A buffer holds the columns' complex numbers row after row: `COLUMNS` real parts, then `COLUMNS` imaginary parts.
"""

from dwsfusion.kernels.compile import compiled_part, compiled_part_inside
from dwsfusion.kernels.vectors import COLUMNS, store
from dwsfusion.kernels.vectors import load_columns as load
from dwsfusion.kernels.vectors import splat_columns as splat

ROW = 2 * COLUMNS
"""Numbers in a row of a buffer."""


@compiled_part
def _turn(out, place, re, im, turns, k):  # type: ignore[no-untyped-def]
    """Stores a complex vector times the root k of ``(2 * N,)`` in a buffer ``(ROW * N,)``."""
    c, s = splat(turns[2 * k]), splat(turns[2 * k + 1])
    _keep(out, place, (re * c - im * s, re * s + im * c))


@compiled_part
def radix_4(x, out, length, stride, turns):  # type: ignore[no-untyped-def]
    """One pass from buffer to buffer, ``(ROW * N,)`` each."""
    part, near, far = length // 4, ROW * stride, ROW * stride * (length // 4)
    for p in range(part):
        k = p * stride
        for q in range(stride):
            i, o = ROW * (k + q), ROW * (4 * k + q)
            first, second, third, fourth = _four(x, i, far)
            _keep(out, o, first)
            _turn(out, o + near, second[0], second[1], turns, k)
            _turn(out, o + 2 * near, third[0], third[1], turns, 2 * k)
            _turn(out, o + 3 * near, fourth[0], fourth[1], turns, 3 * k)


@compiled_part
def last_4(x, out, stride):  # type: ignore[no-untyped-def]
    """The last pass from buffer to buffer, ``(ROW * N,)`` each."""
    far = ROW * stride
    for i in range(0, far, ROW):
        first, second, third, fourth = _four(x, i, far)
        _keep(out, i, first)
        _keep(out, i + far, second)
        _keep(out, i + 2 * far, third)
        _keep(out, i + 3 * far, fourth)


@compiled_part
def last_8(x, out, stride):  # type: ignore[no-untyped-def]
    """The last pass from buffer to buffer, ``(ROW * N,)`` each."""
    far, root = ROW * stride, x.dtype.type(0.7071067811865476)
    half, minus = splat(root), splat(-root)
    for i in range(0, far, ROW):
        even, odd = _four(x, i, 2 * far), _four(x, i + far, 2 * far)
        _keep_both(out, i, i + 4 * far, even[0], odd[0])
        re, im = odd[1]
        _keep_both(out, i + far, i + 5 * far, even[1], (half * (re + im), half * (im - re)))
        (re, im), (odd_re, odd_im) = even[2], odd[2]
        _keep(out, i + 2 * far, (re + odd_im, im - odd_re))
        _keep(out, i + 6 * far, (re - odd_im, im + odd_re))
        re, im = odd[3]
        _keep_both(out, i + 3 * far, i + 7 * far, even[3], (half * (im - re), minus * (re + im)))


@compiled_part_inside
def _four(x, i, far):  # type: ignore[no-untyped-def]
    """The transform of the four complex vectors of a buffer ``(ROW * N,)`` that lie far apart from i on."""
    (a_re, a_im), (b_re, b_im) = _both(x, i, i + 2 * far)
    (c_re, c_im), (d_re, d_im) = _both(x, i + far, i + 3 * far)
    return (
        (a_re + c_re, a_im + c_im), (b_re + d_im, b_im - d_re),
        (a_re - c_re, a_im - c_im), (b_re - d_im, b_im + d_re),
    )  # fmt: skip


@compiled_part_inside
def _keep(out, place, value):  # type: ignore[no-untyped-def]
    """Stores a complex vector in a buffer ``(ROW * N,)``."""
    store(out, place, value[0])
    store(out, place + COLUMNS, value[1])


@compiled_part_inside
def _keep_both(out, place, other, a, b):  # type: ignore[no-untyped-def]
    """The sum and the difference of two complex vectors, to two places of a buffer ``(ROW * N,)``."""
    _keep(out, place, (a[0] + b[0], a[1] + b[1]))
    _keep(out, other, (a[0] - b[0], a[1] - b[1]))


@compiled_part
def radix_4_low(kept, re, im, step, out, part, turns):  # type: ignore[no-untyped-def]
    """The first `radix_4`, to ``(ROW * N,)``: its third input is always zero, and the second but for one frequency."""
    for p in range(part):
        o = ROW * 4 * p
        a_re, a_im = _low(kept, re, im, step, 2 * p - 1 if p else 0)
        b_re, b_im = _low(kept, re, im, step, 2 * (p + part) - 1)
        d_re, d_im = _low(kept, re, im, step, 2 * (part - p))
        odd_re, odd_im = b_re + d_re, b_im + d_im
        _keep(out, o, (a_re + odd_re, a_im + odd_im))
        _turn(out, o + 2 * ROW, a_re - odd_re, a_im - odd_im, turns, 2 * p)
        odd_re, odd_im = b_re - d_re, b_im - d_im
        _turn(out, o + ROW, a_re + odd_im, a_im - odd_re, turns, p)
        _turn(out, o + 3 * ROW, a_re - odd_im, a_im + odd_re, turns, 3 * p)


@compiled_part
def _low(kept, re, im, step, i):  # type: ignore[no-untyped-def]
    """The complex vector i of ``(kept + 1)`` that lie a step apart; the last one is zero."""
    i = min(i, kept) * step
    return load(re[0], re[1] + i), load(im[0], im[1] + i)


@compiled_part
def radix_2(x, out, length, stride, turns):  # type: ignore[no-untyped-def]
    """One pass from buffer to buffer, ``(ROW * N,)`` each."""
    part, near, far = length // 2, ROW * stride, ROW * stride * (length // 2)
    for p in range(part):
        for q in range(stride):
            i, o = ROW * (p * stride + q), ROW * (2 * p * stride + q)
            total, difference = _both(x, i, i + far)
            _keep(out, o, total)
            _turn(out, o + near, difference[0], difference[1], turns, p * stride)


@compiled_part
def radix_3(x, out, length, stride, turns):  # type: ignore[no-untyped-def]
    """One pass from buffer to buffer, ``(ROW * N,)`` each, as `radix_odd`."""
    part, near, far = length // 3, ROW * stride, ROW * stride * (length // 3)
    half, sine = splat(x.dtype.type(-0.5)), splat(x.dtype.type(-0.8660254037844386))
    for p in range(part):
        k = p * stride
        for q in range(stride):
            i, o = ROW * (k + q), ROW * (3 * k + q)
            re, im = load(x, i), load(x, i + COLUMNS)
            (a_re, a_im), (b_re, b_im) = _both(x, i + far, i + 2 * far)
            _keep(out, o, (re + a_re, im + a_im))
            re, im, b_re, b_im = re + half * a_re, im + half * a_im, sine * b_re, sine * b_im
            _turn(out, o + near, re - b_im, im + b_re, turns, k)
            _turn(out, o + 2 * near, re + b_im, im - b_re, turns, 2 * k)


@compiled_part
def radix_5(x, out, length, stride, turns):  # type: ignore[no-untyped-def]
    """One pass from buffer to buffer, ``(ROW * N,)`` each, as `radix_odd`."""
    part, near, far = length // 5, ROW * stride, ROW * stride * (length // 5)
    real = x.dtype.type
    c1, c2 = splat(real(0.30901699437494745)), splat(real(-0.8090169943749475))
    s1, s2 = splat(real(-0.9510565162951535)), splat(real(-0.5877852522924731))
    for p in range(part):
        k = p * stride
        for q in range(stride):
            i, o = ROW * (k + q), ROW * (5 * k + q)
            re, im = load(x, i), load(x, i + COLUMNS)
            (a_re, a_im), (b_re, b_im) = _both(x, i + far, i + 4 * far)
            (c_re, c_im), (d_re, d_im) = _both(x, i + 2 * far, i + 3 * far)
            _keep(out, o, (re + a_re + c_re, im + a_im + c_im))
            even_re, even_im = re + c1 * a_re + c2 * c_re, im + c1 * a_im + c2 * c_im
            odd_re, odd_im = s1 * b_re + s2 * d_re, s1 * b_im + s2 * d_im
            _turn(out, o + near, even_re - odd_im, even_im + odd_re, turns, k)
            _turn(out, o + 4 * near, even_re + odd_im, even_im - odd_re, turns, 4 * k)
            even_re, even_im = re + c2 * a_re + c1 * c_re, im + c2 * a_im + c1 * c_im
            odd_re, odd_im = s2 * b_re - s1 * d_re, s2 * b_im - s1 * d_im
            _turn(out, o + 2 * near, even_re - odd_im, even_im + odd_re, turns, 2 * k)
            _turn(out, o + 3 * near, even_re + odd_im, even_im - odd_re, turns, 3 * k)


@compiled_part
def _both(x, i, j):  # type: ignore[no-untyped-def]
    """The sum and the difference of the complex vectors at two places of a buffer ``(ROW * N,)``."""
    a_re, a_im, b_re, b_im = load(x, i), load(x, i + COLUMNS), load(x, j), load(x, j + COLUMNS)
    return (a_re + b_re, a_im + b_im), (a_re - b_re, a_im - b_im)


@compiled_part
def radix_odd(x, out, radix, length, stride, turns):  # type: ignore[no-untyped-def]
    """One pass from buffer to buffer, ``(ROW * N,)`` each.

    Inputs j and -j go together: their roots are conjugate, so sum and difference meet real factors only.
    """
    part, near, far = length // radix, ROW * stride, ROW * stride * (length // radix)
    step = part * stride  # between the roots of the radix
    zero = splat(x.dtype.type(0))
    for p in range(part):
        for q in range(stride):
            i, o = ROW * (p * stride + q), ROW * (radix * p * stride + q)
            sum_re, sum_im = load(x, i), load(x, i + COLUMNS)
            for j in range(1, radix):
                sum_re, sum_im = sum_re + load(x, i + j * far), sum_im + load(x, i + j * far + COLUMNS)
            _keep(out, o, (sum_re, sum_im))
            for k in range(1, radix // 2 + 1):
                even_re, even_im, odd_re, odd_im = load(x, i), load(x, i + COLUMNS), zero, zero
                for j in range(1, radix // 2 + 1):
                    turn = 2 * step * (j * k % radix)
                    c, s = splat(turns[turn]), splat(turns[turn + 1])
                    a, b = i + j * far, i + (radix - j) * far
                    even_re = even_re + c * (load(x, a) + load(x, b))
                    even_im = even_im + c * (load(x, a + COLUMNS) + load(x, b + COLUMNS))
                    odd_re = odd_re + s * (load(x, a) - load(x, b))
                    odd_im = odd_im + s * (load(x, a + COLUMNS) - load(x, b + COLUMNS))
                _turn(out, o + k * near, even_re - odd_im, even_im + odd_re, turns, p * stride * k)
                _turn(out, o + (radix - k) * near, even_re + odd_im, even_im - odd_re, turns, p * stride * (radix - k))
