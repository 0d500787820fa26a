"""The kernels' Fourier transforms and what they are made of, against numpy and the plain network."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference_network as reference
import torch

from dwsfusion import kernels

if not kernels.available():
    pytest.skip("compiled loops cannot be had here", allow_module_level=True)
from dwsfusion.kernels import bands
from dwsfusion.kernels.buffers import recycled, release_memory, scratch
from dwsfusion.kernels.compile import compiled
from dwsfusion.kernels.fourier import radices, roots, transform
from dwsfusion.kernels.passes import ROW
from dwsfusion.kernels.rows import sigmoid_row
from dwsfusion.kernels.vectors import COLUMNS, LENGTH, transpose


@compiled
def transformed(a, b, sizes, turns):  # type: ignore[no-untyped-def]
    return transform(a, b, sizes, turns)


@compiled
def squash(row):  # type: ignore[no-untyped-def]
    sigmoid_row(row)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sigmoid_keeps_every_kind_of_nan_and_ends_at_0_and_1(dtype: type) -> None:
    whole, quiet = (np.uint32, 0x7FC00000) if dtype is np.float32 else (np.uint64, 0x7FF8000000000000)
    payloads = (np.array([0, 1, 0x7A2, 0x12345], whole) + whole(quiet)).view(dtype)
    row = np.array([*payloads, -np.inf, -1e30, -200, -87.5, 0, 87.5, 200, np.inf], dtype)
    squash(row)
    assert np.isnan(row[:4]).all()
    assert (row[4:8] < 1e-36).all()
    assert row[8] == 0.5
    assert (row[9:] == 1).all()


@pytest.mark.parametrize("size", [1, 8, 16, 30, 63, 143, 480])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-4), (np.float64, 1e-12)])
def test_a_buffer_of_columns_is_transformed(size: int, dtype: type, tolerance: float) -> None:
    columns = np.random.default_rng(0).standard_normal((2, size, COLUMNS))
    buffer = columns.transpose(1, 0, 2).astype(dtype).reshape(-1)
    found, other = transformed(buffer, np.zeros_like(buffer), np.array(radices(size), np.int64), roots(size, dtype))
    parts = found.reshape(size, 2, COLUMNS)
    expected = np.fft.fft(columns[0] + 1j * columns[1], axis=0)
    assert other is not found
    assert len(found) == size * ROW
    np.testing.assert_allclose(parts[:, 0] + 1j * parts[:, 1], expected, atol=tolerance, rtol=0)


def test_large_prime_factors_are_left_to_torch() -> None:
    assert radices(17) is None
    assert radices(2 * 13) == (2, 13)
    assert bands.transformable(16, 26)
    assert not bands.transformable(16, 17)
    assert not bands.transformable(15, 16)


def by_blocks(gates: torch.Tensor) -> np.ndarray:
    """Gates ``(B, 3, H, W)`` as `bands.select` takes them: the last block ends where the map does."""
    width = gates.shape[3]
    starts = [min(x, width - LENGTH) for x in range(0, width, LENGTH)]
    return torch.stack([gates[..., x : x + LENGTH].transpose(1, 2) for x in starts], 1).contiguous().numpy()


@pytest.mark.parametrize(
    "shape", [(2, 1, 16, 16), (1, 3, 33, 40), (2, 4, 30, 21), (1, 1, 20, 36), (1, 2, 26, 60), (1, 2, 32, 96)]
)
def test_selection_weighs_the_bands_of_the_plain_network(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x, gates = torch.rand(shape, dtype=torch.float64), torch.rand(shape[0], 3, *shape[2:], dtype=torch.float64)
    room = np.full((*shape[:3], shape[3] + 7), np.nan)  # the result may be a part of something larger
    inner, sums = room[..., 2 : 2 + shape[3]], np.empty((*shape[:2], shape[3]))
    bands.select(x.numpy(), by_blocks(gates), inner, sums)
    images = [x, *(reference.low_pass(x, cutoff) for cutoff in (2, 4, 8))]
    steps = [2 * gates[:, k : k + 1] * (images[k] - images[k + 1]) for k in range(3)]
    expected = (sum(steps) + images[3]).numpy()
    np.testing.assert_allclose(inner, expected, atol=1e-12)
    np.testing.assert_allclose(sums, expected.sum(2), atol=1e-10)
    assert np.isnan(room[..., :2]).all()
    assert np.isnan(room[..., 2 + shape[3] :]).all()


@pytest.mark.parametrize("shape", [(1, 1, 16, 33), (1, 1, 16, 36), (1, 3, 20, 20), (1, 1, 16, 52)])
def test_selection_is_the_same_whoever_ends_first(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]) -> None:
    def backwards(kernel, count, *args):  # type: ignore[no-untyped-def]
        for start in reversed(range(count)):
            kernel(*args, start, start + 1)

    torch.manual_seed(0)
    x, gates = torch.rand(shape), by_blocks(torch.rand(1, 3, *shape[2:]))
    each = [(np.empty(shape, np.float32), np.empty((*shape[:2], shape[3]), np.float32)) for _ in range(2)]
    bands.select(x.numpy(), gates, *each[0])
    monkeypatch.setattr(bands, "in_parallel", backwards)
    bands.select(x.numpy(), gates, *each[1])
    for one, other in zip(*each, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="no processor with AVX2")
def test_selection_is_the_same_by_blocks_of_another_width(tmp_path: Path) -> None:
    """Processors without AVX-512 go down narrower blocks; this one can be told that it is such a one."""
    generator = np.random.default_rng(0)
    x, gates = (generator.random(shape, np.float32) for shape in ((1, 3, 32, 52), (1, 4, 32, 3, LENGTH)))
    inner, sums = np.empty((1, 3, 32, 52), np.float32), np.empty((1, 3, 52), np.float32)
    bands.select(x, gates, inner, sums)
    np.savez(tmp_path / "given.npz", x=x, gates=gates)
    code = """
