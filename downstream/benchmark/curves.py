"""How trainings went, from the logs that they left."""

import json
from pathlib import Path
from typing import Any

LOSSES = "losses"
"""What the log of a training with a folder of its own is called."""
_STEPS = ("epoch", "step")


def training_curves(folder: Path, trained: str) -> dict[str, dict[str, Any]]:
    """Reads the logs (``*.jsonl``, a line a step or an epoch) in the folder of a finished comparison.

    Args:
        folder: of the comparison, or of those by several networks.
        trained: what the folders of trained networks are called.

    Returns:
        Training, by its network and its own name, to ``{"along": "epoch" | "step", "at": [...], "values":
        {name: [...]}}``. Values that are not in every line are left out.
    """
    curves = {}
    for path in sorted(folder.rglob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        along = next((key for key in _STEPS if rows and all(key in row for row in rows)), None)
        if along is None:
            continue
        numbers = {k for k, v in rows[0].items() if isinstance(v, (int, float)) and not isinstance(v, bool)} - {*_STEPS}
        shared = [k for k in rows[0] if k in numbers and all(isinstance(row.get(k), (int, float)) for row in rows)]
        values = {key: [row[key] for row in rows] for key in shared}
        parts = path.relative_to(folder).with_suffix("").parts
        curves["/".join(part for part in parts if part not in (trained, LOSSES))] = {
            "along": along,
            "at": [row[along] for row in rows],
            "values": values,
        }
    return curves
