"""Where the time and the memory of a run go."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from dwsfusion.peak_memory import forget_process_peak, process_peak_mb


class Stopwatch:
    """Adds up the seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        """Step to seconds, in the order in which the steps began."""
        self.in_models = 0.0
        """Seconds of these in which a detector or a segmenter predicted."""
        self._peaks: dict[str, dict[str, float | None]] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Counts the time of a block, and the most memory that this process held in it."""
        self.seconds.setdefault(name, 0.0)
        forget_process_peak()
        if torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start
            self._peaks[name] = {"peak_memory_mb": process_peak_mb()}
            if torch.cuda.is_initialized():
                self._peaks[name]["peak_gpu_memory_mb"] = torch.cuda.max_memory_allocated() / 2**20

    def stages(self) -> dict[str, dict[str, Any]]:
        """What ``run.json`` keeps of every command: seconds and peak memory of each step, in order."""
        return {name: {"seconds": seconds, **self._peaks.get(name, {})} for name, seconds in self.seconds.items()}

    def record(self) -> dict[str, float]:
        """What ``run.json`` keeps: the seconds of each step, their sum, and those in the models themselves."""
        return {**self.seconds, "total": sum(self.seconds.values()), "in_models": self.in_models}

    def in_words(self) -> str:
        """One line: ``time 95 s: fuse 3 s, predict 88 s, …; 90 % in the predicting models themselves``."""
        total = sum(self.seconds.values())
        steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())
        share = 100 * self.in_models / max(total, 1e-9)
        return f"time {total:.1f} s: {steps}; {share:.0f} % in the predicting models themselves"
