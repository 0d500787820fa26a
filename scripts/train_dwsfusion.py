"""Train the DWSFusion generator on random crops of a data set's pairs, by its own losses."""

import shlex
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from downstream.report.tables import print_table
from dwsfusion import find_pairs
from dwsfusion.command import check_writable, report_skipped, resolve_data, run_command, track
from dwsfusion.devices import pick_device
from dwsfusion.pairs import readable
from dwsfusion.runs import fingerprint, write_run
from dwsfusion.training import Trainer, TrainingConfig, fit


@dataclass(frozen=True)
class Config:
    data: Path | None = None
    """Folder with SPLIT/{ir,vi} or {ir,vi}; without it data/MSRS, else the sample scenes."""
    split: str = "train"
    """Which part of the data set."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    out: Path = Path("out/training")
    """Where checkpoints and metrics.jsonl go; a run that was stopped there goes on."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""


def main(config: Config) -> int:
    check_writable(config.out)
    device = pick_device(config.device)
    found = find_pairs(resolve_data(config.data), config.split)
    good, bad = readable(found.pairs)
    trainer = Trainer(good, config.training, device)
    data = fingerprint(path for pair in good for path in (pair.ir, pair.vis))
    note = {"command": shlex.join(["python", "scripts/train_dwsfusion.py", *sys.argv[1:]]), "data": data}
    steps = fit(trainer, config.out, note)
    recent: deque[dict[str, float]] = deque(track(steps, "training", trainer.steps), maxlen=20)
    skipped = [*found.skipped, *bad]
    results = {"pairs": len(trainer.scenes), "skipped": skipped}
    write_run(config.out, config, device=str(device), seed=config.training.seed, data=data, results=results)
    if recent:
        mean = {name: sum(terms[name] for terms in recent) / len(recent) for name in recent[0]}
        print_table(f"Loss terms, mean of the last {len(recent)} steps", [{k: f"{v:.4f}" for k, v in mean.items()}])
    return report_skipped(skipped)


if __name__ == "__main__":
    run_command(main, Config)
