"""Compare infrared, visible, mean, max, DWSFusion and other fused pictures by what YOLO detects on them."""

from dataclasses import dataclass, field
from pathlib import Path

from downstream.detection.comparison import compare_detection
from downstream.detection.protocols import DetectionConfig, make_detectors
from downstream.detection.summary import notes, table_rows
from downstream.inputs import Comparison, prepare_comparison
from downstream.report.tables import print_table
from dwsfusion import Fuser
from dwsfusion.command import check_writable, report_skipped, resolve_data, run_command, track
from dwsfusion.pairs import Skipped
from dwsfusion.runs import fingerprint, write_run
from dwsfusion.sample import is_sample


@dataclass(frozen=True)
class Config:
    data: Path | None = None
    """Folder with SPLIT/{ir,vi,labels}; without it data/MSRS, else the sample scenes."""
    split: str = "test"
    """Which part of the data set is tested; detectors are trained on its part train."""
    inputs: tuple[str, ...] = ()
    """Further inputs, each NAME=DIR with the data set's file names."""
    common: bool = False
    """Compare on the pictures that all inputs have; otherwise a missing one is an error."""
    weights: Path | None = None
    """Weights of DWSFusion, ours (.safetensors) or the authors' (.pth); without it those of this package."""
    detection: DetectionConfig = field(default_factory=DetectionConfig)
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    seed: int = 0
    """Fixes training and resamples."""
    fused: Path = Path("out/fused")
    """Where fused pictures are kept."""
    out: Path = Path("out/detection")
    """Where figures and predictions go."""


def main(config: Config) -> int:
    check_writable(config.out)
    data, fuser = resolve_data(config.data), Fuser.from_pretrained(config.weights or "dwsfusion", config.device)
    chosen, seed, device = config.detection.settled(sample=is_sample(data)), config.seed, fuser.device

    def prepare(split: str) -> Comparison:
        return prepare_comparison(data, split, config.inputs, fuser=fuser, fused=config.fused, common=config.common)

    tested = prepare(config.split)
    detectors = make_detectors(
        chosen, tested, lambda: prepare("train"), config.out / "training", seed=seed, device=device
    )
    about = {"data": data.name, "split": config.split, "sample": is_sample(data)}
    result = compare_detection(tested, detectors, config.out, chosen, about=about, seed=seed, track=track)
    skipped = [Skipped(**item) for item in result["protocol"]["skipped"]]
    files = fingerprint(path for item in tested.inputs for path in item.files.values())
    write_run(config.out, config, device=str(device), seed=seed, data=files, results={"skipped": skipped})
    print_table("Detection, per cent", table_rows(result), notes(result))
    return report_skipped(skipped)


if __name__ == "__main__":
    run_command(main, Config)
