"""Two processes, each with half of every batch, train as one does."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import multiprocessing

from dwsfusion.pairs import find_pairs
from dwsfusion.training import Processes, TrainingConfig, fit, prepare, processes

CONFIG = TrainingConfig(epochs=2, batch_size=4, patch=(176, 176), early_stop=0)
Save = Callable[[Path, np.ndarray], Path]


def train(rank: int, port: int, root: Path) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    with processes("cpu") as shared:
        list(fit(*prepare(find_pairs(root).pairs, CONFIG, shared), root / "two", {}))


def test_two_processes_train_as_one(tmp_path: Path, save: Save, random: np.random.Generator) -> None:
    for name in "ab":  # one pair is held, the other gives four patches: a step an epoch
        coarse = random.integers(0, 256, (18, 18, 4), np.uint8).repeat(22, 0).repeat(22, 1)
        save(tmp_path / f"ir/{name}.png", coarse[..., 0])
        save(tmp_path / f"vi/{name}.png", coarse[..., 1:])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(train, (port, tmp_path), nprocs=2)
    alone = Processes(torch.device("cpu"))
    list(fit(*prepare(find_pairs(tmp_path).pairs, CONFIG, alone), tmp_path / "one", {}))
    one, two = (
        [json.loads(line) for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in ("one", "two")
    )
    assert [line["part"] for line in two] == ["train", "validation"] * 2
    for a, b in zip(one, two, strict=True):
        assert {k: v for k, v in b.items() if k != "part"} == pytest.approx(
            {k: v for k, v in a.items() if k != "part"}, rel=2e-3, abs=2e-4
        )
