"""DeepLabv3+ as in the checkpoints of VainF/DeepLabV3Plus-Pytorch, on torchvision's backbones, output stride 16.

It differs from segmentation-models-pytorch's: plain convolutions in the ASPP, a classifier of 3x3 and 1x1, and a
MobileNetV2 whose blocks fill up the border of their input, before the expansion, by as many zeros as the depthwise
convolution reaches; the convolutions themselves, the first of all too, add no border.

Source of names, border and rates: https://github.com/VainF/DeepLabV3Plus-Pytorch (MIT).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from downstream.segmentation.given import GivenNetwork
from downstream.segmentation.state_files import check_fit, only_tensors
from dwsfusion.errors import InputError

RATES = (6, 12, 18)
CHANNELS, LOW_CHANNELS = 256, 48
_MODEL = "model_state"
_HEAD = "classifier.classifier.3.weight"
_PROJECT = "classifier.project.0.weight"
_DILATED_FROM = 15
"""At output stride 16 block 14 of MobileNetV2 keeps its size, and those behind it reach twice as far."""


def is_vainf(content: Mapping[str, Any]) -> bool:
    """Whether a file's content is a checkpoint of that project."""
    return isinstance(content.get(_MODEL), Mapping)


def read_vainf(content: Mapping[str, Any], path: Path) -> GivenNetwork:
    """Builds the network of a checkpoint ``{"model_state": ...}``; every tensor of it is used.

    Raises:
        InputError: another architecture, or tensors that do not fit.
    """
    import torchvision  # here, for it takes two seconds to import

    state = only_tensors(content[_MODEL], path)
    backbone = _backbone_of(state)
    if backbone is None or _HEAD not in state or _PROJECT not in state:
        raise InputError(
            f"expected a DeepLabV3Plus with mobilenet, resnet50 or resnet101 in {path}, found a checkpoint with "
            f"{', '.join(list(state)[:2])}: give one of deeplabv3plus_*"
        )
    classes = state[_HEAD].shape[0]
    network = build_vainf(backbone, classes)
    check_fit(state, network.state_dict(), f"{path} and DeepLabV3Plus with {backbone}", "is it from another program?")
    network.load_state_dict(state, strict=False)
    kind = f"DeepLabV3Plus of VainF/DeepLabV3Plus-Pytorch with {backbone}, output stride 16"
    runtime = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    return GivenNetwork(network, classes, kind, path, runtime)


def build_vainf(backbone: str, classes: int) -> nn.Module:
    """Builds the network: ``mobilenet_v2``, ``resnet50`` or ``resnet101``; takes ``(B, 3, H, W)`` of any size."""
    if backbone == "mobilenet_v2":
        return _DeepLab(_MobileNet(), _Head(320, 24, classes))
    return _DeepLab(_ResNet(backbone), _Head(2048, 256, classes))


def _backbone_of(state: Mapping[str, Tensor]) -> str | None:
    if "backbone.low_level_features.0.0.weight" in state:
        return "mobilenet_v2"
    blocks = sum(name.startswith("backbone.layer3.") and name.endswith(".conv3.weight") for name in state)
    return {6: "resnet50", 23: "resnet101"}.get(blocks)


class _DeepLab(nn.Module):
    def __init__(self, backbone: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier

    def forward(self, pixels: Tensor) -> Tensor:  # (B, 3, H, W)
        logits = self.classifier(*self.backbone(pixels))  # (B, C, H / 4, W / 4)
        return F.interpolate(logits, pixels.shape[2:], mode="bilinear", align_corners=False)


class _Head(nn.Module):
    def __init__(self, channels: int, low_channels: int, classes: int) -> None:
        super().__init__()
        self.project = _conv(low_channels, LOW_CHANNELS)
        self.aspp = _Aspp(channels)
        self.classifier = nn.Sequential(
            *_conv(CHANNELS + LOW_CHANNELS, CHANNELS, 3), nn.Conv2d(CHANNELS, classes, kernel_size=1)
        )

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        high = F.interpolate(self.aspp(high), low.shape[2:], mode="bilinear", align_corners=False)
        return self.classifier(torch.cat([self.project(low), high], dim=1))


class _Aspp(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), *_conv(channels, CHANNELS))
        self.convs = nn.ModuleList(
            [_conv(channels, CHANNELS), *(_conv(channels, CHANNELS, 3, rate) for rate in RATES), pooled]
        )
        self.project = _conv((len(RATES) + 2) * CHANNELS, CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        parts = [conv(x) for conv in self.convs]
        parts[-1] = parts[-1].expand_as(parts[0])
        return self.project(torch.cat(parts, dim=1))


class _ResNet(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        import torchvision

        whole = torchvision.models.get_model(name, weights=None, replace_stride_with_dilation=[False, False, True])
        for part, module in whole.named_children():
            if part not in ("avgpool", "fc"):
                self.add_module(part, module)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        low = x
        for part, module in self.named_children():
            x = module(x)
            low = x if part == "layer1" else low
        return low, x


class _MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        import torchvision

        blocks = list(torchvision.models.mobilenet_v2(weights=None).features.named_children())[:-1]
        for name, block in blocks:
            _refit(int(name), block)
        self.low_level_features = _numbered(blocks[:4])
        self.high_level_features = _numbered(blocks[4:])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        low = self._through(self.low_level_features, x)
        return low, self._through(self.high_level_features, low)

    @staticmethod
    def _through(blocks: nn.Module, x: Tensor) -> Tensor:
        block: Any
        for block in blocks.children():
            if hasattr(block, "use_res_connect"):
                out = block.conv(F.pad(x, [_depthwise(block).dilation[0]] * 4))
                x = x + out if block.use_res_connect else out
            else:
                x = block(x)
        return x


def _refit(number: int, block: nn.Module) -> None:
    """Takes the border from a block's convolutions, and the last stride, which becomes dilation behind it."""
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            module.padding = (0, 0)
    if number >= _DILATED_FROM - 1:
        depthwise = _depthwise(block)
        depthwise.stride = (1, 1)
        depthwise.dilation = (2, 2) if number >= _DILATED_FROM else (1, 1)


def _depthwise(block: nn.Module) -> nn.Conv2d:
    return next(m for m in block.modules() if isinstance(m, nn.Conv2d) and m.groups > 1)


def _numbered(blocks: Sequence[tuple[str, nn.Module]]) -> nn.Sequential:
    numbered = nn.Sequential()
    for name, block in blocks:
        numbered.add_module(name, block)
    return numbered


def _conv(channels_in: int, channels_out: int, kernel: int = 1, rate: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, padding=rate * (kernel // 2), dilation=rate, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )
