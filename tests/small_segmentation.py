"""What tests of the segmentation comparison share: a tiny recipe, a network that needs no training."""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from downstream.comparison.inputs import Comparison
from downstream.datasets.cards import msrs
from downstream.segmentation.classes import cityscapes_mapping, output_ids
from downstream.segmentation.config import SegmentationConfig
from downstream.segmentation.recipe import TrainingConfig

CPU = torch.device("cpu")
MASKS = msrs().masks
CLASSES = MASKS.names
IDS = np.arange(9, dtype=np.uint8)
MSRS_OF_CITYSCAPES = output_ids(19, MASKS, cityscapes_mapping(MASKS))
INPUTS = ("infrared", "visible", "mean", "max")
PAIR = ("infrared", "visible")
TRAINING = TrainingConfig(
    "tu-test_resnet",
    "none",
    decoder_channels=8,
    epochs=1,
    batch_size=2,
    crop_px=(32, 32),
    fixed_stride=0,
    depth=5,
    shrink=1,
)
CONFIG = SegmentationConfig(protocol="retrained", training=TRAINING, seeds=2, resamples=50)


class Shade(nn.Module):
    """Calls bright pixels cars, the others background."""

    def __init__(self, threshold: float = 0.0) -> None:
        super().__init__()
        self.threshold = threshold
        self.calls = 0

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        bright = (pixels[:, :1] > self.threshold).float()
        return torch.cat([1 - bright, bright, torch.full_like(pixels, -9).repeat(1, 3, 1, 1)[:, :7]], 1)


def pair_of(comparison: Comparison) -> Comparison:
    """Two inputs of the four: enough to train on."""
    return replace(comparison, inputs=(comparison.input("infrared"), comparison.input("visible")))
