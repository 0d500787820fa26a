"""Training on one or two tiny pairs: it learns, stops, goes on, and says what it cannot do."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from dwsfusion.checkpoints import load_generator
from dwsfusion.errors import InputError
from dwsfusion.generator import RELEASED
from dwsfusion.losses import LossWeights
from dwsfusion.pairs import Pair, find_pairs
from dwsfusion.training import (
    DivergenceError,
    Processes,
    TrainingConfig,
    ablations,
    best_figures,
    fit,
    prepare,
    train_all,
)
from dwsfusion.training.fit import _Best, _is_over
from dwsfusion.training.patches import Patches
from dwsfusion.training.validation import hold_out

CONFIG = TrainingConfig(epochs=4, batch_size=2, patch=(176, 176), save_every=2, early_stop=0, variant=RELEASED)
ALONE = LossWeights(adversarial=0)
HERE = Processes(torch.device("cpu"))
Save = Callable[[Path, np.ndarray], Path]


@pytest.fixture
def pairs(tmp_path: Path, save: Save, random: np.random.Generator) -> tuple[Pair, ...]:
    """Two pairs of smooth noise, 198×396: each gives two patches; one pair is held."""
    for name in "ab":
        coarse = random.integers(0, 256, (9, 18, 4), np.uint8).repeat(22, 0).repeat(22, 1)
        save(tmp_path / f"ir/{name}.png", coarse[..., 0])
        save(tmp_path / f"vi/{name}.png", coarse[..., 1:])
    return find_pairs(tmp_path).pairs


def test_four_epochs_equal_two_and_two_more_after_a_stop_bit_for_bit(
    pairs: tuple[Pair, ...], tmp_path: Path, save: Save, random: np.random.Generator
) -> None:
    # A third pair: two of them give four patches, two steps an epoch. The stop lies inside of the third epoch.
    coarse = random.integers(0, 256, (9, 18, 4), np.uint8).repeat(22, 0).repeat(22, 1)
    more = Pair("c", save(tmp_path / "c_ir.png", coarse[..., 0]), save(tmp_path / "c.png", coarse[..., 1:]))
    config = replace(CONFIG, save_every=5)
    whole = list(fit(*prepare([*pairs, more], config, HERE), tmp_path / "whole", {}))
    first = list(islice(fit(*prepare([*pairs, more], config, HERE), tmp_path / "parts", {}), 5))
    stopped = torch.load(tmp_path / "parts/checkpoints/last.pt")["step"]
    rest = list(fit(*prepare([*pairs, more], config, HERE), tmp_path / "parts", {}))
    assert (len(whole), stopped) == (8, 5)
    assert first + rest == whole
    for file in ("last", "best"):
        a, b = (load_generator(tmp_path / run / f"checkpoints/{file}.safetensors") for run in ("whole", "parts"))
        torch.testing.assert_close(a.state_dict(), b.state_dict(), rtol=0, atol=0)
    states = [torch.load(tmp_path / run / "checkpoints/last.pt") for run in ("whole", "parts")]
    for part in ("nets", "optimisers"):
        torch.testing.assert_close(states[0][part], states[1][part], rtol=0, atol=0)
    assert all(states[0][part] == states[1][part] for part in ("schedules", "best", "step", "data"))
    logs = [(tmp_path / run / "metrics.jsonl").read_text() for run in ("whole", "parts")]
    assert logs[0] == logs[1]


def test_what_a_run_leaves_behind(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    trainer, validation = prepare(pairs, replace(CONFIG, epochs=2), HERE)
    list(fit(trainer, validation, tmp_path / "run", {"command": "train"}))
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["part"]) for line in lines] == [
        (1, "train"), (1, "validation"), (2, "train"), (2, "validation")
    ]  # fmt: skip
    assert {"intensity", "dual", "adversarial", "ir penalty", "vis distance", "lr"} <= lines[0].keys()
    assert {"loss", "MI", "SD", "VIF", "SSIM", "Qabf", "PSNR"} <= lines[1].keys()
    best = min(line["loss"] for line in lines if line["part"] == "validation")
    assert best_figures(tmp_path / "run", validation)["loss"] == pytest.approx(best)
    assert (tmp_path / "run/previews/epoch_002.png").is_file()
    assert list((tmp_path / "run/tensorboard").glob("events*"))


def test_one_batch_is_learnt(pairs: tuple[Pair, ...]) -> None:
    trainer, _ = prepare(pairs, replace(CONFIG, epochs=20, losses=ALONE), HERE)
    batch = trainer._batch()
    trainer._batch = lambda: batch  # type: ignore[method-assign]
    totals = [trainer.train_step()["total"] for _ in range(15)]
    assert min(totals[-3:]) < 0.7 * totals[0]


def test_the_logged_total_is_the_weighted_sum_of_the_logged_terms(pairs: tuple[Pair, ...]) -> None:
    terms = prepare(pairs, CONFIG, HERE)[0].train_step()
    content = terms["intensity"] + terms["gradient"] + terms["structure"]
    expected = 10 * content + terms["dual"] + terms["complement"] + 0.1 * terms["adversarial"]
    assert terms["total"] == pytest.approx(expected, rel=1e-5)


def test_the_generator_does_not_train_the_critics(pairs: tuple[Pair, ...]) -> None:
    trainer, _ = prepare(pairs, CONFIG, HERE)
    fused = torch.rand(2, 1, 176, 176, requires_grad=True)
    trainer._adversarial(fused).backward()
    assert fused.grad.abs().sum() > 0  # type: ignore[union-attr]
    assert all(p.grad is None and p.requires_grad for p in trainer.critics.parameters())


def test_resting_norms_keep_what_they_have_seen(pairs: tuple[Pair, ...]) -> None:
    trainer, _ = prepare(pairs, replace(CONFIG, norms_rest=0.5, losses=ALONE), HERE)
    means = [trainer.generator.weigh_ir.down1.norms[0].running_mean]
    for _ in range(4):
        trainer.train_step()
        means.append(trainer.generator.weigh_ir.down1.norms[0].running_mean.clone())
    assert not torch.equal(means[1], means[2])
    assert torch.equal(means[2], means[4])


def test_random_patches_follow_from_the_step_and_the_grid_gives_each_once(pairs: tuple[Pair, ...]) -> None:
    random = Patches(pairs, (176, 176), 4, random_crops=True, seed=0)
    assert torch.equal(random.batch(3)[0], random.batch(3)[0])
    assert not torch.equal(random.batch(3)[0], random.batch(4)[0])
    assert torch.equal(random.batch(3)[0][2:], random.batch(3, slice(2, 4))[0])
    grid = Patches(pairs, (176, 176), 2, random_crops=False, seed=0)
    assert grid.steps_per_epoch == 2
    seen = torch.cat([grid.batch(step)[1] for step in range(2)])
    scenes = torch.from_numpy(np.stack(grid.scenes)).float() / 255  # (2, 2, 198, 396)
    cut = torch.stack([scenes[i, 1:, :176, left : left + 176] for i in range(2) for left in (0, 176)])
    assert sorted(seen.flatten(1).mean(1).tolist()) == pytest.approx(sorted(cut.flatten(1).mean(1).tolist()))


def test_held_pairs_are_not_trained_on(pairs: tuple[Pair, ...]) -> None:
    many = [replace(pairs[0], name=str(i), ir=Path(f"{i}.png")) for i in range(20)]
    training, held = hold_out(many, 0.1, seed=0)
    assert len(held) == 2
    assert sorted(p.name for p in training + held) == sorted(p.name for p in many)
    assert hold_out(many, 0.1, seed=1)[1] != held
    assert [len(part) for part in hold_out(many[:2], 0.9, seed=0)] == [1, 1]


def test_plateau_lowers_the_rates_and_patience_ends_the_training(pairs: tuple[Pair, ...]) -> None:
    trainer, _ = prepare(pairs, replace(CONFIG, early_stop=5), HERE)
    for loss in (1.0, 1.0, 1.0, 1.0):  # one best epoch, then three that are not better
        trainer.after_epoch(loss)
    assert trainer.optimisers["generator"].param_groups[0]["lr"] == pytest.approx(0.001)
    assert trainer.optimisers["ir"].param_groups[0]["lr"] == pytest.approx(1e-5)
    trainer.step = 6
    assert _is_over(trainer, _Best(1.0, epoch=1))
    assert not _is_over(trainer, _Best(1.0, epoch=2))


def test_the_ablation_leaves_out_one_thing_each(pairs: tuple[Pair, ...]) -> None:
    config = TrainingConfig(epochs=1, batch_size=2, patch=(176, 176))
    terms, sizes = {}, {}
    for name, variant in ablations(config).items():
        trainer, _ = prepare(pairs, variant, HERE)
        terms[name] = trainer.train_step().keys()
        sizes[name] = sum(p.numel() for p in trainer.generator.parameters())
    assert terms["full"] - terms["without critics"] == {
        "adversarial", "ir distance", "ir penalty", "vis distance", "vis penalty"
    }  # fmt: skip
    assert terms["full"] - terms["without dual weight supervision"] == {"dual", "complement"}
    alpha_net = (2 * 9 + 1) * 4 + (4 * 9 + 1) * 8 + 9
    assert sizes["full"] - sizes["without cross weights"] == alpha_net
    assert sizes["released variant"] == 9035
    assert sizes["full"] > sizes["without channel attention"]


def test_what_cannot_work_is_refused(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"batch size of at least 2.*patch sides of at least 176"):
        prepare(pairs, TrainingConfig(batch_size=1, patch=(175, 240)), HERE)
    with pytest.raises(InputError, match=r"at least 1 step between.*patience.*positive norm.*seed"):
        prepare(pairs, TrainingConfig(save_every=0, early_stop=-1, clip=0, seed=-1), HERE)
    with pytest.raises(InputError, match="found some twice"):
        prepare([*pairs, pairs[0]], CONFIG, HERE)
    with pytest.raises(InputError, match="at least 240x320 pixels, found none"):
        prepare(pairs, TrainingConfig(), HERE)
    with pytest.raises(InputError, match="at least two pairs"):
        prepare(pairs[:1], CONFIG, HERE)
    with pytest.raises(InputError, match="at least 3 patches for a batch, found 2"):
        prepare(pairs, replace(CONFIG, crops="grid", batch_size=3), HERE)
    next(fit(*prepare(pairs, CONFIG, HERE), tmp_path, {}))
    with pytest.raises(InputError, match="another configuration"):
        next(fit(*prepare(pairs, replace(CONFIG, epochs=3), HERE), tmp_path, {}))
    assert next(fit(*prepare(pairs, replace(CONFIG, epochs=3), HERE), tmp_path, {}, resume=False))
    (tmp_path / "checkpoints/last.pt").write_bytes(b"half")
    with pytest.raises(InputError, match="--resume never"):
        next(fit(*prepare(pairs, CONFIG, HERE), tmp_path, {}))


def test_divergence_ends_the_training_and_leaves_the_last_checkpoint(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    trainer, validation = prepare(pairs, CONFIG, HERE)
    steps = fit(trainer, validation, tmp_path, {})
    next(steps)
    good = (tmp_path / "checkpoints/last.pt").read_bytes()
    trainer.generator.balance.linear.bias.data.fill_(float("nan"))  # type: ignore[union-attr]
    with pytest.raises(DivergenceError, match=r"loss of the generator is nan.*weights before it are in .*last\.safet"):
        next(steps)
    assert (tmp_path / "checkpoints/last.pt").read_bytes() == good


def test_other_pairs_are_not_gone_on_with(pairs: tuple[Pair, ...], tmp_path: Path, save: Save) -> None:
    next(fit(*prepare(pairs, CONFIG, HERE), tmp_path, {}))
    for pair in pairs:
        save(pair.ir, np.zeros((198, 396), np.uint8))
    with pytest.raises(InputError, match="trained on other pairs"):
        next(fit(*prepare(pairs, CONFIG, HERE), tmp_path, {}))


def test_a_validation_loss_that_is_no_number_is_never_the_best(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    best = _Best()
    assert not best.is_beaten_by(float("nan"), 1)
    assert best.is_beaten_by(99.0, 2)
    trainer, validation = prepare(pairs, CONFIG, HERE)
    validation.measure = lambda generator: {"loss": float("nan")}  # type: ignore[method-assign]
    with pytest.raises(DivergenceError, match="validation loss is nan"):
        next(fit(trainer, validation, tmp_path, {}))


def test_of_several_trainings_the_others_go_on_where_one_diverges(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    short = replace(CONFIG, epochs=1, losses=ALONE)
    trained = train_all(pairs, {"bad one": replace(short, lr=1e30, epochs=3), "good": short}, tmp_path, HERE, {})
    assert list(trained.figures) == ["good"]
    assert [s.name for s in trained.skipped] == ["bad one"]
    assert len(trained.held) == 1
    assert (tmp_path / "good/checkpoints/best.safetensors").is_file()


def test_pairs_smaller_than_a_patch_are_named(pairs: tuple[Pair, ...], tmp_path: Path, save: Save) -> None:
    small = np.zeros((100, 300), np.uint8)
    tiny = Pair("tiny", save(tmp_path / "t_ir.png", small), save(tmp_path / "t.png", small))
    patches = Patches([*pairs, tiny], (176, 176), 2, random_crops=True, seed=0)
    assert [(s.name, s.reason) for s in patches.left_out] == [
        ("tiny", "100x300 pixels: smaller than a patch of 176x176")
    ]


def test_an_exploding_critic_ends_the_training(pairs: tuple[Pair, ...]) -> None:
    trainer, _ = prepare(pairs, CONFIG, HERE)
    trainer.critics["vis"][-1].weight.data.fill_(1e6)  # type: ignore[index, union-attr]
    with pytest.raises(DivergenceError, match=r"the loss of the vis is .*--critic-lr"):
        trainer.train_step()
