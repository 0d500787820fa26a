"""The plain rules, and the plain remedies for dark visible pictures before them."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from dwsfusion import Fuser, InputError
from dwsfusion.baselines import BASELINES, CLIP_LIMIT, GAMMA, TILES, clahe, gamma
from dwsfusion.images import luma, vis_tensor


@pytest.fixture
def dark(random: np.random.Generator) -> Tensor:
    """Two dark pictures of a few shades, and not the same."""
    shades = random.integers(0, 40, (2, 1, 12, 16)).repeat(8, 2).repeat(8, 3)
    return torch.from_numpy(shades).float() / 255


def test_gamma_keeps_black_and_white_and_brightens_what_is_between() -> None:
    y = torch.tensor([0.0, 0.1, 0.5, 1.0, 1.5])
    assert gamma(y).tolist() == pytest.approx([0, 0.1 ** (1 / GAMMA), 0.5 ** (1 / GAMMA), 1, 1])
    assert gamma(torch.tensor(0.1)).item() == pytest.approx(0.351, abs=5e-4)


def test_clahe_spreads_each_picture_for_itself(dark: Tensor) -> None:
    spread = clahe(dark)
    assert spread.shape == dark.shape
    assert spread.dtype == dark.dtype
    assert 0 <= spread.min() <= spread.max() <= 1
    assert (spread.std((1, 2, 3)) > 1.2 * dark.std((1, 2, 3))).all()
    assert torch.equal(spread, torch.cat([clahe(picture) for picture in dark.split(1)]))


def test_clahe_is_opencvs_with_the_constants_that_are_told(dark: Tensor) -> None:
    levels = (dark[0, 0] * 255).round().numpy().astype(np.uint8)
    expected = cv2.createCLAHE(CLIP_LIMIT, (TILES, TILES)).apply(levels)
    assert np.array_equal((clahe(dark)[0, 0] * 255).round().numpy(), expected)
    assert (CLIP_LIMIT, TILES, GAMMA) == (2.0, 8, 2.2)


@pytest.mark.parametrize("size", [(16, 16), (17, 45), (31, 64)])
def test_every_rule_fuses_pictures_of_any_size_into_the_range(size: tuple[int, int]) -> None:
    ir, vis_y = torch.rand(2, 3, 1, *size)
    for name, make in BASELINES.items():
        fused = make()(ir, vis_y)
        assert fused.shape == ir.shape, name
        assert 0 <= fused.min() <= fused.max() <= 1, name


def test_a_remedy_changes_the_visible_picture_alone(dark: Tensor) -> None:
    ir = torch.rand_like(dark)
    for name, remedy in (("gamma", gamma), ("clahe", clahe)):
        assert torch.equal(BASELINES[f"max+{name}"]()(ir, dark), torch.maximum(ir, remedy(dark)))
        assert torch.equal(BASELINES[f"mean+{name}"]()(ir, dark), (ir + remedy(dark)) / 2)


@pytest.mark.parametrize("name", ["max+clahe", "mean+clahe", "max+gamma", "mean+gamma"])
def test_a_fuser_has_them_by_name(name: str, random: np.random.Generator) -> None:
    ir, vis = random.integers(0, 30, (40, 50), np.uint8), random.integers(0, 30, (40, 50, 3), np.uint8)
    fuser = Fuser.from_pretrained(name, "cpu")
    plain = Fuser.from_pretrained(name.partition("+")[0], "cpu")
    assert fuser.name == fuser.identity == name
    assert fuser.fuse(ir, vis).mean() > plain.fuse(ir, vis).mean() + 5
    y = luma(vis_tensor(vis))
    assert torch.equal(fuser.fuse_tensors(y, y), BASELINES[name]()(y, y))


def test_an_unknown_remedy_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match=r"max\+clahe.*found no file 'max\+retinex'"):
        Fuser.from_pretrained("max+retinex")
