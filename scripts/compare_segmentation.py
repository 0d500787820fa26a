"""Compare infrared, visible, mean, max, DWSFusion and other fused pictures by what DeepLabv3+ segments."""

from dataclasses import dataclass, field
from pathlib import Path

from downstream.inputs import Comparison, prepare_comparison
from downstream.report.tables import print_table
from downstream.segmentation.comparison import compare_segmentation
from downstream.segmentation.protocols import SegmentationConfig, make_segmenters
from downstream.segmentation.summary import notes, table_rows, title
from dwsfusion import Fuser
from dwsfusion.command import check_writable, report_skipped, resolve_data, run_command, track
from dwsfusion.pairs import Skipped
from dwsfusion.runs import fingerprint, write_run
from dwsfusion.sample import is_sample


@dataclass(frozen=True)
class Config:
    data: Path | None = None
    """Folder with SPLIT/{ir,vi,Segmentation_labels}; without it data/MSRS, else the sample scenes."""
    split: str = "test"
    """Which part of the data set is tested; networks are trained on its part train."""
    inputs: tuple[str, ...] = ()
    """Further inputs, each NAME=DIR with the data set's file names."""
    common: bool = False
    """Compare on the pictures that all inputs have; otherwise a missing one is an error."""
    weights: Path | None = None
    """Weights of DWSFusion, ours (.safetensors) or the authors' (.pth); without it those of this package."""
    segmentation: SegmentationConfig = field(default_factory=SegmentationConfig)
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    seed: int = 0
    """Fixes training and resamples."""
    fused: Path = Path("out/fused")
    """Where fused pictures are kept."""
    out: Path = Path("out/segmentation")
    """Where figures, predictions and trained networks go."""


def main(config: Config) -> int:
    check_writable(config.out)
    data, fuser = (
        resolve_data(config.data),
        Fuser.from_pretrained(config.weights or "dwsfusion", config.device),
    )
    chosen = config.segmentation.settled(sample=is_sample(data))

    def prepare(split: str) -> Comparison:
        return prepare_comparison(data, split, config.inputs, fuser=fuser, fused=config.fused, common=config.common)

    tested, seed, device, models = prepare(config.split), config.seed, fuser.device, config.out / "models"
    segmenters = make_segmenters(
        chosen, tested, lambda: prepare("train"), models, seed=seed, device=device, track=track
    )
    about = {"data": data.name, "split": config.split}
    result = compare_segmentation(tested, segmenters, config.out, chosen, about=about, seed=seed, track=track)
    skipped = [Skipped(**item) for item in result["protocol"]["skipped"]]
    kept = {"skipped": skipped, "warning": result["protocol"].get("warning")}
    files = fingerprint(path for item in tested.inputs for path in item.files.values())
    write_run(config.out, config, device=str(device), seed=seed, data=files, results=kept)
    print_table(title(result), table_rows(result), notes(result))
    return report_skipped(skipped)


if __name__ == "__main__":
    run_command(main, Config)
