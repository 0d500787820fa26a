"""What a fusion costs: parameters, operations, time, memory, and where the time goes."""

import math
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dwsfusion.devices import CPU, wait_for
from dwsfusion.engines import engine_for
from dwsfusion.engines.onnx import try_onnx
from dwsfusion.engines.openvino import try_portable
from dwsfusion.generator import Generator
from dwsfusion.peak_memory import peak_mb
from dwsfusion.progress import Track, silent

Network = Callable[[Tensor, Tensor], Any]
Shape = Sequence[int]
_LEAST_ROUNDS = 3
_REST_S = 0.02
"""Before each measurement: threads of the method before go on spinning for a while."""


@dataclass(frozen=True)
class Timing:
    """One method at one size; None stands for what was not measured."""

    name: str
    ms: float | None = None
    """Median time a picture."""
    ratio: float | None = None
    """How many times faster than the first method, the median of the ratios round by round."""
    peak_mb: float | None = None
    """Memory beyond what there was before, at its peak; None where the system does not tell."""
    rounds: int = 0
    """How many times it was measured."""

    def row(self, size: tuple[int, int], flops: int) -> dict[str, Any]:
        """A row of the cost table, for pictures of some size (height, width) and FLOPs."""
        return {
            "size": f"{size[0]}x{size[1]}",
            "method": self.name,
            "ms": self.ms,
            "ms_per_megapixel": None if self.ms is None else self.ms * 1e6 / math.prod(size),
            "per_second": None if self.ms is None else 1000 / self.ms,
            "ratio": self.ratio,
            "peak_mb": self.peak_mb,
            "gflop": flops / 1e9,
            "rounds": self.rounds,
        }


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Inside, numbers too small to matter count as zero, for a CPU is ten times slower with them."""
    before = sys.float_info.min / 2 == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def count_parameters(net: nn.Module) -> int:
    """How many numbers training adjusts."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def count_flops(net: nn.Module, height: int, width: int) -> int:
    """Floating-point operations for one pair, a multiply-add as two.

    Counted on the network's plain operations: convolutions; transforms as 5 n log2 n, half for real ones; the
    sampling with 8 a bilinear value, 1 for its modulation and 2 a filter. Elementwise work is left out.
    """
    pair = torch.rand(2, 1, 1, height, width)
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=_flop_formulas()) as counter:
        net(*pair)
    return int(counter.get_total_flops())


@torch.inference_mode()
def compare(
    methods: Mapping[str, Network | None],
    size: tuple[int, int],
    rounds: int,
    device: torch.device,
    enough_s: float = 60,
) -> list[Timing]:
    """Times methods in turn, round by round, so that what else the machine does meets all of them.

    Args:
        methods: name to network, or to None for what cannot run here; the first is what the others are compared with.
        size: height and width in pixels.
        rounds: how often each runs at most, after two runs that are not timed.
        device: where the pictures lie.
        enough_s: after this time, three rounds are enough.
    """
    pair = torch.rand(2, 1, 1, *size, generator=torch.Generator().manual_seed(0)).to(device)
    networks = {name: net for name, net in methods.items() if net is not None}
    seconds: dict[str, list[float]] = defaultdict(list)
    with flushed_denormals():
        peaks = {name: peak_mb(partial(net, pair[0], pair[1]), device) for name, net in networks.items()}
        start = time.perf_counter()
        for done in range(rounds):
            if done >= _LEAST_ROUNDS and time.perf_counter() - start > enough_s:
                break
            for name, net in networks.items():
                seconds[name].append(_seconds(net, pair, device))
    first = seconds[next(iter(networks))]
    return [_timing(name, seconds[name], first, peaks[name]) if name in networks else Timing(name) for name in methods]


def compare_sizes(
    net: Generator, onnx_file: Path, sizes: Sequence[tuple[int, int]], rounds: int, track: Track = silent
) -> dict[tuple[int, int], list[Timing]]:
    """Times a generator in plain torch, by its engine, and as its ONNX files on the CPU; and it on the GPU.

    Args:
        net: the generator: as it stands, it is the plain computation in torch's and torchvision's operations.
        onnx_file: where it is exported to, if onnxruntime is there; the files for one size, which OpenVINO runs, too,
            go beside it.
        sizes: height and width in pixels.
        rounds: see `compare`.
        track: shows progress over the sizes.
    """
    methods: dict[str, Network | None] = {"plain": net, "dwsfusion": engine_for(net, CPU)}
    methods["onnxruntime"] = try_onnx(net, onnx_file)
    timings = {}
    for height, width in track(sizes, "timing sizes"):
        size, portable_file = (height, width), onnx_file.with_name(f"{onnx_file.stem}-{height}x{width}.onnx")
        portable = try_portable(net, portable_file, size)
        timings[size] = [*compare(methods | portable, size, rounds, CPU), *gpu_timings(net, size, rounds)]
    return timings


