"""Whole trainings: one, or one for each variant of an ablation."""

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dwsfusion.pairs import Pair, Skipped
from dwsfusion.progress import Track, silent
from dwsfusion.training.config import TrainingConfig
from dwsfusion.training.fit import best_figures, fit, prepare
from dwsfusion.training.processes import Processes
from dwsfusion.training.tasks import TaskLoss
from dwsfusion.training.trainer import DivergenceError
from dwsfusion.wandb_runs import wandb_run

Terms = dict[str, float]


@dataclass
class Trained:
    """What became of some trainings."""

    figures: dict[str, Terms] = field(default_factory=dict)
    """Name to what `Validation.measure` says of its best epoch."""
    held: list[str] = field(default_factory=list)
    """The infrared files of the pairs that were kept out of training."""
    skipped: list[Skipped] = field(default_factory=list)
    """Pairs that are too small for a patch, and variants that diverged."""


def train_all(
    pairs: Sequence[Pair],
    configs: Mapping[str, TrainingConfig],
    out: Path,
    shared: Processes,
    note: Mapping[str, str],
    *,
    tasks: Sequence[TaskLoss] = (),
    resume: bool = True,
    wandb: str | None = None,
    track: Track = silent,
) -> Trained:
    """Trains one configuration after the other, each in ``out/NAME``, an empty name in ``out`` itself.

    Args:
        pairs: for training and validation.
        configs: name to configuration; all hold out the same pairs.
        out: holds all folders.
        shared: the processes that take part.
        note: texts kept in the weights files.
        tasks: what frozen networks make of the fused pictures.
        resume: see `fit`.
        wandb: a project of Weights & Biases that each training is a run of.
        track: shows progress.

    Raises:
        DivergenceError: the only training left the range of numbers; one of several is named in the result instead.
        InputError: a configuration or the pairs cannot work.
    """
    result = Trained()
    for name, config in configs.items():
        folder = out / name.replace(" ", "_")
        trainer, validation = prepare(pairs, config, shared, tasks)
        result.held = [str(pair.ir) for pair in validation.pairs]
        result.skipped += [small for small in trainer.patches.left_out if small not in result.skipped]
        told = (
            nullcontext()
            if wandb is None or shared.rank > 0
            else wandb_run(wandb, name or out.name, folder, asdict(config))
        )
        try:
            with told as run:
                steps = fit(trainer, validation, folder, note, resume, run)
                deque(track(steps, name or "training", trainer.steps), maxlen=0)
            if shared.rank == 0:
                result.figures[name] = best_figures(folder, validation)
        except DivergenceError as error:
            if len(configs) == 1:
                raise
            result.skipped.append(Skipped(name, str(error)))
    return result
