"""Training for a task: the core with a stand-in for a network, so that what it hands on and keeps can be counted."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dwsfusion.checkpoints import load_generator, save_generator
from dwsfusion.errors import InputError
from dwsfusion.generator import FREE, PAPER, RELEASED, Generator
from dwsfusion.images import chroma, luma, vis_tensor, with_chroma
from dwsfusion.losses import LossWeights
from dwsfusion.pairs import Pair, find_pairs
from dwsfusion.training import Disturbance, Place, Processes, TrainingConfig, ablations, fit, prepare
from dwsfusion.training.tasks import Chances, disturb
from dwsfusion.training.validation import hold_out

CONFIG = TrainingConfig(
    epochs=4, batch_size=2, patch=(176, 176), save_every=5, early_stop=0, variant=FREE,
    losses=LossWeights(adversarial=0), task_weight=(2.0,),
)  # fmt: skip
HERE = Processes(torch.device("cpu"))
NOTHING = Disturbance(resize=0, blur_px=0, noise=0, contrast=0, brightness=0)
Save = Callable[[Path, np.ndarray], Path]


class Brightness:
    """Wants pictures as bright as told; two networks, of which the second wants half of it."""

    name = "brightness"

    def __init__(self, labelled: Collection[Pair], wanted: float = 0.8) -> None:
        self.labelled, self.wanted, self.identity = frozenset(labelled), wanted, f"brightness {wanted}"
        self.seen: list[tuple[Tensor, Sequence[Place], int]] = []

    def __call__(self, pictures: Tensor, places: Sequence[Place], step: int) -> Tensor:
        self.seen.append((pictures.detach().clone(), places, step))
        return (pictures.mean((1, 2, 3)) - self.wanted / (1 + step % 2)).abs().mean()

    def measure(self, picture: Tensor, pair: Pair) -> float:
        return abs(float(picture.mean()) - self.wanted)


@pytest.fixture
def pairs(tmp_path: Path, save: Save, random: np.random.Generator) -> tuple[Pair, ...]:
    """Three pairs of coloured blocks, 198×396; one is held."""
    for name in "abc":
        coarse = random.integers(0, 256, (9, 18, 4), np.uint8).repeat(22, 0).repeat(22, 1)
        save(tmp_path / f"ir/{name}.png", coarse[..., 0])
        save(tmp_path / f"vi/{name}.png", coarse[..., 1:])
    return find_pairs(tmp_path).pairs


def test_four_epochs_equal_two_and_two_more_bit_for_bit(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    def start() -> tuple:
        return prepare(pairs, CONFIG, HERE, [Brightness(pairs)])

    whole = list(fit(*start(), tmp_path / "whole", {}))
    first = list(islice(fit(*start(), tmp_path / "parts", {}), 5))
    rest = list(fit(*start(), tmp_path / "parts", {}))
    assert len(whole) == 8
    assert first + rest == whole
    assert all(line["brightness"] > 0 for line in whole)
    a, b = (torch.load(tmp_path / run / "checkpoints/last.pt") for run in ("whole", "parts"))
    for part in ("nets", "optimisers"):
        torch.testing.assert_close(a[part], b[part], rtol=0, atol=0)
    assert (tmp_path / "whole/metrics.jsonl").read_text() == (tmp_path / "parts/metrics.jsonl").read_text()


def test_a_training_goes_on_with_the_same_task_alone(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    config = replace(CONFIG, save_every=1)
    next(fit(*prepare(pairs, config, HERE, [Brightness(pairs)]), tmp_path, {}))
    for other in ([], [Brightness(pairs, 0.7)]):
        with pytest.raises(InputError, match="other networks or labels of a task"):
            next(fit(*prepare(pairs, config, HERE, other), tmp_path, {}))
    weights = replace(config, task_weight=(3.0,))
    with pytest.raises(InputError, match="another configuration"):
        next(fit(*prepare(pairs, weights, HERE, [Brightness(pairs)]), tmp_path, {}))


def test_the_task_sees_the_fused_picture_in_the_visible_ones_colours(pairs: tuple[Pair, ...]) -> None:
    task = Brightness(pairs)
    trainer, _ = prepare(pairs, replace(CONFIG, disturbance=NOTHING), HERE, [task])
    batch = trainer._batch()
    trainer.generator.train()
    fused = trainer.generator(*batch)
    trainer._task(task, fused)
    (pictures, places, step), *_ = task.seen
    assert step == 0
    assert places == trainer.patches.places(0)
    for k, place in enumerate(places):
        vis = vis_tensor(place.pair.read()[1])
        cut = vis[..., place.top : place.top + 176, place.left : place.left + 176]
        cut = cut.flip(3) if place.flipped else cut
        assert torch.allclose(luma(cut), batch[1][k : k + 1], atol=1 / 255)
        expected = with_chroma(fused[k : k + 1], *chroma(cut))
        resized = torch.nn.functional.interpolate(expected, (192, 192), mode="bilinear", antialias=True)
        assert torch.allclose(pictures[k : k + 1], resized, atol=1e-5)


def test_its_gradient_reaches_every_parameter_and_its_weight_is_heeded(pairs: tuple[Pair, ...]) -> None:
    norms = {}
    for weight in (0.0, 1.0, 100.0):
        trainer, _ = prepare(pairs, replace(CONFIG, task_weight=(weight,)), HERE, [Brightness(pairs)])
        terms = trainer.train_step()
        norms[weight] = terms["gradient norm"]
        if not weight:
            assert "brightness" not in terms
            continue
        content = terms["intensity"] + terms["gradient"] + terms["structure"]
        expected = 10 * content + terms["dual"] + terms["complement"] + weight * terms["brightness"]
        assert terms["total"] == pytest.approx(expected, rel=1e-5)
        assert all(p.grad is not None for p in trainer.generator.parameters())
    assert len(set(norms.values())) == 3


def test_patches_without_labels_count_as_nothing(pairs: tuple[Pair, ...]) -> None:
    known, _ = hold_out(pairs, CONFIG.held, CONFIG.seed)
    task = Brightness(known[:1])
    trainer, _ = prepare(pairs, CONFIG, HERE, [task])
    said = []
    for _ in range(6):
        labelled = [place.pair == known[0] for place in trainer.patches.places(trainer.step)]
        said.append((sum(labelled), trainer.train_step()["brightness"]))
    assert {count for count, _ in said} == {0, 1, 2}
    assert all((loss == 0) == (count == 0) for count, loss in said)
    assert all(place.pair == known[0] for _, places, _ in task.seen for place in places)
    with pytest.raises(KeyError):
        trainer.patches.colours([Place(known[1], 0, 0, 176, 176)])


def test_the_held_loss_holds_the_task(pairs: tuple[Pair, ...]) -> None:
    _, plain = prepare(pairs, CONFIG, HERE)
    _, validation = prepare(pairs, CONFIG, HERE, [Brightness(pairs)])
    net = Generator(FREE).eval()
    without, found = plain.measure(net), validation.measure(net)
    assert found["brightness"] > 0
    assert found["loss"] == pytest.approx(without["loss"] + 2 * found["brightness"], rel=1e-6)


def test_each_task_is_left_out_once(pairs: tuple[Pair, ...]) -> None:
    config = replace(CONFIG, task_weight=(2.0, 3.0))
    found = ablations(config, ("detection", "segmentation"))
    assert found["without detection"].task_weight == (0.0, 3.0)
    assert found["without segmentation"].task_weight == (2.0, 0.0)
    assert found["without free maps"].variant == PAPER
    assert found["full"] == config
    assert "without free maps" not in ablations(replace(config, variant=PAPER))
    with pytest.raises(InputError, match="one for each of 3 tasks"):
        config.task_weights(3)


def test_disturbances_follow_from_the_step_and_the_place_in_the_batch() -> None:
    pictures = torch.rand(4, 3, 64, 96)
    strong = Disturbance(blur_px=2, noise=0.1, contrast=0.5, brightness=0.3)
    whole = disturb(pictures, Chances(0, 7, range(4)), strong)
    assert torch.equal(whole, disturb(pictures, Chances(0, 7, range(4)), strong))
    assert not torch.equal(whole, disturb(pictures, Chances(1, 7, range(4)), strong))
    part = disturb(pictures[2:], Chances(0, 7, [2, 3]), strong)
    torch.testing.assert_close(part, whole[2:], atol=1e-5, rtol=0)
    assert 0 <= whole.min() <= whole.max() <= 1
    sizes = {disturb(pictures, Chances(0, step, range(4)), Disturbance(resize=1)).shape[2:] for step in range(20)}
    assert len(sizes) > 3
    assert all(side % 32 == 0 for size in sizes for side in size)


def test_each_kind_of_disturbance_does_what_it_says() -> None:
    random = torch.Generator().manual_seed(0)
    pictures = 0.4 + 0.2 * torch.rand(8, 3, 64, 64, generator=random)
    chances = Chances(0, 1, range(8))
    assert torch.equal(disturb(pictures, chances, NOTHING), pictures)
    noisy = disturb(pictures, chances, replace(NOTHING, noise=0.05)) - pictures
    assert noisy.flatten(1).std(1).min() > 0
    assert noisy.flatten(1).std(1).max() <= 0.055
    blurred = disturb(pictures, chances, replace(NOTHING, blur_px=2))
    sharpness = blurred.flatten(1).std(1) / pictures.flatten(1).std(1)
    assert sharpness.max() == pytest.approx(1, abs=1e-3)  # half of the pictures stay as they are
    assert sharpness.min() < 0.6
    torch.testing.assert_close(blurred.mean((1, 2, 3)), pictures.mean((1, 2, 3)), atol=5e-3, rtol=0)
    shifted = disturb(pictures, chances, replace(NOTHING, brightness=0.1)) - pictures
    assert shifted.flatten(1).std(1).max() < 1e-6
    assert 0.02 < shifted.abs().max() <= 0.1
    stretched = disturb(pictures, chances, replace(NOTHING, contrast=0.3))
    factors = stretched.flatten(1).std(1) / pictures.flatten(1).std(1)
    assert 0.7 <= factors.min() < 0.95
    assert 1.05 < factors.max() <= 1.3


def test_a_disturbed_picture_leads_gradients_back() -> None:
    pictures = torch.full((2, 3, 64, 64), 0.5, requires_grad=True)
    disturb(pictures, Chances(0, 0, range(2)), Disturbance()).sum().backward()
    assert (pictures.grad != 0).float().mean() > 0.99  # type: ignore[union-attr]


def test_a_start_may_gain_free_maps_and_nothing_else(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    given = Generator(PAPER)
    save_generator(given, tmp_path / "start.safetensors")
    config = replace(CONFIG, start=str(tmp_path / "start.safetensors"))
    trainer, _ = prepare(pairs, config, HERE)
    pair = torch.rand(2, 1, 1, 32, 32)
    assert torch.allclose(trainer.generator.eval()(*pair), given.eval()(*pair), atol=1e-6)
    with pytest.raises(InputError, match="expected weights of the variant"):
        prepare(pairs, replace(config, variant=RELEASED), HERE)
    save_generator(trainer.generator, tmp_path / "start.safetensors")
    assert load_generator(tmp_path / "start.safetensors").config == FREE
    with pytest.raises(InputError, match="expected weights of the variant"):
        prepare(pairs, replace(config, variant=PAPER), HERE)


def test_maps_that_begin_anew_learn_where_the_old_ones_were_dead(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    dead = Generator(PAPER)
    for weigh in (dead.weigh_ir, dead.weigh_vis):
        weigh.up2[4].bias.data.fill_(-50)  # nothing passes the ReLU behind it
    save_generator(dead, tmp_path / "dead.safetensors")
    moved = {}
    for fresh in (False, True):
        config = replace(CONFIG, start=str(tmp_path / "dead.safetensors"), fresh_maps=fresh, norms_rest=1.0)
        trainer, _ = prepare(pairs, config, HERE, [Brightness(pairs)])
        pair = torch.rand(2, 1, 1, 32, 32)
        assert torch.allclose(trainer.generator.eval()(*pair), dead.eval()(*pair), atol=1e-6)
        before = trainer.generator.weigh_ir.level.weight.detach().clone()  # type: ignore[union-attr]
        trainer.train_step()
        moved[fresh] = (trainer.generator.weigh_ir.level.weight - before).detach().flatten() != 0  # type: ignore[union-attr]
    assert moved[False].tolist() == [False, True]
    assert moved[True].tolist() == [True, True]


def test_pairs_held_by_name_are_runs_of_neighbours_in_each_folder() -> None:
    pairs = [Pair(f"{n:05}D", Path(folder) / f"{n}.png", Path(f"{n}")) for folder in ("x", "y") for n in range(60)]
    training, held = hold_out(pairs[::-1], 0.2, None)
    assert sorted({p.name for p in held}) == [f"{n:05}D" for n in (*range(20, 25), *range(45, 50))]
    assert len(held) == 20
    assert {p.ir.parent.name for p in held} == {"x", "y"}
    assert len(training) + len(held) == len(pairs)
    assert [len(part) for part in hold_out(pairs[:2], 0.2, None)] == [1, 1]
