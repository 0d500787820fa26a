from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from downstream.segmentation.crops import cut, draw_batches
from downstream.segmentation.recipe import TrainingConfig, TrainingOptions
from downstream.segmentation.training import class_weights, fix_early, train_network
from dwsfusion.errors import InputError

CONFIG = TrainingConfig(epochs=2, batch_size=3, crop_px=(40, 40), shrink=1, aimed=0.0, fixed_stride=0)
SEVEN = [np.zeros((48, 64), np.uint8)] * 7


def linear_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Conv2d(3, 9, 1)


class Recorder(nn.Module):
    """Keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.network = linear_network()
        self.seen: list[torch.Tensor] = []

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.seen.append(pixels)
        result: torch.Tensor = self.network(pixels)
        return result


def test_order_and_augmentation_come_from_the_seed_alone() -> None:
    assert list(draw_batches(SEVEN, 9, CONFIG, 1)) == list(draw_batches(SEVEN, 9, CONFIG, 1))
    assert list(draw_batches(SEVEN, 9, CONFIG, 1)) != list(draw_batches(SEVEN, 9, CONFIG, 2))


@pytest.mark.filterwarnings("error")
def test_pictures_that_must_not_be_written_are_only_read(random: np.random.Generator) -> None:
    pictures, labels = list(random.integers(0, 256, (3, 48, 64, 3), np.uint8)), [np.zeros((48, 64), np.uint8)] * 3
    before = [array.copy() for array in (*pictures, *labels)]
    for array in (*pictures, *labels):
        array.flags.writeable = False
    network = linear_network()
    untrained = [p.detach().clone() for p in network.parameters()]
    train_network(network, pictures, labels, 9, replace(CONFIG, crop_px=(48, 64)), seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, (*pictures, *labels), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(untrained, network.parameters(), strict=True))


def test_an_epoch_sees_every_picture_at_most_once_in_whole_batches() -> None:
    batches = list(draw_batches(SEVEN, 9, CONFIG, 0))
    assert [len(batch) for batch in batches] == [3, 3, 3, 3]
    for epoch in (batches[:2], batches[2:]):
        items = [crop.item for batch in epoch for crop in batch]
        assert len(set(items)) == 6
        assert set(items) <= set(range(7))


def test_draws_cover_their_ranges() -> None:
    crops = [c for batch in draw_batches(SEVEN, 9, replace(CONFIG, epochs=150), 0) for c in batch]
    scales = [c.scale for c in crops]
    assert 0.75 <= min(scales) < 0.8
    assert 1.4 < max(scales) <= 1.5
    assert 0.4 < np.mean([c.mirrored for c in crops]) < 0.6
    assert min(c.top for c in crops) < 0.05 < 0.95 < max(c.left for c in crops) < 1


def test_all_inputs_are_cut_alike(random: np.random.Generator) -> None:
    """Pictures that are the negatives of others are seen as their negatives, batch by batch."""
    pictures = list(random.integers(0, 256, (5, 48, 64, 3), np.uint8))
    labels = list(random.integers(0, 9, (5, 48, 64), np.uint8))
    networks = [Recorder(), Recorder()]
    for network, shown in zip(networks, (pictures, [255 - p for p in pictures]), strict=True):
        train_network(network, shown, labels, 9, CONFIG, seed=0)
    white = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    black = -torch.tensor([0.485, 0.456, 0.406]) / torch.tensor([0.229, 0.224, 0.225])
    total = (white + black).view(1, 3, 1, 1)
    level = 1.01 / 255 / 0.224  # rounding to whole grey levels
    for first, second in zip(*(network.seen for network in networks), strict=True):
        assert first.shape == (3, 3, 32, 32)
        torch.testing.assert_close(first + second, total.expand_as(first), atol=level, rtol=0)


def test_label_and_picture_are_cut_alike(random: np.random.Generator) -> None:
    """A network of one pixel learns what the colour says only where labels stay with their pixels."""
    labels = list(np.kron(random.integers(0, 2, (6, 6, 8)), np.ones((8, 8))).astype(np.uint8))
    pictures = [np.repeat(label[..., None] * 255, 3, axis=2).astype(np.uint8) for label in labels]
    network = linear_network()
    train_network(network, pictures, labels, 9, replace(CONFIG, epochs=20, lr=0.3), seed=0)
    shades = torch.tensor([-2.0, 2.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    assert network(shades).argmax(1).flatten().tolist() == [0, 1]


def test_ignored_pixels_teach_nothing(random: np.random.Generator) -> None:
    pictures = list(random.integers(0, 256, (4, 48, 64, 3), np.uint8))
    networks = linear_network(), linear_network()
    for network, ids in zip(networks, ([3, 255, 255, 255], [3, 77, 255, 9]), strict=True):
        labels = [np.full((48, 64), label, np.uint8) for label in ids]
        train_network(network, pictures, labels, 9, replace(CONFIG, batch_size=4), seed=0)
    first, second = (network.state_dict() for network in networks)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert not torch.equal(first["bias"], linear_network().state_dict()["bias"])


def test_pictures_of_several_sizes_and_odd_sides(random: np.random.Generator) -> None:
    sizes = [(33, 47), (64, 50), (40, 41)]
    pictures = [random.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    labels = [random.integers(0, 9, size, np.uint8) for size in sizes]
    network = Recorder()
    train_network(network, pictures, labels, 9, CONFIG, seed=0)
    assert {tuple(seen.shape) for seen in network.seen} == {(3, 3, 32, 32)}


def test_the_loss_of_every_epoch_is_told_and_falls(random: np.random.Generator) -> None:
    pictures = [random.integers(0, 256, (32, 40, 3), np.uint8) for _ in range(4)]
    labels = [(picture[..., 0] > 128).astype(np.uint8) for picture in pictures]
    losses = train_network(linear_network(), pictures, labels, 9, replace(CONFIG, epochs=12, lr=0.05), seed=0)
    assert len(losses) == 12
    assert losses[-1] < 0.8 * losses[0]


def test_rare_classes_weigh_more() -> None:
    label = np.zeros((10, 10), np.uint8)
    label[0, :5], label[0, 5:] = 2, 255
    weights = class_weights([label], 9)
    assert weights[0] == pytest.approx((90 / 95) ** -0.3)
    assert weights[2] == pytest.approx((5 / 95) ** -0.3)
    assert weights[0] < weights[2] < weights[1]


def test_one_picture_is_too_few() -> None:
    with pytest.raises(InputError, match="two training pictures or more a batch, found 1"):
        list(draw_batches(SEVEN[:1], 9, CONFIG, 0))


def test_a_crop_must_hold_something() -> None:
    pictures, labels = [np.zeros((32, 32, 3), np.uint8)] * 2, [np.zeros((32, 32), np.uint8)] * 2
    with pytest.raises(InputError, match="expected crops of 16 pixels or more, found 32x10 asked for"):
        train_network(linear_network(), pictures, labels, 9, replace(CONFIG, crop_px=(10, 32)), seed=0)


def test_aimed_crops_hold_their_class_and_every_class_alike() -> None:
    """Cars are in every picture, a bump of one pixel in one of them: both are laid under half of the aimed crops."""
    labels = [np.zeros((48, 64), np.uint8) for _ in range(6)]
    for label in labels:
        label[20:30, 5:25] = 1
    labels[4][47, 63] = 8
    config = replace(CONFIG, epochs=100, crop_scales=(0.9, 1.5), aimed=0.5)
    crops = [c for batch in draw_batches(labels, 9, config, 0) for c in batch]
    aimed = [c for c in crops if c.aim]
    assert 0.4 < len(aimed) / len(crops) < 0.6
    wanted = [int(labels[c.item][c.aim]) for c in aimed if c.aim]
    assert set(wanted) == {1, 8}
    assert 0.4 < np.mean([w == 8 for w in wanted]) < 0.6
    pixels = np.zeros((48, 64, 3), np.uint8)
    for crop, wanted_id in zip(aimed[:60], wanted[:60], strict=True):
        plain = replace(crop, scale=1.0)  # a magnified crop may lose a single pixel between its own
        assert (cut(pixels, labels[crop.item], plain, (32, 32))[1] == wanted_id).any()
    assert list(draw_batches(labels, 9, config, 0)) == list(draw_batches(labels, 9, config, 0))


def test_crops_show_what_the_network_will_be_shown() -> None:
    """A network for half the side learns from crops of half the magnification."""
    plain, half = (list(draw_batches(SEVEN, 9, replace(CONFIG, shrink=n), 0)) for n in (1, 2))
    scales = [[c.scale for batch in batches for c in batch] for batches in (plain, half)]
    assert scales[1] == pytest.approx([s / 2 for s in scales[0]])


def test_where_there_is_background_alone_nothing_is_aimed_at() -> None:
    crops = [c for batch in draw_batches(SEVEN, 9, replace(CONFIG, aimed=1.0), 0) for c in batch]
    assert all(c.aim is None for c in crops)


def test_early_layers_keep_their_weights_and_norms_their_statistics(random: np.random.Generator) -> None:
    class Strided(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, 2, 1), nn.Conv2d(4, 9, 3, 2, 1)
            )
            self.up = nn.Upsample(scale_factor=8)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.up(self.encoder(pixels))
            return result

    pictures = list(random.integers(0, 256, (4, 48, 64, 3), np.uint8))
    labels = list(random.integers(0, 9, (4, 48, 64), np.uint8))
    for stride, moved in ((4, {"3"}), (2, {"2", "3"}), (0, {"0", "1", "2", "3"})):
        network = Strided()
        before = {name: t.clone() for name, t in network.encoder.state_dict().items()}
        train_network(network, pictures, labels, 9, replace(CONFIG, fixed_stride=stride), seed=0)
        after = network.encoder.state_dict()
        assert {name[0] for name in before if not torch.equal(before[name], after[name])} == moved


def test_an_encoder_of_the_library_is_fixed_up_to_its_stride() -> None:
    smp = pytest.importorskip("segmentation_models_pytorch")
    encoder = smp.DeepLabV3Plus("mobilenet_v2", encoder_weights=None, classes=9).encoder.train()
    fix_early(encoder, 4)
    fixed = {name for name, p in encoder.named_parameters() if not p.requires_grad}
    first_trained = next(name for name, p in encoder.named_parameters() if p.requires_grad)
    assert fixed
    assert first_trained.startswith("features.4.")  # its first convolution is still at stride 4
    assert not any(m.training for m in encoder.modules() if isinstance(m, nn.BatchNorm2d))


def test_an_encoder_from_scratch_is_trained_as_a_whole() -> None:
    asked = TrainingOptions(encoder_weights="none")
    filled, own = asked.filled(TrainingConfig()), replace(asked, encoder_lr=0.5).filled(TrainingConfig())
    assert (filled.fixed_stride, filled.encoder_lr, own.encoder_lr) == (0, 1.0, 0.5)
    assert TrainingOptions().filled(TrainingConfig()) == TrainingConfig()


def test_the_encoder_has_a_rate_of_its_own(random: np.random.Generator) -> None:
    """The first step of AdamW moves a weight by its rate, whatever the gradient, but for the decay."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 9, 1)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.head(self.encoder(pixels))
            return result

    pictures = list(random.integers(0, 256, (3, 48, 64, 3), np.uint8))
    labels = list(random.integers(0, 9, (3, 48, 64), np.uint8))
    network = Two()
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    config = replace(CONFIG, epochs=1, lr=1e-2, encoder_lr=0.1, weight_decay=0.0)
    train_network(network, pictures, labels, 9, config, seed=0)
    moved = {name: (p.detach() - before[name]).abs().median().item() for name, p in network.named_parameters()}
    assert moved["encoder.weight"] == pytest.approx(1e-3, rel=0.01)
    assert moved["head.weight"] == pytest.approx(1e-2, rel=0.01)