import sys
import numpy as np
from dwsfusion.kernels import bands, vectors
given = np.load(sys.argv[1] + "/given.npz")
inner, sums = np.empty((1, 3, 32, 52), np.float32), np.empty((1, 3, 52), np.float32)
bands.select(given["x"], given["gates"], inner, sums)
np.savez(sys.argv[1] + "/found.npz", inner=inner, sums=sums, columns=vectors.COLUMNS)
"""
    narrow = {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=os.environ | narrow, check=True)
    found = np.load(tmp_path / "found.npz")
    assert found["columns"] == LENGTH // 2
    np.testing.assert_allclose(found["inner"], inner, atol=1e-6)
    np.testing.assert_allclose(found["sums"], sums, atol=1e-5)


def test_transpose_turns_rows_to_columns() -> None:
    @compiled
    def turned(x, out):  # type: ignore[no-untyped-def]
        transpose(x, 3, 20, out, 0, COLUMNS)

    x, out = np.arange(20.0 * COLUMNS).reshape(COLUMNS, 20), np.empty((COLUMNS, COLUMNS))
    turned(x, out)
    np.testing.assert_array_equal(out, x[:, 3 : 3 + COLUMNS].T)


def test_scratch_memory_is_used_again_where_it_is_large_enough() -> None:
    single, double = np.dtype(np.float32), np.dtype(np.float64)
    first = scratch("test", (4, 5), single)
    again = scratch("test", (2, 3), single)
    assert again.shape == (2, 3)
    assert np.shares_memory(first, again)
    assert scratch("test", (50, 5), double).shape == (50, 5)


def test_large_memory_starts_at_a_page() -> None:
    large = recycled((2**19,), np.dtype(np.float32))
    assert large.ctypes.data % 2**21 == 0
    large[:] = 0


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_what_memory_held_before_does_not_come_out(channels: int) -> None:
    x, gates = torch.rand(1, channels, 40, 48), by_blocks(torch.rand(1, 3, 40, 48))
    inner, sums = np.empty((1, channels, 40, 48), np.float32), np.empty((1, channels, 48), np.float32)
    for name in ("spectrum", "narrow"):
        scratch(name, (6, 40, 48), np.dtype(np.float32))[:] = np.nan
    bands.select(x.numpy(), gates, inner, sums)
    assert np.isfinite(inner).all()


def test_memory_is_recycled_only_when_nobody_holds_it() -> None:
    dtype = np.dtype(np.float32)
    first = recycled((300, 500), dtype)
    place = first.__array_interface__["data"][0]
    part = torch.from_numpy(first)[1:2]
    del first
    other = recycled((500, 300), dtype)
    assert not np.shares_memory(other, part.numpy())
    del part
    assert recycled((150_000,), dtype).__array_interface__["data"][0] == place
    assert recycled((150_000,), np.dtype(np.float64)).dtype == np.float64


def test_released_memory_is_made_anew() -> None:
    first = scratch("test", (4, 5), np.dtype(np.float32))
    release_memory()
    assert not np.shares_memory(scratch("test", (4, 5), np.dtype(np.float32)), first)


@pytest.mark.parametrize(("dtype", "relative", "absolute"), [(np.float32, 5e-6, 2e-7), (np.float64, 4e-9, 1e-9)])
def test_the_sigmoid_is_right_near_zero_too(dtype: type, relative: float, absolute: float) -> None:
    x = np.linspace(-80, 80, 20_001).astype(dtype)
    expected = 1 / (1 + np.exp(-x.astype(np.float64)))
    found = x.copy()
    squash(found)
    assert np.abs(found / expected - 1).max() < relative
    assert np.abs(found - expected).max() < absolute
    ends = np.array([np.nan, -np.inf, -1e30, np.inf, 1e30, 0], dtype)
    squash(ends)
    assert np.isnan(ends[0])
    assert ((ends[1:3] >= 0) & (ends[1:3] < 1e-37)).all()
    assert (ends[3:] == [1, 1, 0.5]).all()
