"""When a network is recorded, what is kept, and on a GPU, that a replay computes the same."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from reference_network import disturbed
from torch import Tensor

from dwsfusion.engines.cuda_graph import Network, Replayed
from dwsfusion.frequencies import _low_pass_masks, held_masks, low_pass
from dwsfusion.generator import FREE, PAPER, Generator, GeneratorConfig


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
    run(replayed, 1, 1, 2, 2)
    assert run(replayed, 1, 3, 3, 2, 1) == [True, False, True, False, True]
    assert recorder.sizes == [1, 2, 3]


def test_another_type_is_another_recording() -> None:
    replayed = Replayed(torch.add, Recorder())
    run(replayed, 3, 3)
    assert not replayed(torch.zeros(3).double(), torch.zeros(3).double()).any()


def test_what_cannot_be_recorded_is_run(caplog: pytest.LogCaptureFixture) -> None:
    replayed = Replayed(torch.add, Recorder("not permitted when stream is capturing"))
    with caplog.at_level(logging.WARNING):
        assert run(replayed, 3, 3, 3) == [False] * 3
    assert caplog.text.count("not permitted") == 1


def test_threads_replay_in_turn() -> None:
    """As on a GPU, a replay has one place for its inputs."""

    def record(network: Network, *_inputs: Tensor) -> Network:
        place = torch.zeros(3)

        def replay(x: Tensor) -> Tensor:
            place.copy_(x)
            time.sleep(0.001)
            return network(place)

        return replay

    replayed = Replayed(torch.clone, record)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(replayed, [torch.full((3,), float(n)) for n in range(40)]))
    assert [int(result[0]) for result in results] == list(range(40))


def test_the_masks_of_a_recording_can_be_held() -> None:
    x = torch.rand(1, 1, 20, 24)
    with held_masks() as masks:
        low_pass(x)
        low_pass(x[..., :20])
    assert [len(each) for each in masks] == [3, 3]
    low_pass(x)
    assert len(masks) == 2


@pytest.mark.gpu
@pytest.mark.parametrize("config", [PAPER, FREE])
@torch.inference_mode()
def test_a_replay_computes_what_the_network_does(config: GeneratorConfig) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    net = disturbed(Generator(config), 0.1).cuda()
    replayed = Replayed(net)
    for size in ((480, 640), (35, 50), (480, 640)):
        pairs = torch.rand(3, 2, 2, 1, *size, device="cuda")
        results = [replayed(*pairs[0]), replayed(*pairs[1])]
        _low_pass_masks.cache_clear()  # as many other sizes would
        torch.rand(2**26, device="cuda")
        results.append(replayed(*pairs[2]))
        for result, pair in zip(results, pairs, strict=True):
            torch.testing.assert_close(result, net(*pair), atol=1e-5, rtol=0)
    assert replayed._replays
