from pathlib import Path

import pytest
import torch
from torch import nn

from dwsfusion.cost import Timing, compare, count_flops, count_parameters, plot_sizes, profile_stages
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
    assert fast.per_second == pytest.approx(1000 / fast.ms)


def test_every_stage_is_in_the_profile_and_its_hooks_are_gone() -> None:
    net = Generator(RELEASED).eval()
    rows = {row["stage"]: row for row in profile_stages(net, (16, 16), 1)}
    assert {"weigh_ir.down1", "weigh_vis.attend4", "fuse.reduce", "balance", "all"} <= rows.keys()
    assert rows["all"]["ms"] > rows["fuse.reduce"]["ms"] > 0
    assert rows["all"]["bound_ms"] > rows["fuse.reduce"]["bound_ms"] > 0
    assert not any(module._forward_hooks for module in net.modules())


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    plot_sizes({(16, 16): [Timing("a", 1, 1, None)], (32, 32): [Timing("a", 4, 1, None)]}, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.gpu
def test_times_and_memory_on_a_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    net = Generator(RELEASED).eval().cuda()
    (timing,) = compare({"ours": net}, (64, 64), 2, torch.device("cuda"))
    assert timing.peak_mb is not None
    assert timing.peak_mb > 0
