"""Make the sample scenes: paired street scenes with exact boxes and masks, in MSRS's layout."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from downstream.command import SAMPLE_DIR, make_sample_with_progress
from downstream.sample import SampleConfig


@dataclass(frozen=True)
class Config:
    out: Path = SAMPLE_DIR
    """Where the scenes go."""
    sample: SampleConfig = field(default_factory=SampleConfig)


def main(config: Config) -> int:
    sys.stdout.write(f"{make_sample_with_progress(config.out, config.sample)}\n")
    return 0
