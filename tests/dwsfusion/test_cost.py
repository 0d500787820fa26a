import pytest
import torch
from torch import nn

from dwsfusion import kernels
from dwsfusion.cost import (
    Timing,
    compare,
    count_flops,
    count_parameters,
    flushed_denormals,
    gpu_timings,
    profile_stages,
)
from dwsfusion.engines import engine_for
from dwsfusion.generator import RELEASED, Generator
from dwsfusion.layers import FADC

CPU = torch.device("cpu")


class _Sum(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, ir: torch.Tensor, vis_y: torch.Tensor) -> torch.Tensor:
        return self.layer(ir + vis_y)


def test_flops_of_a_convolution_are_two_a_weight_and_pixel() -> None:
    assert count_flops(_Sum(nn.Conv2d(1, 4, 3, padding=1)), 10, 12) == 2 * 9 * 4 * 120


def test_flops_of_the_sampling_are_counted() -> None:
    """Per pixel: nine taps of 9 for reading and 2 for the filter; convolutions for 3 gates and 10 maps."""
    pixels = 16 * 16
    least = pixels * (9 * 11 + 2 * 9 * 13)
    found = count_flops(_Sum(FADC(1, 1)).eval(), 16, 16)
    assert least < found < least + pixels * 200  # transforms and the small attention


def test_flops_grow_with_the_pixels() -> None:
    net = Generator(RELEASED).eval()
    assert count_parameters(net) == 9035
    assert count_flops(net, 64, 64) / count_flops(net, 32, 32) == pytest.approx(4, rel=0.15)


def test_methods_are_timed_in_turn() -> None:
    calls: list[str] = []

    def method(name: str) -> nn.Module:
        layer = _Sum(nn.Identity())
        layer.register_forward_hook(lambda *_: calls.append(name))
        return layer

    slow, fast = compare({"a": method("a"), "b": method("b")}, (16, 16), 3, CPU)
    assert calls == ["a", "a", "b", "b", *"ababab"]
    assert (slow.name, slow.ratio, fast.name) == ("a", 1, "b")
    assert slow.rounds == fast.rounds == 3


def test_a_slow_comparison_ends_after_three_rounds_and_what_cannot_run_has_no_time() -> None:
    first, missing = compare({"a": _Sum(nn.Identity()), "b": None}, (16, 16), 99, CPU, enough_s=0)
    assert (first.rounds, missing) == (3, Timing("b"))


def test_a_row_tells_the_rate_and_the_growth() -> None:
    row = Timing("a", 50.0, 2.0, 10.0, 7).row((400, 500), 3 * 10**9)
    assert (row["ms_per_megapixel"], row["per_second"], row["gflop"]) == (250, 20, 3)
    assert Timing("gpu").row((400, 500), 0)["per_second"] is None


def test_denormals_are_zero_inside_and_as_before_outside() -> None:
    tiny = torch.tensor([1e-30])
    for before in (False, True):
        torch.set_flush_denormal(before)
        with flushed_denormals():
            assert (tiny * 1e-10).item() == 0
        assert ((tiny * 1e-10).item() == 0) is before


def test_without_a_gpu_nothing_is_measured_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_timings(_Sum(nn.Identity()), (16, 16), 1) == [Timing("GPU"), Timing("GPU graph")]


def test_every_step_of_the_engine_is_in_the_profile() -> None:
    net = Generator(RELEASED).eval()
    names = [step.name for step in engine_for(net, CPU).steps]
    if kernels.available():
        assert {"weigh_ir.down1", "weigh_vis.attend4", "fuse.reduce", "balance"} <= set(names)
    rows = {row["stage"]: row for row in profile_stages(net, (16, 16), 1)}
    assert set(rows) == {*names, "all"}
    assert list(rows)[-1] == "all"
    assert rows["all"]["ms"] > rows[names[-1]]["ms"] > 0
    assert rows["all"]["bound_ms"] >= rows[names[-1]]["bound_ms"] > 0
    assert rows["all"]["times_bound"] == pytest.approx(rows["all"]["ms"] / rows["all"]["bound_ms"])


@pytest.mark.gpu
def test_times_and_memory_on_a_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    net = Generator(RELEASED).eval()
    for timing in gpu_timings(net, (64, 64), 2):
        assert timing.ms is not None
        assert timing.peak_mb is not None
    assert timing.peak_mb > 0
