"""The engine of compiled loops against the plain network: values, edges, NaN, threads, and what a snapshot is."""

import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import reference_network as reference
import torch
from reference_network import disturbed
from torch import Tensor

from dwsfusion import Fuser, find_pairs, images, kernels
from dwsfusion.checkpoints import DEFAULT_WEIGHTS, load_generator
from dwsfusion.engines import engine_for
from dwsfusion.generator import FREE, PAPER, RELEASED, Generator, GeneratorConfig
from dwsfusion.layers import FADC
from dwsfusion.losses import LossWeights, generator_terms

if not kernels.available():
    pytest.skip("compiled loops cannot be had here", allow_module_level=True)
from dwsfusion.engines.compiled import CompiledEngine
from dwsfusion.engines.compiled_layers import CompiledFADC

CPU = torch.device("cpu")
VARIANTS = [
    RELEASED,
    PAPER,
    GeneratorConfig(True, True, False),
    replace(PAPER, cross_weights=False),
    FREE,
    replace(RELEASED, cross_weights=False, average_pooling=True),
]


@pytest.fixture(autouse=True)
def _loops_keep_working() -> Iterator[None]:
    """A failure of the loops would be made good by plain operations, and pass unseen."""
    yield
    assert kernels.available()


@pytest.mark.parametrize("config", VARIANTS)
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (35, 150)])
@torch.no_grad()
def test_the_engine_computes_what_the_network_does(config: GeneratorConfig, size: tuple[int, int]) -> None:
    """What the network computes in double: the rounding of the loops is all that may differ."""
    net = disturbed(Generator(config), 0.2)
    net.fuse.reduce.bias.data.fill_(0.5)  # keeps the fused luma inside [0, 1], where a difference shows
    ir, vis_y = torch.rand(2, 2, 1, *size)
    engine, exact = engine_for(net, CPU), deepcopy(net).double()
    assert isinstance(engine, CompiledEngine)
    weights, expected = engine.weights(ir, vis_y), exact.weights(ir.double(), vis_y.double())
    for ours, theirs in zip(weights, expected, strict=True):
        torch.testing.assert_close(ours.double(), theirs, atol=2e-5, rtol=1e-4)
    fused = engine(ir, vis_y)
    assert fused.std() > 0
    torch.testing.assert_close(fused.double(), exact(ir.double(), vis_y.double()), atol=1e-4, rtol=1e-4)
    assert torch.equal(engine.cross_and_fuse(ir, vis_y, weights), fused)


