"""The road from the first step to the last, with checkpoints on the way."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from dwsfusion.checkpoints import load_generator, save_generator
from dwsfusion.errors import InputError
from dwsfusion.pairs import Pair
from dwsfusion.runs import write_bytes
from dwsfusion.training.config import TrainingConfig
from dwsfusion.training.log import Log
from dwsfusion.training.patches import Patches
from dwsfusion.training.processes import Processes
from dwsfusion.training.tasks import TaskLoss
from dwsfusion.training.trainer import DivergenceError, Trainer
from dwsfusion.training.validation import Validation, hold_out, write_preview
from dwsfusion.weight_files import UnsafeFileError, load_tensors, state_bytes


@dataclass
class _Best:
    """The best epoch so far."""

    loss: float = float("inf")
    epoch: int = 0

    def is_beaten_by(self, loss: float, epoch: int) -> bool:
        """Notes the epoch where it is better."""
        if not loss < self.loss:
            return False
        self.loss, self.epoch = loss, epoch
        return True


def prepare(
    pairs: Sequence[Pair], config: TrainingConfig, processes: Processes, tasks: Sequence[TaskLoss] = ()
) -> tuple[Trainer, Validation]:
    """A trainer at its start, and the validation on the pairs held out of its training.

    Args:
        pairs: for training and validation.
        config: how to train.
        processes: who takes part.
        tasks: what frozen networks make of the fused pictures.

    Raises:
        InputError: there are too few or too small pairs, or the configuration cannot work.
    """
    config.check(processes.count)
    training, held = hold_out(pairs, config.held, None if config.held_by == "name" else config.seed)
    random_crops = config.crops == "random"
    coloured = {pair for task in tasks for pair in task.labelled}
    patches = Patches(training, config.patch, config.batch_size, random_crops, config.seed, config.ir_range, coloured)
    trainer = Trainer(patches, config, processes, tasks)
    return trainer, Validation(held, config.losses, processes.device, config.ir_range, trainer.tasks)


def best_figures(out: Path, validation: Validation) -> dict[str, float]:
    """What `Validation.measure` says of the best epoch of the run in a folder."""
    return validation.measure(load_generator(out / "checkpoints" / "best.safetensors").to(validation.device))


def fit(
    trainer: Trainer, validation: Validation, out: Path, note: Mapping[str, str], resume: bool = True, run: Any = None
) -> Iterator[dict[str, float]]:
    """Trains to the last step or until the validation loss has not fallen for some epochs.

    Writes ``checkpoints/last.pt`` (to go on), ``checkpoints/last.safetensors`` and ``best.safetensors`` (to use),
    ``metrics.jsonl``, ``tensorboard/`` and after each epoch ``previews/epoch_N.png``.

    Args:
        trainer: at its start.
        validation: pairs that are not trained on.
        out: the run's folder.
        note: texts kept in the weights files.
        resume: go on from ``last.pt`` where there is one, to the same weights as without the stop.
        run: of Weights & Biases, which is told each step's figures.

    Yields:
        The loss terms of each step.

    Raises:
        DivergenceError: the training left the range of numbers.
        InputError: ``last.pt`` belongs to another configuration or cannot be read.
    """
    last, best = out / "checkpoints" / "last.pt", _Best()
    last.parent.mkdir(parents=True, exist_ok=True)
    if resume and last.is_file():
        best = _load(trainer, last)
    trainer.processes.agree(trainer.step, "checkpoints: put --out on a disk that all of them share")
    # One process writes; all of them validate, so that they agree on what to do next.
    with closing(Log(out, trainer.step, run)) if trainer.processes.rank == 0 else nullcontext() as log:
        while trainer.step < trainer.steps and not _is_over(trainer, best):
            with _naming_good_weights(last.with_suffix(".safetensors")):
                terms = trainer.train_step()
                if log is not None:
                    log.write(trainer.step, "train", terms)
                ended = trainer.step % trainer.patches.steps_per_epoch == 0
                if ended:
                    _end_epoch(trainer, validation, out, note, best, log)
            if log is not None and (ended or trainer.step % trainer.config.save_every == 0):
                _save(trainer, best, last, note)
            yield terms


@contextmanager
def _naming_good_weights(weights: Path) -> Iterator[None]:
    try:
        yield
    except DivergenceError as error:
        kept = f"the weights before it are in {weights}" if weights.is_file() else "no weights were saved yet"
        raise DivergenceError(f"{error}; {kept}") from error


def _is_over(trainer: Trainer, best: _Best) -> bool:
    patience = trainer.config.early_stop
    return bool(patience) and trainer.epoch - best.epoch >= patience


def _end_epoch(
    trainer: Trainer, validation: Validation, out: Path, note: Mapping[str, str], best: _Best, log: Log | None
) -> None:
    figures = validation.measure(trainer.generator)
    figures["loss"] = trainer.processes.average(torch.tensor(figures["loss"], device=trainer.processes.device)).item()
    if not math.isfinite(figures["loss"]):
        raise DivergenceError(
            f"epoch {trainer.epoch}: the validation loss is {figures['loss']:g}: start anew with a lower --lr"
        )
    trainer.after_epoch(figures["loss"])
    better = best.is_beaten_by(figures["loss"], trainer.epoch)
    if log is None:
        return
    log.write(trainer.step, "validation", figures)
    log.picture(
        trainer.step, write_preview(trainer.generator, validation, out / "previews" / f"epoch_{trainer.epoch:03}.png")
    )
    if better:
        save_generator(trainer.generator, out / "checkpoints" / "best.safetensors", note)


def _save(trainer: Trainer, best: _Best, path: Path, note: Mapping[str, str]) -> None:
    save_generator(trainer.generator, path.with_suffix(".safetensors"), note)
    write_bytes(path, state_bytes({**trainer.state(), "best": asdict(best)}))


def _load(trainer: Trainer, path: Path) -> _Best:
    try:
        state: dict[str, Any] = load_tensors(path)
        best = _Best(**state["best"])
        trainer.load_state(state)
    except InputError:
        raise
    except (UnsafeFileError, LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise InputError(f"{path}: cannot read this checkpoint; start anew with --resume never") from error
    return best
