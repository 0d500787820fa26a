"""Who looks at the inputs of a comparison: a given network, or networks that are trained for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from downstream.comparison.cross_validation import AnyNetwork, Folded, Networks
from downstream.comparison.inputs import Comparison
from downstream.comparison.jobs import pick_devices, run_jobs
from downstream.comparison.plan import Matrix, divide, train_split
from downstream.comparison.scenes import known_scenes
from downstream.comparison.task import Task
from dwsfusion.progress import Track, silent


def make_networks(
    task: Task[Any, AnyNetwork, Any, Any],
    comparison: Comparison,
    prepare_train: Callable[[], Comparison],
    out: Path,
    *,
    seed: int,
    device: torch.device,
    given: AnyNetwork | None = None,
    track: Track = silent,
) -> Networks[AnyNetwork]:
    """Gives every input its networks: the given one, or one a seed, from `seed` on, where they are trained.

    Args:
        task: protocol and recipe.
        comparison: the tested pictures in every input.
        prepare_train: gives those to train on, if need be.
        out: a folder for trained networks.
        seed: the first one.
        device: where to compute.
        given: the given network, where it is loaded already.
        track: shows the progress of trainings.

    Raises:
        InputError: the network is not usable, there is no seed, labels are missing, or none but the tested pictures.
    """
    config = task.config
    if config.protocol == "frozen":
        frozen = Folded((given or task.frozen(device),))
        return Networks({item.name: (frozen,) for item in comparison.inputs})
    task.labels(comparison)  # or miss them after the training
    train = comparison if config.folds else train_split(comparison, prepare_train)
    usable, unusable = task.usable_labels(train, task.labels(train))
    names = list(usable)
    scenes = known_scenes(names, config.groups, train.data.scenes(names)) if config.folds else None
    folds = divide(names, config.folds, seed, train.data.groups(names), scenes) if config.folds else [[]]
    seeds = range(seed, seed + config.seeds)
    matrix = Matrix(train.inputs, seeds, config.protocol == "joint", folds, scenes is not None)
    devices = pick_devices(config.devices, device)
    jobs = task.jobs(matrix.places(), usable, out, devices[0])
    run_jobs(jobs, devices, track)
    by_input = matrix.by_input({job.name: task.load(job, devices[0]) for job in jobs})
    counts = {"seeds": config.seeds, "pictures": len(usable), **task.train_counts(usable)}
    training = {**task.recipe(), **counts, **matrix.describe_folds(seed)}
    # With folds the comparison itself meets the bad pictures.
    return Networks(by_input, training, () if config.folds else (*train.skipped, *unusable))
