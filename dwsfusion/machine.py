"""What the machine of a measurement is, and can do: figures of two machines are not to be mistaken for each other."""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

_SIDE = 1024
"""Of matrices that caches hold a good part of."""
_FIRST_PICTURE = """
import json, os, time
begun = time.perf_counter()
import torch
torch.set_num_threads({threads})
torch_s = time.perf_counter() - begun
import dwsfusion
import_s = time.perf_counter() - begun - torch_s
import numpy as np
fuser = dwsfusion.Fuser.from_pretrained(device="cpu")
fuser.fuse(np.zeros(({height}, {width}), np.uint8), np.zeros(({height}, {width}, 3), np.uint8))
picture_s = time.perf_counter() - begun - torch_s - import_s
print(json.dumps([torch_s, import_s, picture_s, sum(os.times()[:4])]))
"""


def processor() -> str:
    """What the processor calls itself."""
    try:
        named = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:  # not Linux
        named = None
    return named[1].strip() if named else platform.processor() or platform.machine()


def instruction_set() -> str:
    """The widest vectors that torch finds here: AVX2, AVX512, DEFAULT or another of its names."""
    return str(torch.backends.cpu.get_cpu_capability())


def multiply_add_rate(rounds: int = 10) -> float:
    """Floating-point operations a second, a multiply-add as two, in single precision with torch's threads.

    Taken from the multiplication of matrices, which comes close to what the processor can do: the best of some rounds.
    """
    a, b = torch.rand(2, _SIDE, _SIDE)
    best = min(_seconds_of_product(a, b) for _ in range(rounds + 1))
    return 2 * _SIDE**3 / best


def describe_machine(flops: int, ms: float | None) -> dict[str, Any]:
    """The machine, and how near to it a computation comes.

    Args:
        flops: its floating-point operations.
        ms: how long it took.

    Returns:
        ``bound_ms`` is how long the operations would take at the machine's rate, ``share`` that part of the time.
    """
    rate = multiply_add_rate()
    bound_ms = 1000 * flops / rate
    return {
        "processor": processor(),
        "instruction_set": instruction_set(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gflop_per_s": rate / 1e9,
        "gflop": flops / 1e9,
        "bound_ms": bound_ms,
        "share": None if ms is None else bound_ms / ms,
    }


def first_pictures(size: tuple[int, int], threads: int) -> list[dict[str, Any]]:
    """Starts a program anew that fuses one picture: without kept machine code, and once more with it.

    Args:
        size: height and width in pixels.
        threads: of torch.

    Returns:
        For each the seconds of ``import torch``, of ``import dwsfusion`` after it, from there to the first picture,
        and the processor's seconds of all, other processes included.

    Raises:
        RuntimeError: the program failed.
    """
    program = _FIRST_PICTURE.format(threads=threads, height=size[0], width=size[1])
    with tempfile.TemporaryDirectory() as kept:
        return [{"start": name, **_started(program, kept)} for name in ("first use", "later")]


def _started(program: str, kept: str) -> dict[str, float]:
    env = os.environ | {"NUMBA_CACHE_DIR": kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"expected a first picture in {program!r}, found exit code {run.returncode}: {run.stderr}")
    names = ("import_torch_s", "import_dwsfusion_s", "first_picture_s", "cpu_s")
    return dict(zip(names, json.loads(run.stdout.splitlines()[-1]), strict=True))


def _seconds_of_product(a: torch.Tensor, b: torch.Tensor) -> float:
    start = time.perf_counter()
    torch.mm(a, b)
    return time.perf_counter() - start
