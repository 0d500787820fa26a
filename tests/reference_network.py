"""DWSFusion computed the plain way: complex FFTs, torchvision's deformable convolution, torchmetrics' MS-SSIM.

It takes the parameters of a `Generator` and none of its forward code, so that faster code can be held to it.
"""

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure
from torchvision.ops import deform_conv2d

from dwsfusion.generator import AWEM, FAF2M, AlphaNet, Down, Generator
from dwsfusion.layers import FA2M, FADC, ChannelAttention, KernelAttention

Module = TypeVar("Module", bound=nn.Module)


def disturbed(module: Module, scale: float = 0.5) -> Module:
    """Random parameters and running statistics, so that no gate stays at its neutral start."""
    for parameter in module.parameters():
        parameter.data += scale * torch.randn_like(parameter)
    for norm in module.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.5, 2)
    return module.eval()


def generator(net: Generator, ir: Tensor, vis_y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Fused luma and the four weight maps, all of which the released program computes."""
    a = alpha(net.balance, torch.cat([ir, vis_y], 1))
    w_ir, w_vis = awem(net.weigh_ir, ir), awem(net.weigh_vis, vis_y)
    crossed_ir = ir * (a * w_ir + (1 - a) * (1 - w_vis))
    crossed_vis = vis_y * (a * w_vis + (1 - a) * (1 - w_ir))
    fused = faf2m(net.fuse, torch.cat([crossed_ir, crossed_vis], 1))
    return fused, w_ir, w_vis, awem(net.weigh_ir, fused), awem(net.weigh_vis, fused)


def training_loss(net: Generator, ir: Tensor, vis_y: Tensor) -> Tensor:
    """The published loss of the generator without critics."""
    fused, w_ir, w_vis, of_ir, of_vis = generator(net, ir, vis_y)
    brighter = torch.maximum(ir, vis_y)
    steeper = torch.maximum(steepness(ir), steepness(vis_y))
    similarity = multiscale_structural_similarity_index_measure(fused, brighter, data_range=1.0)
    content = F.l1_loss(fused, brighter) + F.l1_loss(steepness(fused), steeper) + 1 - similarity
    return 10 * content + F.l1_loss(w_ir, of_ir) + F.l1_loss(w_vis, of_vis) + F.l1_loss(w_ir, 1 - w_vis)


def steepness(x: Tensor) -> Tensor:
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=x.dtype)
    return F.conv2d(x, torch.stack([across, across.T])[:, None], padding=1).abs().sum(1, keepdim=True)


def conv(layer: nn.Conv2d, x: Tensor) -> Tensor:
    return F.conv2d(x, layer.weight, layer.bias, padding=layer.padding)


def alpha(net: AlphaNet, pair: Tensor) -> Tensor:
    x = F.relu(conv(net.conv2, F.relu(conv(net.conv1, pair))))
    return F.relu(net.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))).reshape(-1, 1, 1, 1)


def awem(net: AWEM, picture: Tensor) -> Tensor:
    f1 = fa2m(net.attend1, down(net.down1, picture))
    f2 = fa2m(net.attend2, down(net.down2, f1))
    f3 = fa2m(net.attend3, net.up1(f2))
    f3 = F.interpolate(f3, f1.shape[2:], mode="bilinear")
    f4 = fa2m(net.attend4, net.up2(torch.cat([f1, f3], 1)))
    f4 = F.interpolate(f4, picture.shape[2:], mode="bilinear")
    if net.level is not None:
        (of_estimate, of_picture), (shift,) = net.level.weight.flatten(), net.level.bias
        return torch.sigmoid(of_estimate * f4 + of_picture * picture + shift)
    return torch.sigmoid(f4 + picture)


def down(net: Down, x: Tensor) -> Tensor:
    for layer, norm in zip((net.conv1, net.conv2), (net.norms[0], net.norms[-1]), strict=True):
        x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))
        x = F.relu(norm(conv(layer, x)))
        x = F.avg_pool2d(x, 2) if isinstance(net.pool, nn.AvgPool2d) else F.max_pool2d(x, 2)
    return x


def fa2m(net: FA2M, x: Tensor) -> Tensor:
    x = x * channel_scale(net.channel, x)
    return x * torch.sigmoid(fadc(net.spatial, torch.cat([x.mean(1, True), x.max(1, True).values], 1)))


def channel_scale(net: ChannelAttention, x: Tensor) -> Tensor:
    said = torch.zeros(x.shape[:2])
    if net.mlp is not None:
        said = sum(net.mlp(pool(x, 1).flatten(1)) for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d))
    return torch.sigmoid(said)[:, :, None, None]


def faf2m(net: FAF2M, pair: Tensor) -> Tensor:
    return fadc(net.reduce, fa2m(net.attend, fadc(net.extract, pair)) + net.match(pair)).clamp(0, 1)


def fadc(net: FADC, x: Tensor) -> Tensor:
    x = select_frequencies(net, x)
    pooled = F.adaptive_avg_pool2d(x, 1)
    mean = net.weight.mean((2, 3), keepdim=True)
    kernels = mean * kernel_factors(net.low, pooled) + (net.weight - mean) * kernel_factors(net.high, pooled)
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    d = conv(net.dilation, padded).abs()
    offset = torch.cat([d * step for y in (-1, 0, 1) for x in (-1, 0, 1) for step in (y, x)], 1)
    mask = torch.sigmoid(conv(net.modulation, padded))
    one_by_one = zip(padded.split(1), offset.split(1), kernels, mask.split(1), strict=True)
    return torch.cat([deform_conv2d(p, o, kernel, net.bias, mask=m) for p, o, kernel, m in one_by_one])


def kernel_factors(net: KernelAttention, pooled: Tensor) -> Tensor:
    hidden = F.relu(net.norm(net.squeeze(pooled)))
    channels, filters = torch.sigmoid(net.channels(hidden)), torch.sigmoid(net.filters(hidden))
    return (2 * channels)[:, None] * (2 * filters)[:, :, None]  # (B, O, C, 1, 1)


def select_frequencies(net: FADC, x: Tensor) -> Tensor:
    gates = 2 * torch.sigmoid(conv(net.frequency.gates, x))
    previous, chosen = x, torch.zeros_like(x)
    for index, cutoff in enumerate((2, 4, 8)):
        low = low_pass(x, cutoff)
        chosen = chosen + gates[:, index : index + 1] * (previous - low)
        previous = low
    return chosen + previous


def low_pass(x: Tensor, cutoff: int) -> Tensor:
    h, w = x.shape[2:]
    spectrum = torch.fft.fftshift(torch.fft.fft2(x, norm="ortho"), dim=(2, 3))
    kept = torch.zeros_like(spectrum)
    rows = slice(round(h / 2 - h / (2 * cutoff)), round(h / 2 + h / (2 * cutoff)))
    columns = slice(round(w / 2 - w / (2 * cutoff)), round(w / 2 + w / (2 * cutoff)))
    kept[:, :, rows, columns] = spectrum[:, :, rows, columns]
    return torch.fft.ifft2(torch.fft.ifftshift(kept, dim=(2, 3)), norm="ortho").real
