from dataclasses import replace
from pathlib import Path

import pytest
import reference_network as reference
import torch
from reference_network import disturbed

from dwsfusion.checkpoints import load_generator, save_generator
from dwsfusion.generator import FREE, PAPER, RELEASED, ClampTowardsRange, Generator, GeneratorConfig, pad_to_even
from dwsfusion.losses import LossWeights, generator_terms, total_loss

MIXED = GeneratorConfig(channel_attention=True, shared_norm=True, average_pooling=False)


def test_the_released_variant_has_the_published_number_of_parameters() -> None:
    net = Generator(RELEASED)
    assert sum(p.numel() for p in net.parameters() if p.requires_grad) == 9035


def test_the_paper_variant_adds_channel_attention_and_norms() -> None:
    attention = 2 * (2 * 4 + 2 * 8 + 2 * 4 + 2 * 1) + 2 * 4
    norms = 2 * (2 * 4 + 2 * 8)
    assert sum(p.numel() for p in Generator(PAPER).parameters()) == 9035 + attention + norms


@pytest.mark.parametrize("config", [RELEASED, PAPER, FREE, MIXED])
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (35, 50)])
def test_fused_and_weights_equal_the_plain_computation(config: GeneratorConfig, size: tuple[int, int]) -> None:
    net = disturbed(Generator(config), 0.2)
    net.fuse.reduce.bias.data.fill_(0.5)  # keeps the fused luma inside [0, 1], where a difference shows
    ir, vis_y = torch.rand(2, 2, 1, *size)
    expected, w_ir, w_vis, *_ = reference.generator(net, ir, vis_y)
    weights = net.weights(ir, vis_y)
    torch.testing.assert_close(weights.ir, w_ir, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(weights.vis, w_vis, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(net(ir, vis_y), expected, atol=5e-5, rtol=1e-4)
    assert net(ir, vis_y).std() > 0  # not clamped flat


def test_a_batch_equals_its_pictures_one_by_one() -> None:
    net = disturbed(Generator(PAPER), 0.2)
    ir, vis_y = torch.rand(2, 3, 1, 33, 40)
    singles = torch.cat([net(ir[i : i + 1], vis_y[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(net(ir, vis_y), singles, atol=1e-5, rtol=1e-4)


def test_every_parameter_gets_a_gradient_from_the_losses() -> None:
    net = disturbed(Generator(PAPER), 0.1).train()
    ir, vis_y = torch.rand(2, 2, 1, 176, 176)
    total_loss(generator_terms(net, ir, vis_y, LossWeights())[1], LossWeights()).backward()
    without = [name for name, p in net.named_parameters() if p.grad is None]
    assert without == []
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_a_clamped_picture_can_come_back() -> None:
    x = torch.tensor([-1.0, -1.0, 0.5, 2.0, 2.0], requires_grad=True)
    out = ClampTowardsRange.apply(x)
    assert out.tolist() == [0, 0, 0.5, 1, 1]
    out.backward(torch.tensor([-3.0, 3.0, 7.0, 3.0, -3.0]))  # descent goes against the gradient
    assert x.grad.tolist() == [-3, 0, 7, 3, 0]


def test_free_maps_cost_six_parameters_and_begin_as_published() -> None:
    free, bound = disturbed(Generator(FREE), 0.1), Generator(PAPER).eval()
    count = [sum(p.numel() for p in net.parameters()) for net in (free, bound)]
    assert count[0] - count[1] == 2 * 3
    begun = Generator(FREE).eval()
    missing = begun.load_state_dict(bound.state_dict(), strict=False).missing_keys
    assert missing == [f"weigh_{which}.level.{part}" for which in ("ir", "vis") for part in ("weight", "bias")]
    pair = torch.rand(2, 2, 1, 33, 40)
    torch.testing.assert_close(begun(*pair), bound(*pair), atol=1e-6, rtol=1e-5)


def test_only_free_maps_leave_the_upper_half() -> None:
    picture = torch.rand(2, 1, 32, 32)
    bound, free = disturbed(Generator(PAPER), 2.0), disturbed(Generator(FREE), 0.2)
    assert bound.weigh_ir(picture).min() >= 0.5
    for bias, expected in ((-30.0, 0.0), (30.0, 1.0)):
        free.weigh_ir.level.bias.data.fill_(bias)  # type: ignore[union-attr]
        assert free.weigh_ir(picture).mean().item() == pytest.approx(expected, abs=1e-4)


def test_without_cross_weights_each_picture_has_its_own_map() -> None:
    config = replace(PAPER, cross_weights=False)
    net = disturbed(Generator(config), 0.1)
    ir, vis_y = torch.rand(2, 1, 1, 32, 32)
    weights = net.weights(ir, vis_y)
    expected = net.fuse(torch.cat([ir * weights.ir, vis_y * weights.vis], 1))
    assert torch.equal(net(ir, vis_y), expected)


def test_odd_sides_get_zeros_at_the_bottom_and_right() -> None:
    x = torch.ones(1, 1, 3, 5)
    padded = pad_to_even(x)
    assert padded.shape == (1, 1, 4, 6)
    assert padded[..., 3, :].sum() == padded[..., 5].sum() == 0
    assert pad_to_even(padded) is padded


@pytest.mark.parametrize("config", [RELEASED, PAPER, FREE])
def test_saved_and_loaded_weights_fuse_to_the_same_bits(config: GeneratorConfig, tmp_path: Path) -> None:
    net = disturbed(Generator(config), 0.2)
    save_generator(net, tmp_path / "weights.safetensors", {"command": "a test"})
    again = load_generator(tmp_path / "weights.safetensors")
    ir, vis_y = torch.rand(2, 1, 1, 20, 20)
    assert again.config == config
    assert torch.equal(net(ir, vis_y), again(ir, vis_y))
