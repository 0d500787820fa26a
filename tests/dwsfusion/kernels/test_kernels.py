"""The compiled loops against plain operations: values, gradients, edges, NaN, and the same bits every time."""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest
import reference_network as reference
import torch
from reference_network import disturbed
from torch import Tensor

from dwsfusion import find_pairs, images
from dwsfusion.checkpoints import DEFAULT_WEIGHTS, load_generator
from dwsfusion.generator import PAPER, RELEASED, Generator, GeneratorConfig
from dwsfusion.layers import FADC, adaptive_convolution
from dwsfusion.losses import LossWeights, generator_terms, total_loss
from dwsfusion.ops import inference_kernels, plain_operations, training_kernels

kernels = pytest.importorskip("dwsfusion.kernels")
rows = pytest.importorskip("dwsfusion.kernels.rows")


def sampling_inputs(shape: tuple[int, ...], reach: float, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Padded map, kernel, dilation, modulation and bias for (B, C, O, H, W)."""
    torch.manual_seed(0)
    b, c, o, h, w = shape
    return [
        torch.randn(b, c, h + 2, w + 2, dtype=dtype),
        torch.randn(b, o, c, 3, 3, dtype=dtype),
        torch.rand(b, 1, h, w, dtype=dtype) * reach + 0.01,
        torch.rand(b, 9, h, w, dtype=dtype),
        torch.randn(o, dtype=dtype),
    ]


@pytest.mark.parametrize(
    ("shape", "reach"), [((2, 2, 1, 5, 130), 0.9), ((1, 4, 3, 7, 9), 3), ((9, 1, 2, 6, 140), 40), ((1, 2, 1, 1, 1), 2)]
)
def test_sampling_and_its_gradients_equal_deform_conv2d(shape: tuple[int, ...], reach: float) -> None:
    inputs = [x.requires_grad_() for x in sampling_inputs(shape, reach)]
    out = kernels.adaptive_convolution(*inputs)
    with plain_operations():
        expected = adaptive_convolution(*inputs)
    torch.testing.assert_close(out, expected)
    above = torch.randn_like(out)
    torch.testing.assert_close(torch.autograd.grad(out, inputs, above), torch.autograd.grad(expected, inputs, above))


def test_single_precision_stays_within_a_hundred_thousandth() -> None:
    inputs = sampling_inputs((1, 2, 2, 20, 150), 0.9, torch.float32)
    exact = kernels.adaptive_convolution(*(x.double() for x in inputs))
    torch.testing.assert_close(kernels.adaptive_convolution(*inputs).double(), exact, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("reach", [0.8, 2.5])
def test_gradcheck(reach: float) -> None:
    inputs = [x.requires_grad_() for x in sampling_inputs((2, 2, 2, 4, 5), reach)]
    assert torch.autograd.gradcheck(kernels.adaptive_convolution, inputs)


def test_nan_shows_and_far_taps_read_zeros() -> None:
    padded, kernel, dilation, modulation, bias = sampling_inputs((1, 1, 1, 6, 8), 0.5)
    dilation[0, 0, 2, 3] = torch.nan
    dilation[0, 0, 4, 4] = torch.inf
    dilation[0, 0, 5, 5] = 1e30
    out = kernels.adaptive_convolution(padded, kernel, dilation, modulation, bias)
    assert out.isnan().nonzero().tolist() == [[0, 0, 2, 3]]
    for y, x in ((4, 4), (5, 5)):
        centre = padded[0, 0, y + 1, x + 1] * kernel[0, 0, 0, 1, 1] * modulation[0, 4, y, x] + bias[0]
        torch.testing.assert_close(out[0, 0, y, x], centre)


def test_every_run_gives_the_same_bits_with_any_number_of_threads() -> None:
    def results() -> list[Tensor]:
        inputs = [x.requires_grad_() for x in sampling_inputs((1, 2, 2, 33, 140), 3, torch.float32)]
        out = kernels.adaptive_convolution(*inputs)
        return [out, *torch.autograd.grad(out.square().sum(), inputs[:4])]

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = results()
        torch.set_num_threads(2)
        for _ in range(3):
            assert all(torch.equal(a, b) for a, b in zip(results(), expected, strict=True))
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(("channels", "filters", "bias"), [(2, 1, False), (2, 4, True), (4, 1, True)])
@torch.no_grad()
def test_fadc_without_gradients_equals_the_plain_one(channels: int, filters: int, bias: bool) -> None:
    layer = disturbed(FADC(channels, filters, bias))
    for size in ((19, 22), (16, 131), (1, 5)):
        x = torch.rand(3, channels, *size)
        torch.testing.assert_close(layer(x), reference.fadc(layer, x), atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_one_map_stands_for_equal_channels() -> None:
    layer = disturbed(FADC(2, 1, bias=False))
    x = torch.rand(2, 1, 17, 20)
    torch.testing.assert_close(layer(x), reference.fadc(layer, x.expand(-1, 2, -1, -1)), atol=2e-5, rtol=1e-4)


def test_a_size_seen_in_inference_can_be_trained_on() -> None:
    layer, x = FADC(1, 1).eval(), torch.rand(1, 1, 21, 27)
    with torch.inference_mode():
        expected = layer(x)
    out = layer(x.requires_grad_())
    out.sum().backward()
    torch.testing.assert_close(out.detach(), expected.clone(), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("config", [RELEASED, PAPER, GeneratorConfig(True, True, False)])
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (35, 150)])
@torch.no_grad()
def test_the_generator_without_gradients_equals_the_plain_one(config: GeneratorConfig, size: tuple[int, int]) -> None:
    torch.manual_seed(2)
    net = disturbed(Generator(config), 0.2)
    ir, vis_y = torch.rand(2, 2, 1, *size)
    expected, w_ir, w_vis, *_ = reference.generator(net, ir, vis_y)
    weights = net.weights(ir, vis_y)
    torch.testing.assert_close(weights.ir, w_ir, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(weights.vis, w_vis, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(net(ir, vis_y), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_nan_in_a_picture_comes_out() -> None:
    net = disturbed(Generator(RELEASED), 0.1)
    ir, vis_y = torch.rand(2, 1, 1, 20, 20)
    ir[0, 0, 3, 3] = torch.nan
    assert net(ir, vis_y).isnan().any()


def test_the_loops_step_aside_where_torch_must_see_every_operation() -> None:
    x = torch.rand(1, 1, 4, 4)
    assert training_kernels(x) is kernels
    assert inference_kernels(x) is None  # somebody may ask for gradients
    with torch.no_grad():
        assert inference_kernels(x) is kernels
        assert inference_kernels(x, torch.nn.ReLU().train()) is None
        with plain_operations():
            assert inference_kernels(x) is None
    assert training_kernels(x.half()) is None
    assert training_kernels(x.to("meta")) is None


def test_a_changed_helper_makes_kept_machine_code_stale() -> None:
    """Numba itself would look at a function's own file only."""
    stamp = sys.modules["dwsfusion.kernels.fadc"].fadc_rows._cache._cache_file._source_stamp
    assert {name for name, _, _ in stamp} >= {"rows.py", "sampling.py", "fadc.py"}


def test_it_is_known_whether_there_is_machine_code() -> None:
    @rows.compiled
    def twice(x: float) -> float:
        return 2 * x

    file = twice._cache._cache_file
    file._source_stamp = f"a version of {time.time()}"
    assert not rows.is_compiled(twice)
    assert twice(1.5) == 3
    assert rows.is_compiled(twice)
    file._source_stamp = "another version"
    assert not rows.is_compiled(twice)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("bias", [True, False])
def test_gradcheck_of_the_convolution(padding: int, bias: bool) -> None:
    x, weight = torch.rand(2, 3, 9, 11).double().requires_grad_(), torch.rand(4, 3, 3, 3).double().requires_grad_()
    shift = torch.rand(4).double().requires_grad_() if bias else None
    assert torch.autograd.gradcheck(partial(kernels.convolve, padding=padding), (x, weight, shift))


@pytest.mark.parametrize("config", [RELEASED, PAPER])
def test_a_training_step_has_the_gradients_of_the_released_computation(config: GeneratorConfig) -> None:
    net = disturbed(Generator(config), 0.1).train()
    net.fuse.reduce.weight.data *= 0.01  # keeps the fused picture inside of [0, 1], where both clamp alike
    net.fuse.reduce.bias.data.fill_(0.5)
    ir, vis_y = torch.rand(2, 3, 1, 176, 180)

    def gradients(loss: Callable[[], Tensor]) -> Tensor:
        net.zero_grad()
        loss().backward()
        return torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])

    def ours() -> Tensor:
        _, terms = generator_terms(net, ir, vis_y, LossWeights(structure=0))
        return total_loss(terms, LossWeights())

    def plain() -> Tensor:
        # Without MS-SSIM: torchmetrics mirrors the border where the published definition leaves it out.
        with patch("reference_network.multiscale_structural_similarity_index_measure", lambda *_args, **_named: 1):
            return reference.training_loss(net, ir, vis_y)

    found, expected = gradients(ours), gradients(plain)
    assert (found - expected).norm() <= 1e-4 * expected.norm()


