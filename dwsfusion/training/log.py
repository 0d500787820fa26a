"""What a training writes down: ``metrics.jsonl``, TensorBoard events, preview pictures, perhaps Weights & Biases."""

import json
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from dwsfusion.images import Array
from dwsfusion.runs import write_text


class Log:
    """Figures of every step and every epoch. Lines after the step where a stopped run goes on are dropped.

    Args:
        out: the run's folder.
        step: the step where the run starts or goes on.
        run: of Weights & Biases, which is told the same.
    """

    def __init__(self, out: Path, step: int, run: Any = None) -> None:
        self._path = out / "metrics.jsonl"
        lines = self._path.read_text(encoding="utf-8").splitlines() if step and self._path.is_file() else []
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
        write_text(self._path, "".join(f"{line}\n" for line in kept))
        self._run = run
        self._events = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, part: str, figures: dict[str, float]) -> None:
        """Adds a line ``{"step": step, "part": part, **figures}`` and a TensorBoard event a figure.

        Args:
            step: after this step.
            part: ``train`` or ``validation``.
            figures: by name.
        """
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "part": part, **figures}) + "\n")
        for name, value in figures.items():
            self._events.add_scalar(f"{part}/{name}", value, step)
        if self._run is not None:
            self._run.log({f"{part}/{name}": value for name, value in figures.items()}, step=step)

    def picture(self, step: int, sheet: Array) -> None:
        """Adds a grey picture ``(H, W)`` uint8."""
        self._events.add_image("fused and weight maps", sheet, step, dataformats="HW")

    def close(self) -> None:
        """Brings all events to the disk."""
        self._events.close()
