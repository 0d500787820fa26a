from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from downstream.segmentation.training import SCALES, TrainingConfig, class_weights, draw_batches, train_network
from dwsfusion.errors import InputError

CONFIG = TrainingConfig(epochs=2, batch_size=3, crop_px=(40, 40))


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
    assert list(draw_batches(7, CONFIG, 1)) == list(draw_batches(7, CONFIG, 1))
    assert list(draw_batches(7, CONFIG, 1)) != list(draw_batches(7, CONFIG, 2))


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
    batches = list(draw_batches(7, CONFIG, 0))
    assert [len(batch) for batch in batches] == [3, 3, 3, 3]
    for epoch in (batches[:2], batches[2:]):
        items = [crop.item for batch in epoch for crop in batch]
        assert len(set(items)) == 6
        assert set(items) <= set(range(7))


def test_draws_cover_their_ranges() -> None:
    crops = [c for batch in draw_batches(100, replace(CONFIG, epochs=10), 0) for c in batch]
    scales = [c.scale for c in crops]
    assert SCALES[0] <= min(scales) < 0.8
    assert 1.4 < max(scales) <= SCALES[1]
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


def test_rare_classes_weigh_more() -> None:
    label = np.zeros((10, 10), np.uint8)
    label[0, :5], label[0, 5:] = 2, 255
    weights = class_weights([label], 9)
    assert weights[0] == pytest.approx((90 / 95) ** -0.3)
    assert weights[2] == pytest.approx((5 / 95) ** -0.3)
    assert weights[0] < weights[2] < weights[1]


def test_one_picture_is_too_few() -> None:
    with pytest.raises(InputError, match="two training pictures or more a batch, found 1"):
        list(draw_batches(1, CONFIG, 0))


def test_a_crop_must_hold_something() -> None:
    pictures, labels = [np.zeros((32, 32, 3), np.uint8)] * 2, [np.zeros((32, 32), np.uint8)] * 2
    with pytest.raises(InputError, match="expected crops of 16 pixels or more, found 32x10 asked for"):
        train_network(linear_network(), pictures, labels, 9, replace(CONFIG, crop_px=(10, 32)), seed=0)