@pytest.mark.parametrize("config", [RELEASED, PAPER])
def test_a_training_step_has_the_gradients_of_the_plain_one(config: GeneratorConfig) -> None:
    torch.manual_seed(3)
    net = disturbed(Generator(config), 0.1).double()
    ir, vis_y = torch.rand(2, 2, 1, 40, 56, dtype=torch.float64)

    def gradients() -> Tensor:
        net.zero_grad()
        weights = net.weights(ir, vis_y)
        fused = net.cross_and_fuse(ir, vis_y, weights)
        again = net.weights(fused, fused)
        (
            fused.square().mean() + (weights.ir - again.ir).square().mean() + weights.vis.mean() + again.vis.mean()
        ).backward()
        return torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])

    found = gradients()
    with plain_operations():
        expected = gradients()
    assert (found - expected).norm() <= 1e-6 * expected.norm()


@pytest.mark.real_data
@pytest.mark.parametrize("weights", ["official/best_network.pth", DEFAULT_WEIGHTS])
@torch.no_grad()
def test_real_pictures_fuse_alike(real_data: Path, weights: str | Path) -> None:
    net = load_generator(real_data / weights)
    for pair in find_pairs(real_data / "data/MSRS").pairs[::40]:
        ir, vis = pair.read()
        crops: list[Callable[[Tensor], Tensor]] = [lambda x: x, lambda x: x[..., :301, :333]]
        for crop in crops:
            ir_x, vis_y = crop(images.ir_tensor(ir)), crop(images.luma(images.vis_tensor(vis)))
            expected = reference.generator(net, ir_x, vis_y)[0]
            assert (net(ir_x, vis_y) - expected).abs().max() <= 5e-5
