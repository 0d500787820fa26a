"""Train DWSFusion on the pairs of data sets; in several processes by torchrun or accelerate launch."""

import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from downstream.command import check_writable, report_skipped, resolve_data, track
from downstream.comparison.timing import Stopwatch
from downstream.datasets.opening import open_data_set
from downstream.messages import keep_log
from downstream.report.tables import print_table
from dwsfusion import InputError, look_at_infrared
from dwsfusion.pairs import check_apart, readable
from dwsfusion.progress import Track, silent
from dwsfusion.runs import fingerprint, write_run
from dwsfusion.training import TrainingConfig, ablations, processes, train_all

NEEDS = ("tensorboard",)


@dataclass(frozen=True)
class Config:
    data: tuple[Path, ...] = ()
    """Folders of data sets; without any data/MSRS, else the sample scenes."""
    data_set: str | None = None
    """Card of the data sets: a name or a YAML file; without it by what lies in each folder."""
    split: str = "train"
    """Which part of the data sets."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    ablate: bool = False
    """Train the ablation's variants one after the other, each in a folder of its own, and compare them."""
    resume: Literal["auto", "never"] = "auto"
    """Go on from OUT/checkpoints/last.pt where there is one, or start anew."""
    out: Path = Path("out/training")
    """Where checkpoints, metrics.jsonl, TensorBoard events and previews go."""
    wandb: str | None = None
    """Send the same figures to this project of Weights & Biases, a run a training; with WANDB_MODE=offline they stay in
    OUT/wandb until 'wandb sync' sends them."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""


def main(config: Config) -> int:
    roots, unpacked = config.data or (resolve_data(None),), config.out / "sources"
    found = [open_data_set(root, config.split, config.data_set, unpacked / root.name)[1] for root in roots]
    check_apart(config.out, (path for part in found for path in part.files()))
    check_writable(config.out)
    clock = Stopwatch()
    with clock.step("read"):
        look_at_infrared([pair for part in found for pair in part.pairs], config.training.ir_range)
        good, bad = readable(pair for part in found for pair in part.pairs)
    if not good:
        raise InputError(f"not one pair is usable; the first: {bad[0].name}: {bad[0].reason}")
    data = fingerprint(path for pair in good for path in (pair.ir, pair.vis))
    note = {"command": shlex.join([*_program(), *sys.argv[1:]]), "data": data}
    runs = ablations(config.training) if config.ablate else {"": config.training}
    with processes(config.device) as shared, clock.step("train"):
        if shared.rank == 0:
            keep_log(config.out)
        show: Track = track if shared.rank == 0 else silent
        trained = train_all(
            good, runs, config.out, shared, note, resume=config.resume == "auto", wandb=config.wandb, track=show
        )
    if shared.rank > 0:
        return 0
    skipped = [*(skipped for part in found for skipped in part.skipped), *bad, *trained.skipped]
    results = {"pairs": len(good), "held": trained.held, "skipped": skipped, "best": trained.figures}
    results["stages"] = clock.stages()
    write_run(config.out, config, device=str(shared.device), seed=config.training.seed, data=data, results=results)
    figures = trained.figures.items()
    texts = [{"training": name or "best epoch", **{k: f"{v:.4f}" for k, v in best.items()}} for name, best in figures]
    print_table(f"Best epoch, on {len(trained.held)} held pairs", texts)
    return report_skipped(skipped, config.out)


def _program() -> list[str]:
    return ["python", "scripts/train_dwsfusion.py"] if sys.argv[0].endswith(".py") else ["dwsfusion"]
