"""DeepLabV3Plus of VainF/DeepLabV3Plus-Pytorch from names and shapes alone, computed by plain functions."""

import torch
import torch.nn.functional as F
from torch import Tensor

MOBILENET = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks and stride of each group."""
RESNET = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
State = dict[str, Tensor]


def conv_shapes(conv: str, norm: str, out: int, into: int, side: int) -> dict[str, tuple[int, ...]]:
    vectors = ("weight", "bias", "running_mean", "running_var")
    counter: dict[str, tuple[int, ...]] = {f"{norm}.num_batches_tracked": ()}
    return {f"{conv}.weight": (out, into, side, side)} | {f"{norm}.{v}": (out,) for v in vectors} | counter


def mobilenet_blocks():
    """Name, expansion, input, output, stride and dilation of each block at output stride 16."""
    number, into = 1, 32
    for expansion, out, count, stride in MOBILENET:
        for i in range(count):
            name = f"backbone.{'low' if number < 4 else 'high'}_level_features.{number}.conv"
            late = number >= 14
            yield name, expansion, into, out, 1 if i or late else stride, 2 if number >= 15 else 1
            number, into = number + 1, out


def resnet_blocks(backbone: str):
    """Name, input, width, stride and dilation of each block at output stride 16."""
    into = 64
    for stage, count in enumerate(RESNET[backbone]):
        width = 64 * 2**stage
        for i in range(count):
            stride = 2 if stage in (1, 2) and i == 0 else 1
            yield f"backbone.layer{stage + 1}.{i}", into, width, stride, 2 if stage == 3 and i else 1
            into = 4 * width


def shapes(backbone: str, classes: int) -> dict[str, tuple[int, ...]]:
    made: dict[str, tuple[int, ...]] = {}
    if backbone == "mobilenet_v2":
        stem = "backbone.low_level_features.0"
        made |= conv_shapes(f"{stem}.0", f"{stem}.1", 32, 3, 3)
        for name, expansion, into, out, _, _ in mobilenet_blocks():
            wide, k = into * expansion, 0
            if expansion > 1:
                made |= conv_shapes(f"{name}.0.0", f"{name}.0.1", wide, into, 1)
                k = 1
            made |= conv_shapes(f"{name}.{k}.0", f"{name}.{k}.1", wide, 1, 3)
            made |= conv_shapes(f"{name}.{k + 1}", f"{name}.{k + 2}", out, wide, 1)
        high, low = 320, 24
    else:
        made |= conv_shapes("backbone.conv1", "backbone.bn1", 64, 3, 7)
        for name, into, width, _, _ in resnet_blocks(backbone):
            made |= conv_shapes(f"{name}.conv1", f"{name}.bn1", width, into, 1)
            made |= conv_shapes(f"{name}.conv2", f"{name}.bn2", width, width, 3)
            made |= conv_shapes(f"{name}.conv3", f"{name}.bn3", 4 * width, width, 1)
            if name.endswith(".0"):
                made |= conv_shapes(f"{name}.downsample.0", f"{name}.downsample.1", 4 * width, into, 1)
        high, low = 2048, 256
    made |= conv_shapes("classifier.project.0", "classifier.project.1", 48, low, 1)
    for i, (first, side) in enumerate(((0, 1), (0, 3), (0, 3), (0, 3), (1, 1))):
        name = f"classifier.aspp.convs.{i}"
        made |= conv_shapes(f"{name}.{first}", f"{name}.{first + 1}", 256, high, side)
    made |= conv_shapes("classifier.aspp.project.0", "classifier.aspp.project.1", 256, 1280, 1)
    made |= conv_shapes("classifier.classifier.0", "classifier.classifier.1", 256, 304, 3)
    return made | {"classifier.classifier.3.weight": (classes, 256, 1, 1), "classifier.classifier.3.bias": (classes,)}


def random_state(backbone: str, classes: int = 19) -> State:
    state: State = {}
    for name, shape in shapes(backbone, classes).items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(1)
        elif len(shape) == 4:
            state[name] = torch.randn(shape) * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        else:
            state[name] = torch.rand(shape) * 0.4 + (0.8 if name.endswith(("weight", "var")) else -0.2)
    return state


def compute(state: State, backbone: str, x: Tensor) -> Tensor:
    """The logits ``(B, C, H, W)`` of pictures ``(B, 3, H, W)``."""

    def conv(x: Tensor, name: str, norm: str, **how: int) -> Tensor:
        x = F.conv2d(x, state[f"{name}.weight"], **how)
        n = {k: state[f"{norm}.{k}"] for k in ("running_mean", "running_var", "weight", "bias")}
        return F.batch_norm(x, **n)

    size = x.shape[2:]
    if backbone == "mobilenet_v2":
        stem = "backbone.low_level_features.0"
        x = F.relu6(conv(x, f"{stem}.0", f"{stem}.1", stride=2))
        for name, expansion, into, out, stride, dilation in mobilenet_blocks():
            y, k = F.pad(x, [dilation] * 4), 0
            if expansion > 1:
                y, k = F.relu6(conv(y, f"{name}.0.0", f"{name}.0.1")), 1
            wide = into * expansion
            y = F.relu6(conv(y, f"{name}.{k}.0", f"{name}.{k}.1", stride=stride, dilation=dilation, groups=wide))
            y = conv(y, f"{name}.{k + 1}", f"{name}.{k + 2}")
            x = x + y if stride == 1 and into == out else y
            if ".low_level_features." in name:
                low = x
    else:
        x = F.max_pool2d(F.relu(conv(x, "backbone.conv1", "backbone.bn1", stride=2, padding=3)), 3, 2, 1)
        for name, _, _, stride, dilation in resnet_blocks(backbone):
            y = F.relu(conv(x, f"{name}.conv1", f"{name}.bn1"))
            y = F.relu(conv(y, f"{name}.conv2", f"{name}.bn2", stride=stride, padding=dilation, dilation=dilation))
            y = conv(y, f"{name}.conv3", f"{name}.bn3")
            if name.endswith(".0"):
                x = conv(x, f"{name}.downsample.0", f"{name}.downsample.1", stride=stride)
            x = F.relu(x + y)
            low = x if "layer1." in name else low
    aspp = "classifier.aspp.convs"
    parts = [F.relu(conv(x, f"{aspp}.0.0", f"{aspp}.0.1"))]
    for i, rate in enumerate((6, 12, 18), 1):
        parts.append(F.relu(conv(x, f"{aspp}.{i}.0", f"{aspp}.{i}.1", padding=rate, dilation=rate)))
    pooled = F.relu(conv(x.mean((2, 3), keepdim=True), f"{aspp}.4.1", f"{aspp}.4.2"))
    parts.append(pooled.expand_as(parts[0]))
    y = F.relu(conv(torch.cat(parts, 1), "classifier.aspp.project.0", "classifier.aspp.project.1"))
    y = F.interpolate(y, low.shape[2:], mode="bilinear", align_corners=False)
    low = F.relu(conv(low, "classifier.project.0", "classifier.project.1"))
    y = torch.cat([low, y], 1)
    y = F.relu(conv(y, "classifier.classifier.0", "classifier.classifier.1", padding=1))
    y = F.conv2d(y, state["classifier.classifier.3.weight"], state["classifier.classifier.3.bias"])
    return F.interpolate(y, size, mode="bilinear", align_corners=False)