@pytest.mark.parametrize(("channels", "filters", "bias"), [(2, 1, False), (2, 4, True), (4, 1, True)])
@torch.no_grad()
def test_a_compiled_fadc_equals_the_plain_one(channels: int, filters: int, bias: bool) -> None:
    layer = disturbed(FADC(channels, filters, bias))
    compiled = CompiledFADC(layer, channels)
    for size in ((19, 22), (16, 131), (1, 5)):
        x = torch.rand(3, channels, *size)
        out = torch.from_numpy(compiled(x.numpy()))
        torch.testing.assert_close(out, reference.fadc(layer, x), atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_one_map_stands_for_equal_channels() -> None:
    layer = disturbed(FADC(2, 1, bias=False))
    x = torch.rand(2, 1, 17, 20)
    out = torch.from_numpy(CompiledFADC(layer, 1)(x.numpy()))
    torch.testing.assert_close(out, reference.fadc(layer, x.expand(-1, 2, -1, -1)), atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_nan_in_a_picture_comes_out() -> None:
    net = disturbed(Generator(RELEASED), 0.1)
    ir, vis_y = torch.rand(2, 1, 1, 20, 20)
    ir[0, 0, 3, 3] = torch.nan
    assert engine_for(net, CPU)(ir, vis_y).isnan().any()


@torch.no_grad()
def test_what_the_loops_must_not_see_is_the_networks() -> None:
    """They look at no border: a map that is too small would be read beyond its end."""
    engine = engine_for(disturbed(Generator(RELEASED), 0.1), CPU)
    ir = torch.rand(1, 1, 20, 24)
    for other in (ir[..., :20], ir.double(), ir.expand(2, -1, -1, -1)[:, :, :10]):
        with pytest.raises(RuntimeError):
            engine(ir, other)


def test_only_a_float_generator_at_rest_on_a_cpu_is_compiled() -> None:
    net = Generator(RELEASED).eval()
    assert isinstance(engine_for(net, CPU), CompiledEngine)
    for other, device in (
        (Generator(RELEASED).train(), CPU), (Generator(RELEASED).eval().half(), CPU),
        (Generator(RELEASED).eval().double(), CPU), (torch.nn.Identity(), CPU),
        (net, torch.device("meta")),
    ):  # fmt: skip
        assert type(engine_for(other, device)).__name__ == "PlainEngine"


@torch.no_grad()
def test_an_engine_is_a_snapshot_and_a_new_one_sees_every_change() -> None:
    net = disturbed(Generator(PAPER), 0.1)
    net.fuse.reduce.bias.data.fill_(0.5)
    pair = torch.rand(2, 1, 1, 20, 24)
    engine = engine_for(net, CPU)
    before = engine(*pair)
    for parameter in (*net.parameters(), *net.buffers()):
        if parameter.is_floating_point():
            parameter.mul_(1.1)
    assert torch.equal(engine(*pair), before)
    assert not torch.equal(engine_for(net, CPU)(*pair), before)
    torch.testing.assert_close(engine_for(net, CPU)(*pair), net(*pair), atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_the_losses_take_an_engine_for_its_generator() -> None:
    net = disturbed(Generator(PAPER), 0.1)
    pair = torch.rand(2, 1, 1, 176, 180)
    fused, terms = generator_terms(engine_for(net, CPU), *pair, LossWeights())
    expected, expected_terms = generator_terms(net, *pair, LossWeights())
    torch.testing.assert_close(fused, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(terms, expected_terms, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_many_threads_may_fuse_at_once() -> None:
    net = engine_for(disturbed(Generator(PAPER), 0.1), CPU)
    pairs = [torch.rand(2, 1, 1, 128, 300 + 8 * n) for n in range(6)]
    expected = [net(*pair) for pair in pairs]
    fused: dict[int, Tensor] = {}

    def work(n: int) -> None:
        with torch.inference_mode():
            for _ in range(3):
                fused[n] = net(*pairs[n])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(fused[n], expected[n]) for n in range(6))


@torch.inference_mode()
def test_the_result_stays_what_it_was_when_more_is_computed() -> None:
    net = engine_for(disturbed(Generator(PAPER), 0.1), CPU)
    pairs = torch.rand(5, 2, 1, 1, 100, 420)
    results = [net(*pair) for pair in pairs]
    assert all(torch.equal(result, net(*pair)) for result, pair in zip(results, pairs, strict=True))


def test_a_lane_has_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    from dwsfusion.kernels.threads import _allowed

    engine = engine_for(Generator(RELEASED).eval(), CPU)
    for threads, lanes, share in ((1, 1, 1), (3, 3, 1), (8, 4, 2), (9, 4, 2)):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert engine.lanes() == lanes
        with engine.in_lane(lanes):
            assert _allowed() == share
    assert Fuser.from_pretrained("max", "cpu").engine.lanes() == 1


@pytest.mark.real_data
@pytest.mark.parametrize("weights", ["official/best_network.pth", DEFAULT_WEIGHTS])
@torch.no_grad()
def test_real_pictures_fuse_alike(real_data: Path, weights: str | Path) -> None:
    net = load_generator(real_data / weights)
    engine = engine_for(net, CPU)
    for pair in find_pairs(real_data / "data/MSRS").pairs[::40]:
        ir, vis = pair.read()
        crops: list[Callable[[Tensor], Tensor]] = [lambda x: x, lambda x: x[..., :301, :333]]
        for crop in crops:
            ir_x, vis_y = crop(images.ir_tensor(ir)), crop(images.luma(images.vis_tensor(vis)))
            expected = reference.generator(net, ir_x, vis_y)[0]
            assert (engine(ir_x, vis_y) - expected).abs().max() <= 5e-5
