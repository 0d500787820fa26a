"""Train DWSFusion on the pairs of data sets; in several processes by torchrun or accelerate launch."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from downstream.command import check_writable, report_skipped, resolve_data, track
from downstream.comparison.timing import Stopwatch
from downstream.datasets.data_set import DataSet
from downstream.datasets.opening import open_data_set
from downstream.messages import keep_log
from downstream.report.tables import print_table
from dwsfusion import InputError, look_at_infrared
from dwsfusion.pairs import Pair, Skipped, check_apart, readable
from dwsfusion.progress import Track, silent
from dwsfusion.runs import fingerprint, write_run
from dwsfusion.training import TaskLoss, TrainingConfig, ablations, processes, train_all

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
    task: tuple[Literal["detection", "segmentation"], ...] = ()
    """What the fused pictures shall serve: adds the loss of frozen networks on them, where there are labels."""
    detector: tuple[str, ...] = ()
    """For --task detection: weights of detectors of the kind of YOLOv8; several take turns, a step each."""
    labels: str | None = None
    """For --task detection: which labels, a name of the data set's card; without it the card's first."""
    segmenter: tuple[Path, ...] = ()
    """For --task segmentation: networks as compare_segmentation.py takes them; several take turns. An ONNX file needs
    onnx2torch."""
    mapping: Path | None = None
    """For --task: JSON that says which of the networks' classes count as which of ours, {"theirs": "ours"}."""
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
    sources = [open_data_set(root, config.split, config.data_set, unpacked / root.name) for root in roots]
    found = [pairs for _, pairs in sources]
    check_apart(config.out, (path for part in found for path in part.files()))
    check_writable(config.out)
    clock = Stopwatch()
    with clock.step("read"):
        good, bad = _usable([pair for part in found for pair in part.pairs], config.training.ir_range)
    data = fingerprint(path for pair in good for path in (pair.ir, pair.vis))
    note = {"command": shlex.join([*_program(), *sys.argv[1:]]), "data": data}
    runs = ablations(config.training, config.task) if config.ablate else {"": config.training}
    with processes(config.device) as shared, clock.step("train"):
        known = set(good)
        usable = [(data, [pair for pair in pairs.pairs if pair in known]) for data, pairs in sources]
        tasks = _tasks(config, usable, shared.device)
        if shared.rank == 0:
            keep_log(config.out)
        show: Track = track if shared.rank == 0 else silent
        trained = train_all(
            good,
            runs,
            config.out,
            shared,
            note,
            tasks=tasks,
            resume=config.resume == "auto",
            wandb=config.wandb,
            track=show,
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


def _usable(pairs: Sequence[Pair], ir_range: tuple[float, float] | None) -> tuple[Sequence[Pair], Sequence[Skipped]]:
    look_at_infrared(pairs, ir_range)
    good, bad = readable(pairs)
    if not good:
        raise InputError(f"not one pair is usable; the first: {bad[0].name}: {bad[0].reason}")
    return good, bad


def _tasks(
    config: Config, sources: Sequence[tuple[DataSet, Sequence[Pair]]], device: torch.device
) -> tuple[TaskLoss, ...]:
    given = {"detection": config.detector, "segmentation": config.segmenter}
    for name in given.keys() - set(config.task):
        if given[name]:
            raise InputError(f"--{'detector' if name == 'detection' else 'segmenter'} belongs to --task {name}: add it")
    if len(set(config.task)) != len(config.task):
        raise InputError(f"expected each --task once, found {' '.join(config.task)}")
    tasks: list[TaskLoss] = []
    for name in config.task:
        if name == "detection":
            from downstream.detection.task_loss import detection_loss  # here, for ultralytics comes with an extra

            tasks.append(detection_loss(sources, config.detector, config.labels, device, config.mapping))
        else:
            from downstream.segmentation.task_loss import segmentation_loss  # here, for it comes with an extra

            tasks.append(segmentation_loss(sources, config.segmenter, device, config.mapping))
    return tuple(tasks)


def _program() -> list[str]:
    return ["python", "scripts/train_dwsfusion.py"] if sys.argv[0].endswith(".py") else ["dwsfusion"]
