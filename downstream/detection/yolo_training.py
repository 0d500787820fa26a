"""One training of a detector by ultralytics."""

import logging
from pathlib import Path
from typing import Any

import torch

from downstream.detection.budget import Budget
from downstream.detection.threads import threads_kept
from downstream.detection.yolo import load_model, strip_weights
from dwsfusion.errors import InputError

_log = logging.getLogger(__name__)


def train_yolo(
    dataset: Path, model: Path, out: Path, *, budget: Budget, seed: int, device: torch.device
) -> tuple[Path, list[dict[str, float]]]:
    """Trains a detector from given weights, or from scratch where `model` is an architecture (``.yaml``).

    The model of the last epoch is the result: nothing is validated, so nothing is chosen by looking.
    Augmentation is ultralytics' own, in full precision, with one order of pictures for one seed.

    Args:
        dataset: the data set's YAML in ultralytics' form.
        model: weights or architecture.
        out: a folder for this training alone.
        budget: epochs, batch and image size.
        seed: fixes initial weights, order and augmentation.
        device: where to compute.

    Returns:
        The trained weights, and the mean losses of each epoch.

    Raises:
        InputError: the memory does not hold the batch.
    """
    learner = load_model(model)
    losses: list[dict[str, float]] = []
    learner.add_callback("on_train_epoch_end", lambda trainer: losses.append(_end_epoch(trainer)))
    with threads_kept():
        learner.train(
            trainer=_without_validation(learner.task_map[learner.task]["trainer"]),
            data=str(dataset),
            seed=seed,
            device=str(device),
            project=str(out.resolve().parent),
            name=out.name,
            **budget.settings(),
        )
    if learner.trainer.batch_size != budget.batch_size:
        raise InputError(
            f"the device's memory held a batch of {learner.trainer.batch_size}, not {budget.batch_size}: ask for "
            "the smaller one with --batch-size, so that all detectors are trained alike"
        )
    last: Path = learner.trainer.last
    strip_weights(last)
    return last, losses


def _without_validation(trainer: type[Any]) -> type[Any]:
    """A trainer that keeps the last epoch unseen. Its name keeps ultralytics from adding experiment loggers."""
    return type("LastEpoch", (trainer,), {"validate": lambda self: ({}, None), "final_eval": lambda self: None})


def _end_epoch(trainer: Any) -> dict[str, float]:
    """Says how far a training is; gives the epoch's mean losses under ultralytics' names."""
    every = max(1, trainer.epochs // 10)
    if (trainer.epoch + 1) % every == 0:
        _log.info("training %s: epoch %d of %d", trainer.save_dir.name, trainer.epoch + 1, trainer.epochs)
    losses = trainer.label_loss_items(trainer.tloss)  # "train/box_loss", …
    return {"epoch": trainer.epoch + 1, **{name.rpartition("/")[2]: float(loss) for name, loss in losses.items()}}