def gpu_timings(net: nn.Module, size: tuple[int, int], rounds: int) -> list[Timing]:
    """Times a copy of the network on the GPU, kernel by kernel and as one graph, warmed up and waited for.

    Where there is no GPU, nothing is measured.
    """
    names = ("GPU", "GPU graph")
    if not torch.cuda.is_available():
        return [Timing(name) for name in names]
    copy = deepcopy(net).cuda()
    device = torch.device("cuda")
    timings = compare(dict(zip(names, (copy, engine_for(copy, device)), strict=True)), size, rounds, device)
    return [replace(timing, ratio=None) for timing in timings]


@torch.inference_mode()
def profile_stages(net: Generator, size: tuple[int, int], rounds: int) -> list[dict[str, Any]]:
    """Where the time goes on the CPU, beside the least that memory allows.

    The stages are the named steps of the generator's engine. The estimators run side by side, so the times of their
    stages are of the same moments.

    Returns:
        For each stage its median time (``ms``); ``bound_ms``, to read its inputs and write its outputs once at the
        rate at which this machine copies memory; and how many times longer than that it takes (``times_bound``).
    """
    spent: dict[str, list[float]] = defaultdict(list)
    moved: dict[str, int] = {}

    def watch(name: str, seconds: float, size_bytes: int) -> None:
        spent[name].append(seconds)
        moved[name] = size_bytes

    engine = engine_for(net, CPU)
    for step in engine.steps:
        step.watch = watch
    pair = torch.rand(2, 1, 1, *size)
    with flushed_denormals():
        for _ in range(rounds + 1):
            start = time.perf_counter()
            engine(*pair)
            spent["all"].append(time.perf_counter() - start)
    rate = _bytes_per_second()
    moved["all"] = sum(moved.values())
    return [_stage_row(name, times[1:], moved[name] / rate) for name, times in spent.items()]


def cost_rows(timings: Mapping[tuple[int, int], Sequence[Timing]], net: nn.Module) -> list[dict[str, Any]]:
    """The cost table of a network: the rows of every size's timings."""
    flops = {size: count_flops(net, *size) for size in timings}
    return [timing.row(size, flops[size]) for size in timings for timing in timings[size]]


def _timing(name: str, seconds: Sequence[float], first: Sequence[float], peak_mb: float | None) -> Timing:
    ratio = statistics.median(a / b for a, b in zip(first, seconds, strict=True))
    return Timing(name, 1000 * statistics.median(seconds), ratio, peak_mb, len(seconds))


def _stage_row(name: str, seconds: Sequence[float], bound: float) -> dict[str, Any]:
    spent = statistics.median(seconds)
    return {"stage": name, "ms": 1000 * spent, "bound_ms": 1000 * bound, "times_bound": spent / bound}


def _seconds(net: Network, pair: Tensor, device: torch.device) -> float:
    wait_for(device)
    time.sleep(_REST_S)
    start = time.perf_counter()
    net(pair[0], pair[1])
    wait_for(device)
    return time.perf_counter() - start


def _bytes_per_second() -> float:
    """Read and written bytes a second of a copy that no cache holds."""
    source = torch.rand(32 * 2**20)
    target, times = torch.empty_like(source), []
    for _ in range(5):
        start = time.perf_counter()
        target.copy_(source)
        times.append(time.perf_counter() - start)
    return 2 * source.numel() * source.element_size() / min(times)


def _flop_formulas() -> dict[Any, Callable[..., int]]:
    def sampling(_x: Shape, weight: Shape, *_rest: Any, out_shape: Shape, **_named: Any) -> int:
        filters, channels, taps = weight[0], weight[1], weight[2] * weight[3]
        # Batches come as groups: every filter sees its own group's channels, every channel is read once.
        groups = _x[1] // channels
        return out_shape[2] * out_shape[3] * taps * (9 * channels * groups + 2 * channels * filters)

    def complex_fft(shape: Shape, dim: Sequence[int], *_rest: Any, **_named: Any) -> int:
        return math.ceil(5 * math.prod(shape) * sum(math.log2(shape[d]) for d in dim))

    def forward_fft(shape: Shape, dim: Sequence[int], *rest: Any, **_named: Any) -> int:
        return complex_fft(shape, dim) // 2

    def backward_fft(_shape: Shape, dim: Sequence[int], *_rest: Any, out_shape: Shape, **_named: Any) -> int:
        return complex_fft(out_shape, dim) // 2

    import torchvision  # noqa: F401 - registers its operations

    aten = torch.ops.aten
    return {
        torch.ops.torchvision.deform_conv2d: sampling,
        aten._fft_c2c: complex_fft,
        aten._fft_r2c: forward_fft,
        aten._fft_c2r: backward_fft,
    }
