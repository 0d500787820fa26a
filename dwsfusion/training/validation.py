"""How good a generator is on pairs that it was not trained on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
import torch.nn.functional as F

from dwsfusion.engines import PlainEngine, engine_for
from dwsfusion.errors import InputError
from dwsfusion.fusing import Fuser
from dwsfusion.generator import Generator
from dwsfusion.images import Array, grey_array, ir_tensor, luma, vis_tensor, write_png
from dwsfusion.losses import MIN_PATCH_PX, LossWeights, generator_terms, total_loss
from dwsfusion.pairs import Pair
from dwsfusion.quality import DEFAULT, Picture, grey_levels, measure
from dwsfusion.training.tasks import TaskLoss

SIX = {name: DEFAULT[name] for name in ("MI", "SD", "VIF", "SSIM", "Qabf", "PSNR")}
"""The metrics of the published table."""
_RUN = 5
"""Neighbours by name that are held together."""
_PREVIEWS = 3
_PREVIEW_HEIGHT_PX = 240


class Validation:
    """Pairs kept out of training.

    Args:
        pairs: read anew each time.
        losses: as in training; the critics are left out, for their scale moves.
        device: where to compute.
        ir_range: see `dwsfusion.images.ir_tensor`.
        tasks: what frozen networks make of the fused pictures, with its weight in the loss.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        losses: LossWeights,
        device: torch.device,
        ir_range: tuple[float, float] | None = None,
        tasks: Mapping[TaskLoss, float] | None = None,
    ) -> None:
        self.pairs, self.losses, self.device, self.ir_range = tuple(pairs), losses, device, ir_range
        self.tasks = dict(tasks or {})

    @torch.inference_mode()
    def measure(self, generator: Generator) -> dict[str, float]:
        """``loss`` and the six metrics of the published table, means over the pairs; higher metrics are better.

        Pictures with a side under 176 pixels count in the metrics only; where all are, the loss is 1 - SSIM. With
        tasks, the mean loss of each on the labelled pairs stands by its name, and is part of ``loss`` by its weight.
        """
        fuser = Fuser(generator, "dwsfusion", "training", self.device)
        losses, rows = [], []
        by_task: dict[TaskLoss, list[float]] = {task: [] for task in self.tasks}
        for pair in self.pairs:
            ir, vis = self._read(pair)
            if min(ir.shape[:2]) >= MIN_PATCH_PX:
                losses.append(self._loss(fuser.engine, ir, vis))
            fused = fuser.fuse(ir, vis)
            for task, found in by_task.items():
                if pair in task.labelled:
                    found.append(task.measure(vis_tensor(fused, self.device), pair))
            fused_grey, ir_grey, vis_grey = (Picture(grey_levels(x)) for x in (fused, ir, vis))
            values = measure(fused_grey, ir_grey, vis_grey, SIX)
            rows.append({name: value.item() for name, value in values.items()})
        metrics = {name: fmean(row[name] for row in rows if name in row) for name in SIX}
        said = {task.name: fmean(found) for task, found in by_task.items() if found}
        loss = fmean(losses) if losses else 1 - metrics["SSIM"]
        loss += sum(weight * said.get(task.name, 0.0) for task, weight in self.tasks.items())
        return {"loss": loss, **said, **metrics}

    @torch.inference_mode()
    def preview(self, generator: Generator) -> Array:
        """The first pairs, one below the other: infrared, visible, fused, both weight maps; grey ``(H, W)`` uint8."""
        engine, rows = engine_for(generator.eval(), self.device), []
        for pair in self.pairs[:_PREVIEWS]:
            ir, vis_y = self._luma(*self._read(pair))
            weights = engine.weights(ir, vis_y)
            fused = engine.cross_and_fuse(ir, vis_y, weights)
            row = torch.cat([ir, vis_y, fused, *weights], dim=3)
            width = round(row.shape[3] / 5 * _PREVIEW_HEIGHT_PX / row.shape[2]) * 5
            rows.append(F.interpolate(row, (_PREVIEW_HEIGHT_PX, width), mode="bilinear", antialias=True))
        widest = max(row.shape[3] for row in rows)
        sheet = torch.cat([F.pad(row, (0, widest - row.shape[3])) for row in rows], dim=2)
        grey: Array = (sheet[0, 0].clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
        return grey

    def _loss(self, engine: PlainEngine, ir_picture: Array, vis_picture: Array) -> float:
        _, terms = generator_terms(engine, *self._luma(ir_picture, vis_picture), self.losses)
        return total_loss(terms, self.losses).item()

    def _luma(self, ir: Array, vis: Array) -> tuple[torch.Tensor, torch.Tensor]:
        return ir_tensor(ir, heed_counts=False).to(self.device), luma(vis_tensor(vis).to(self.device))

    def _read(self, pair: Pair) -> tuple[Array, Array]:
        """A pair, the infrared picture in the grey levels in which the range shows it."""
        ir, vis = pair.read()
        return ir if self.ir_range is None else grey_array(ir, self.ir_range), vis


def hold_out(pairs: Sequence[Pair], share: float, seed: int | None) -> tuple[list[Pair], list[Pair]]:
    """Parts pairs into those for training and those held for validation, at least one of each.

    Args:
        pairs: all of them.
        share: of those that are held.
        seed: draws them; without it they follow from the names: in each folder one of so many runs of neighbours.

    Raises:
        InputError: there are fewer than two pairs, or one twice.
    """
    if len({pair.ir.resolve() for pair in pairs}) < len(pairs):
        raise InputError("expected every pair once, found some twice: name each data set once in --data")
    if len(pairs) < 2:
        raise InputError(f"expected at least two pairs, one to train on and one to validate on, found {len(pairs)}")
    if seed is None:
        held = _in_runs(pairs, share)
    else:
        count = min(max(1, round(share * len(pairs))), len(pairs) - 1)
        held = set(np.random.default_rng(seed).permutation(len(pairs))[:count].tolist())
    return [p for i, p in enumerate(pairs) if i not in held], [p for i, p in enumerate(pairs) if i in held]


def _in_runs(pairs: Sequence[Pair], share: float) -> set[int]:
    """The numbers of held pairs, where whole runs of neighbours by name are held, evenly over each folder."""
    folders: dict[Path, list[int]] = defaultdict(list)
    for number, _ in sorted(enumerate(pairs), key=lambda item: item[1].name):
        folders[pairs[number].ir.parent].append(number)
    held: set[int] = set()
    for numbers in folders.values():
        runs = [numbers[start : start + _RUN] for start in range(0, len(numbers), _RUN)]
        # The k-th of every so many: where the count of held runs, rounded down, rises.
        held.update(n for k, run in enumerate(runs) if int((k + 1) * share) > int(k * share) for n in run)
    kept = held or {min(range(len(pairs)), key=lambda i: pairs[i].name)}
    return kept if len(kept) < len(pairs) else kept - {max(kept)}


def write_preview(generator: Generator, validation: Validation, path: Path) -> Array:
    """Writes `Validation.preview` as a PNG, and gives it."""
    sheet = validation.preview(generator)
    write_png(path, sheet)
    return sheet
