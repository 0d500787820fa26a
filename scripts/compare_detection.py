"""Compare infrared, visible, mean, max, DWSFusion and other fused pictures by what YOLO detects on them."""

from dataclasses import dataclass, field
from pathlib import Path

from downstream.command import check_writable, report_skipped, resolve_data, run_command, track
from downstream.comparison.inputs import ComparisonConfig
from downstream.comparison.timing import Stopwatch
from downstream.detection.comparison import compare_detection
from downstream.detection.table import TITLE, notes, table_rows
from downstream.detection.task import DetectionConfig, make_detectors
from downstream.report.tables import print_table
from downstream.sample import is_sample
from dwsfusion.pairs import Skipped
from dwsfusion.runs import write_run


@dataclass(frozen=True)
class Config(ComparisonConfig):
    detection: DetectionConfig = field(default_factory=DetectionConfig)
    out: Path = Path("out/detection")
    """Where figures and predictions go."""


def main(config: Config) -> int:
    check_writable(config.out)
    data, fuser, seed, clock = resolve_data(config.data), config.fuser(), config.seed, Stopwatch()
    chosen = config.detection.settled(sample=is_sample(data))
    with clock.step("fuse"):
        tested = config.prepare(data, fuser, config.split, track)
    with clock.step("load and train"):
        detectors = make_detectors(
            chosen,
            tested,
            lambda: config.prepare(data, fuser, "train", track),
            config.out / "training",
            seed=seed,
            device=fuser.device,
        )
    about = {"data": data.name, "split": config.split, "sample": is_sample(data)}
    result = compare_detection(tested, detectors, config.out, chosen, about=about, seed=seed, clock=clock, track=track)
    kept = {"protocol": result["protocol"], "seconds": clock.record()}
    write_run(config.out, config, device=str(fuser.device), seed=seed, data=tested.fingerprint(), results=kept)
    print_table(TITLE, table_rows(result), [*notes(result), clock.in_words()])
    return report_skipped([Skipped(**item) for item in result["protocol"]["skipped"]])


if __name__ == "__main__":
    run_command(main, Config)
