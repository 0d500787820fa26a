import pytest
import reference_network as reference
import torch
from reference_network import disturbed
from torch import Tensor

from dwsfusion.layers import FA2M, FADC, ChannelAttention


@pytest.mark.parametrize(("channels", "filters", "bias"), [(2, 1, False), (2, 4, True), (4, 1, True)])
def test_fadc_equals_the_plain_computation(channels: int, filters: int, bias: bool) -> None:
    layer = disturbed(FADC(channels, filters, bias))
    x = torch.rand(3, channels, 19, 22)
    torch.testing.assert_close(layer(x), reference.fadc(layer, x), atol=2e-5, rtol=1e-4)


def test_a_fresh_fadc_is_close_to_a_plain_convolution() -> None:
    layer = FADC(2, 1).eval()
    x = torch.rand(1, 2, 12, 12)
    with torch.no_grad():
        for attention in (layer.low, layer.high):
            for head in (attention.channels, attention.filters):
                head.weight.zero_()
                head.bias.zero_()
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
    expected = torch.nn.functional.conv2d(padded, 0.5 * layer.weight)  # modulation starts at sigmoid(0)
    torch.testing.assert_close(layer(x), expected, atol=1e-3, rtol=1e-3)


def test_every_parameter_of_a_fadc_has_a_gradient() -> None:
    layer = disturbed(FADC(2, 2)).train()
    layer(torch.rand(2, 2, 12, 12)).square().sum().backward()
    without = [name for name, p in layer.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_channel_attention_without_hidden_units_halves() -> None:
    x = torch.rand(2, 4, 5, 5)
    assert torch.equal(ChannelAttention(4, 0)(x), 0.5 * x)


def test_channel_attention_looks_at_mean_and_maximum() -> None:
    attention = ChannelAttention(4, 2)
    x = torch.rand(2, 4, 5, 5)
    expected = x * reference.channel_scale(attention, x)
    torch.testing.assert_close(attention(x), expected)


@pytest.mark.parametrize("hidden", [0, 1])
def test_fa2m_equals_the_plain_computation(hidden: int) -> None:
    layer = disturbed(FA2M(4, hidden))
    x = torch.rand(2, 4, 15, 18)
    expected: Tensor = reference.fa2m(layer, x)
    torch.testing.assert_close(layer(x), expected, atol=2e-5, rtol=1e-4)
