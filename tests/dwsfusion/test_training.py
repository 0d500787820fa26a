import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from dwsfusion.checkpoints import load_generator
from dwsfusion.errors import InputError
from dwsfusion.generator import RELEASED
from dwsfusion.pairs import Pair, find_pairs
from dwsfusion.training import DivergenceError, Trainer, TrainingConfig, fit

CONFIG = TrainingConfig(epochs=2, batch_size=2, patch=(176, 176), save_every=2, variant=RELEASED)
CPU = torch.device("cpu")
Save = Callable[[Path, np.ndarray], Path]


@pytest.fixture
def pairs(tmp_path: Path, save: Save, random: np.random.Generator) -> tuple[Pair, ...]:
    """One pair of smooth noise: four patches an epoch, two steps at batch size 2."""
    coarse = random.integers(0, 256, (9, 9, 4), np.uint8).repeat(22, 0).repeat(22, 1)
    save(tmp_path / "ir/a.png", coarse[..., 0])
    save(tmp_path / "vi/a.png", coarse[..., 1:])
    return find_pairs(tmp_path).pairs


def test_four_steps_equal_two_and_two_more_after_a_stop(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    whole = list(fit(Trainer(pairs, CONFIG, CPU), tmp_path / "whole", {}))
    first = list(islice(fit(Trainer(pairs, CONFIG, CPU), tmp_path / "parts", {}), 3))  # step 3 is lost
    rest = list(fit(Trainer(pairs, CONFIG, CPU), tmp_path / "parts", {}))
    assert len(whole) == 4
    assert first[:2] + rest == whole
    weights = [
        load_generator(tmp_path / run / "checkpoints/last.safetensors").state_dict() for run in ("whole", "parts")
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    lines = (tmp_path / "parts/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]


def test_one_batch_is_learnt(pairs: tuple[Pair, ...]) -> None:
    trainer = Trainer(pairs, TrainingConfig(epochs=20, batch_size=2, patch=(176, 176)), CPU)
    batch = trainer._batch(0)
    trainer._batch = lambda step: batch  # type: ignore[method-assign]
    totals = [trainer.train_step()["total"] for _ in range(15)]
    assert min(totals[-3:]) < 0.7 * totals[0]


def test_what_cannot_work_is_refused(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch size of at least 2"):
        Trainer(pairs, TrainingConfig(batch_size=1), CPU)
    with pytest.raises(InputError, match="at least 176 pixels"):
        Trainer(pairs, TrainingConfig(patch=(175, 240)), CPU)
    with pytest.raises(InputError, match="at least 240x320 pixels, found none"):
        Trainer(pairs, TrainingConfig(), CPU)
    next(steps := fit(Trainer(pairs, CONFIG, CPU), tmp_path, {}))
    next(steps)
    with pytest.raises(InputError, match="another configuration"):
        next(fit(Trainer(pairs, TrainingConfig(epochs=3, batch_size=2, patch=(176, 176)), CPU), tmp_path, {}))


def test_a_loss_that_is_not_finite_ends_the_training(pairs: tuple[Pair, ...]) -> None:
    trainer = Trainer(pairs, CONFIG, CPU)
    trainer.generator.balance.linear.bias.data.fill_(float("nan"))
    with pytest.raises(DivergenceError, match="lower the learning rate"):
        trainer.train_step()
