"""What training computes by loops or by torch: its definition, gradients, and when the loops step aside."""

from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import pytest
import reference_network as reference
import torch
from reference_network import disturbed
from torch import Tensor

from dwsfusion import kernels, ops
from dwsfusion.generator import FREE, PAPER, RELEASED, Generator, GeneratorConfig
from dwsfusion.layers import FADC
from dwsfusion.losses import LossWeights, generator_terms, total_loss
from dwsfusion.ops import adaptive_convolution, plain_operations


def naive_sampling(padded: np.ndarray, dilation: np.ndarray, modulation: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The definition, pixel by pixel, for one picture: tap k reads bilinearly at p + (1 + d)·grid_k."""
    channels, height, width = padded.shape

    def read(channel: int, y: float, x: float) -> float:
        y0, x0 = int(np.floor(y)), int(np.floor(x))
        total = 0.0
        for yy in (y0, y0 + 1):
            for xx in (x0, x0 + 1):
                if 0 <= yy < height and 0 <= xx < width:
                    total += (1 - abs(y - yy)) * (1 - abs(x - xx)) * padded[channel, yy, xx]
        return total

    out = np.zeros((len(kernel), height - 2, width - 2))
    for o, y, x in np.ndindex(out.shape):
        for k, (gy, gx) in enumerate((a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)):
            reach = 1 + dilation[0, y, x]
            for c in range(channels):
                value = read(c, y + 1 + reach * gy, x + 1 + reach * gx)
                out[o, y, x] += kernel[o, c, k // 3, k % 3] * modulation[k, y, x] * value
    return out


@pytest.mark.parametrize("gradients", [True, False])
def test_adaptive_convolution_follows_its_definition_for_each_picture_of_a_batch(gradients: bool) -> None:
    padded = torch.rand(2, 2, 8, 9, dtype=torch.float64)
    kernel = torch.randn(2, 3, 2, 3, 3, dtype=torch.float64)
    dilation = 4 * torch.rand(2, 1, 6, 7, dtype=torch.float64)  # some taps fall outside
    modulation = torch.rand(2, 9, 6, 7, dtype=torch.float64)
    bias = torch.tensor([0.5, -1, 2], dtype=torch.float64)
    with torch.set_grad_enabled(gradients):
        out = adaptive_convolution(padded, kernel, dilation, modulation, bias)
    for index in range(2):
        parts = (padded, dilation, modulation, kernel)
        expected = naive_sampling(*(part[index].numpy() for part in parts)) + bias.numpy()[:, None, None]
        np.testing.assert_allclose(out[index].numpy(), expected, atol=1e-12)


def test_the_loops_step_aside_where_no_gradient_is_needed_or_torch_must_see_every_operation() -> None:
    x = torch.rand(1, 1, 4, 4)
    assert ops._by_loops(x) is kernels.available()
    with plain_operations():
        assert not ops._by_loops(x)
    with torch.no_grad():
        assert not ops._by_loops(x)
    with torch.inference_mode():
        assert not ops._by_loops(x)
    assert not ops._by_loops(x.half())
    assert not ops._by_loops(x.to("meta"))
    traced: list[bool] = []
    torch.jit.trace(lambda y: (traced.append(ops._by_loops(y)), y + 1)[1], x, check_trace=False)
    assert traced == [False]


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("bias", [True, False])
def test_the_convolution_and_its_gradients_are_those_of_torch(padding: int, bias: bool) -> None:
    x, weight = torch.rand(2, 3, 9, 11).double().requires_grad_(), torch.rand(4, 3, 3, 3).double().requires_grad_()
    inputs = [x, weight, *([torch.rand(4).double().requires_grad_()] if bias else [])]
    out = ops.convolution(x, weight, inputs[2] if bias else None, padding)
    expected = torch.nn.functional.conv2d(*inputs, padding=padding)
    above = torch.rand_like(expected)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(torch.autograd.grad(out, inputs, above), torch.autograd.grad(expected, inputs, above))


def test_a_size_seen_in_inference_can_be_trained_on() -> None:
    layer, x = FADC(1, 1).eval(), torch.rand(1, 1, 21, 27)
    with torch.inference_mode():
        expected = layer(x)
    out = layer(x.requires_grad_())
    out.sum().backward()
    torch.testing.assert_close(out.detach(), expected.clone(), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("config", [RELEASED, PAPER, FREE])
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

    by_loops, expected = gradients(ours), gradients(plain)
    assert (by_loops - expected).norm() <= 1e-4 * expected.norm()


@pytest.mark.parametrize("config", [RELEASED, PAPER, FREE])
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

    by_loops = gradients()
    with plain_operations():
        expected = gradients()
    assert (by_loops - expected).norm() <= 1e-6 * expected.norm()
