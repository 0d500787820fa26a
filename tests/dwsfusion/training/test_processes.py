"""Two processes, each with half of every batch, train as one does."""

import json
import os
import socket
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, multiprocessing, nn

from dwsfusion.pairs import find_pairs
from dwsfusion.training import Processes, TrainingConfig, fit, prepare, processes

CONFIG = TrainingConfig(epochs=2, batch_size=4, patch=(176, 176), early_stop=0)
BEFORE_ANY_STEP = ("intensity", "gradient", "structure", "dual", "complement", "ir distance", "ir penalty",
                   "vis distance", "vis penalty")  # fmt: skip
Save = Callable[[Path, np.ndarray], Path]
Step = tuple[dict[str, float], dict[str, Tensor]]


def train(rank: int, port: int, root: Path) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    with processes("cpu") as shared:
        train_both_ways(root, root / "two", shared)


def train_both_ways(root: Path, out: Path, shared: Processes) -> None:
    pairs = find_pairs(root).pairs
    list(fit(*prepare(pairs, CONFIG, shared), out, {}))
    trainer, _ = prepare(pairs, CONFIG, shared)
    nets = nn.ModuleList([trainer.generator, trainer.critics]).double()
    batch = trainer._batch
    trainer._batch = lambda: tuple(x.double() for x in batch())  # type: ignore[method-assign, assignment, return-value]
    steps: list[Step] = []
    for _ in range(2):
        terms, moved = trainer.train_step(), {}
        for name, parameter in with_effect(nets).items():
            moved |= {name: parameter.detach().clone()}
            if parameter.grad is not None:
                moved |= {f"gradient of {name}": parameter.grad.clone()}
        steps.append((terms, moved))
    if shared.rank == 0:
        torch.save(steps, out / "double.pt")


def with_effect(nets: nn.Module) -> dict[str, nn.Parameter]:
    """All parameters but the biases that a batch norm takes away again: their gradients are rounding alone."""
    chains = [part for part in nets.modules() if isinstance(part, nn.Sequential)]
    idle = {id(a.bias) for chain in chains for a, b in pairwise(chain) if isinstance(b, nn.BatchNorm2d)}
    return {name: p for name, p in nets.named_parameters() if id(p) not in idle}


def test_two_processes_train_as_one(tmp_path: Path, save: Save, random: np.random.Generator) -> None:
    """In double all is equal to many digits: losses, averaged gradients, and what the optimisers make of them.

    In single precision the losses before any step are. What follows is not: the first step of RMSprop and of Adam is
    as long for a gradient of rounding's size as for a large one, and its sign is then chance.
    """
    for name in "ab":  # one pair is held, the other gives four patches: a step an epoch
        coarse = random.integers(0, 256, (18, 18, 4), np.uint8).repeat(22, 0).repeat(22, 1)
        save(tmp_path / f"ir/{name}.png", coarse[..., 0])
        save(tmp_path / f"vi/{name}.png", coarse[..., 1:])
    train_both_ways(tmp_path, tmp_path / "one", Processes(torch.device("cpu")))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(train, (port, tmp_path), nprocs=2)
    one, two = (
        [json.loads(line) for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in ("one", "two")
    )
    assert [line["part"] for line in two] == ["train", "validation"] * 2
    assert [two[0][name] for name in BEFORE_ANY_STEP] == pytest.approx(
        [one[0][name] for name in BEFORE_ANY_STEP], rel=1e-5, abs=1e-5
    )
    runs: list[list[Step]] = [torch.load(tmp_path / run / "double.pt") for run in ("one", "two")]
    for (terms, moved), (shared_terms, shared_moved) in zip(*runs, strict=True):
        assert shared_terms == pytest.approx(terms, rel=1e-6, abs=1e-7)  # they are logged in single precision
        assert shared_moved.keys() == moved.keys()
        for name, expected in moved.items():
            assert (shared_moved[name] - expected).norm() <= 1e-8 * expected.norm(), name
