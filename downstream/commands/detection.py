"""Compare infrared, visible, mean, max, DWSFusion and other fused pictures by what YOLO detects on them."""

from dataclasses import dataclass, field
from pathlib import Path

from downstream.command import check_writable, resolve_data
from downstream.comparison.command import compare_inputs
from downstream.comparison.preparing import ComparisonConfig
from downstream.datasets.cards import choose_card
from downstream.detection.config import DetectionConfig
from downstream.detection.task import DetectionTask
from downstream.sample import is_sample

NEEDS = ("ultralytics", "pycocotools")


@dataclass(frozen=True)
class Config(ComparisonConfig):
    detection: DetectionConfig = field(default_factory=DetectionConfig)
    out: Path = Path("out/detection")
    """Where figures and predictions go."""


def main(config: Config) -> int:
    check_writable(config.out)
    data = resolve_data(config.data)
    card = choose_card(data, config.data_set)
    settled = config.detection.settled(sample=is_sample(data))
    tasks = {name: DetectionTask(own, card) for name, own in settled.each().items()}
    return compare_inputs(tasks, config, data, config.out)
