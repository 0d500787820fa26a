import pytest
import reference_network as reference
import torch

from dwsfusion.frequencies import CUTOFFS, kept_frequencies, low_pass


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (30, 41), (1, 1), (1, 5)])
def test_low_pass_equals_the_real_part_of_the_cut_spectrum(size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size, dtype=torch.float64)
    expected = tuple(reference.low_pass(x, cutoff) for cutoff in (2, 4, 8))
    torch.testing.assert_close(low_pass(x), expected)


def test_low_pass_keeps_a_slow_wave_and_drops_a_fast_one() -> None:
    x = torch.arange(32) / 32 * 2 * torch.pi
    slow, fast = torch.cos(x).expand(1, 1, 32, 32), torch.cos(15 * x).expand(1, 1, 32, 32)
    for image in low_pass(slow + fast):
        torch.testing.assert_close(image, slow.contiguous(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [1, 16, 17, 30])
def test_what_a_filter_keeps_lies_around_frequency_0(size: int) -> None:
    for kept, cutoff in zip(kept_frequencies(size), CUTOFFS, strict=True):
        assert kept.sum() == pytest.approx(size / cutoff, abs=1)
        distance = torch.minimum(torch.arange(size), size - torch.arange(size))
        assert (kept[distance > size / (2 * cutoff) + 1] == 0).all()
