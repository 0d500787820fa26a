"""Compare infrared, visible, mean, max, DWSFusion and other fused pictures by what DeepLabv3+ segments."""

from dataclasses import dataclass, field
from pathlib import Path

from downstream.command import check_writable, resolve_data
from downstream.comparison.command import compare_inputs
from downstream.comparison.preparing import ComparisonConfig
from downstream.datasets.cards import choose_card
from downstream.sample import is_sample
from downstream.segmentation.config import SegmentationConfig
from downstream.segmentation.task import SegmentationTask

NEEDS = ("segmentation_models_pytorch",)


@dataclass(frozen=True)
class Config(ComparisonConfig):
    segmentation: SegmentationConfig = field(default_factory=SegmentationConfig)
    out: Path = Path("out/segmentation")
    """Where figures, predictions and trained networks go."""


def main(config: Config) -> int:
    check_writable(config.out)
    data = resolve_data(config.data)
    card = choose_card(data, config.data_set)
    settled = config.segmentation.settled(sample=is_sample(data))
    tasks = {name: SegmentationTask(own, card) for name, own in settled.each().items()}
    return compare_inputs(tasks, config, data, config.out)
