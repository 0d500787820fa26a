"""How much memory a computation takes at its peak."""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from dwsfusion.kernels.buffers import release_memory


def peak_mb(compute: Callable[[], Any], device: torch.device) -> float | None:
    """MB beyond what there was before, of a second run; None where the system does not tell."""
    compute()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        compute()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    reset, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    release_memory()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)  # what earlier methods left would hide what this one needs
    try:
        reset.write_text("5")  # Linux: forget the highest mark
    except OSError:
        return None
    before_kb = _status_kb(status, "VmRSS")
    compute()
    return (_status_kb(status, "VmHWM") - before_kb) / 1024


def forget_process_peak() -> None:
    """Lets `process_peak_mb` start anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the highest mark


def process_peak_mb() -> float | None:
    """The most memory in MB that this process has held since `forget_process_peak`; None where nobody tells."""
    try:
        return _status_kb(Path("/proc/self/status"), "VmHWM") / 1024
    except (OSError, StopIteration):
        return None


def _status_kb(status: Path, key: str) -> int:
    lines = status.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))
