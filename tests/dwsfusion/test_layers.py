import numpy as np
import pytest
import reference_network as reference
import torch
from reference_network import disturbed
from torch import Tensor

from dwsfusion.layers import FA2M, FADC, ChannelAttention, adaptive_convolution, low_pass


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (30, 41), (1, 1), (1, 5)])
def test_low_pass_equals_the_real_part_of_the_cut_spectrum(size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size, dtype=torch.float64)
    expected = tuple(reference.low_pass(x, cutoff) for cutoff in (2, 4, 8))
    torch.testing.assert_close(low_pass(x), expected)


def test_low_pass_keeps_a_slow_wave_and_drops_a_fast_one() -> None:
    x = torch.arange(32) / 32 * 2 * torch.pi
    slow, fast = torch.cos(x).expand(1, 1, 32, 32), torch.cos(15 * x).expand(1, 1, 32, 32)
    for image in low_pass(slow + fast):
        torch.testing.assert_close(image, slow.contiguous(), atol=1e-5, rtol=0)


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


def test_adaptive_convolution_follows_its_definition_for_each_picture_of_a_batch() -> None:
    torch.manual_seed(0)
    padded = torch.rand(2, 2, 8, 9, dtype=torch.float64)
    kernel = torch.randn(2, 3, 2, 3, 3, dtype=torch.float64)
    dilation = 4 * torch.rand(2, 1, 6, 7, dtype=torch.float64)  # some taps fall outside
    modulation = torch.rand(2, 9, 6, 7, dtype=torch.float64)
    bias = torch.tensor([0.5, -1, 2], dtype=torch.float64)
    out = adaptive_convolution(padded, kernel, dilation, modulation, bias)
    for index in range(2):
        parts = (padded, dilation, modulation, kernel)
        expected = naive_sampling(*(part[index].numpy() for part in parts)) + bias.numpy()[:, None, None]
        np.testing.assert_allclose(out[index].numpy(), expected, atol=1e-12)


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
