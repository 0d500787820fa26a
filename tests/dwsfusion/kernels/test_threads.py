"""The team of threads."""

import threading
import time

import numpy as np
import pytest
import torch

from dwsfusion.kernels.threads import allowing, in_parallel, side_by_side


def parts_of(rows: int, numbers: int) -> list[tuple[int, int]]:
    """Which parts of some rows of a large array a loop is called with."""
    parts: list[tuple[int, int]] = []
    in_parallel(lambda _x, start, stop: parts.append((start, stop)), rows, np.empty(numbers))
    return sorted(parts)


def test_small_work_stays_in_one_thread() -> None:
    with allowing(3):
        assert parts_of(90, 2**20) == [(row, row + 10) for row in range(0, 90, 10)]
        assert parts_of(9, 2**20) == [(0, 4), (4, 9)]
        assert parts_of(90, 2**15) == [(0, 90)]
        assert parts_of(3, 2**20) == [(0, 3)]
        assert parts_of(0, 2**20) == [(0, 0)]
    with allowing(1):
        assert parts_of(90, 2**20) == [(0, 90)]


def test_the_calling_thread_does_what_no_other_thread_takes() -> None:
    """More tasks than threads, each of which has parts of its own: nobody waits for a thread that waits."""

    def task() -> int:
        return len(parts_of(64, 2**20))

    with allowing(32):
        assert side_by_side(*[task] * 8) == [12] * 8


def test_tasks_run_at_the_same_time_and_give_results_in_order() -> None:
    meet = threading.Barrier(2)

    def task(result: int) -> int:
        meet.wait(10)
        time.sleep(0.01 * (2 - result))
        return result

    with allowing(2):
        assert side_by_side(lambda: task(0), lambda: task(1)) == [0, 1]


@torch.inference_mode()
def test_tasks_see_the_callers_modes() -> None:
    def modes() -> tuple[bool, bool, bool]:
        return torch.is_inference_mode_enabled(), torch.is_grad_enabled(), torch.tensor(1e-42).mul(1).item() == 0

    before = modes()[2]
    try:
        for flush in (True, False):
            torch.set_flush_denormal(flush)
            with allowing(2):
                assert side_by_side(modes, modes) == [(True, False, flush)] * 2
    finally:
        torch.set_flush_denormal(before)


def test_an_error_in_a_part_reaches_the_caller() -> None:
    def fails(_x: np.ndarray, start: int, _stop: int) -> None:
        if start > 30:
            raise ZeroDivisionError("in a later part")

    with allowing(2), pytest.raises(ZeroDivisionError, match="later part"):
        in_parallel(fails, 64, np.empty(2**20))
    assert parts_of(2, 4) == [(0, 2)]
