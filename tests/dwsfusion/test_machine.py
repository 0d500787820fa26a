"""What a measurement says of its machine."""

import time

import pytest
import torch

from dwsfusion import machine


def test_the_rate_is_that_of_a_product_of_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_SIDE", 256)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        torch.mm(torch.ones(256, 256), torch.ones(256, 256))
        times.append(time.perf_counter() - start)
    assert machine.multiply_add_rate(20) >= 2 * 256**3 / max(times)


def test_a_share_is_the_bound_over_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "multiply_add_rate", lambda: 100e9)
    row = machine.describe_machine(2_000_000_000, 80.0)
    assert (row["bound_ms"], row["share"]) == (20.0, 0.25)
    assert row["processor"]
    assert machine.describe_machine(2_000_000_000, None)["share"] is None


def test_machine_code_is_kept_from_the_first_start_to_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import json, os, pathlib\n"
        "kept = pathlib.Path(os.environ['NUMBA_CACHE_DIR'], 'code')\n"
        "print(json.dumps([{threads}, {height}, {width}, float(kept.exists())]))\n"
        "kept.touch()\n"
    )
    monkeypatch.setattr(machine, "_FIRST_PICTURE", program)
    first, later = machine.first_pictures((48, 64), 2)
    assert first == {
        "start": "first use", "import_torch_s": 2, "import_dwsfusion_s": 48, "first_picture_s": 64, "cpu_s": 0.0
    }  # fmt: skip
    assert later == first | {"start": "later", "cpu_s": 1.0}


def test_a_program_that_fails_says_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_FIRST_PICTURE", "raise SystemExit('no room')")
    with pytest.raises(RuntimeError, match="exit code 1: no room"):
        machine.first_pictures((48, 64), 2)
