"""When a network is recorded, what is kept, and on a GPU, that a replay computes the same."""

import logging

import pytest
import torch
from reference_network import disturbed
from torch import Tensor

from dwsfusion.generator import PAPER, Generator
from dwsfusion.graphs import Network, Replayed


class Recorder:
    """Counts; a replay adds 1 to what the network gives, so that it shows."""

    def __init__(self, error: str = "") -> None:
        self.error = error
        self.sizes: list[int] = []

    def __call__(self, network: Network, *inputs: Tensor) -> Network:
        if self.error:
            raise RuntimeError(self.error)
        self.sizes.append(len(inputs[0]))
        return lambda *again: network(*again) + 1


def run(replayed: Replayed, *sizes: int) -> list[bool]:
    """For inputs of some sizes, one after the other: whether they were replayed."""
    return [bool((replayed(torch.zeros(size), torch.zeros(size)) == 1).all()) for size in sizes]


def test_a_shape_is_recorded_when_it_comes_twice_running() -> None:
    recorder = Recorder()
    replayed = Replayed(torch.add, recorder)
    assert run(replayed, 3, 4, 3, 5) == [False] * 4
    assert run(replayed, 5, 5, 3, 5) == [True, True, False, True]
    assert recorder.sizes == [5]


def test_the_longest_unused_recording_is_given_up() -> None:
    recorder = Recorder()
    replayed = Replayed(torch.add, recorder)
    run(replayed, *(size for size in range(1, 5) for _ in range(2)))
    assert run(replayed, 1, 5, 5, 2, 1) == [True, False, True, False, True]
    assert recorder.sizes == [1, 2, 3, 4, 5]


def test_another_type_is_another_recording() -> None:
    replayed = Replayed(torch.add, Recorder())
    run(replayed, 3, 3)
    assert not replayed(torch.zeros(3).double(), torch.zeros(3).double()).any()


def test_what_cannot_be_recorded_is_run(caplog: pytest.LogCaptureFixture) -> None:
    replayed = Replayed(torch.add, Recorder("not permitted when stream is capturing"))
    with caplog.at_level(logging.WARNING):
        assert run(replayed, 3, 3, 3) == [False] * 3
    assert caplog.text.count("not permitted") == 1


@pytest.mark.gpu
@torch.inference_mode()
def test_a_replay_computes_what_the_network_does() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    net = disturbed(Generator(PAPER), 0.1).cuda()
    replayed = Replayed(net)
    for size in ((480, 640), (35, 50), (480, 640)):
        pairs = torch.rand(3, 2, 2, 1, *size, device="cuda")
        results = [replayed(*pair) for pair in pairs]
        for result, pair in zip(results, pairs, strict=True):
            torch.testing.assert_close(result, net(*pair), atol=1e-5, rtol=0)
    assert replayed._replays
