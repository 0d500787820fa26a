"""Training the generator by its own losses: content and dual weight supervision, no critics."""

import io
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dwsfusion import images
from dwsfusion.checkpoints import save_generator
from dwsfusion.errors import InputError
from dwsfusion.generator import PAPER, Generator, GeneratorConfig
from dwsfusion.images import Array
from dwsfusion.losses import MIN_PATCH_PX, content_loss, generator_total, weight_loss
from dwsfusion.pairs import Pair
from dwsfusion.runs import write_bytes

PATCHES_PER_PAIR = 4
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingConfig:
    """How long and on what to train."""

    epochs: int = 20
    """Passes over the pairs; each pair gives four patches an epoch, as many as it would be cut into."""
    batch_size: int = 8
    """Patches a step; at least 2, for batch norm."""
    patch: tuple[int, int] = (240, 320)
    """Height and width of the random crops, in pixels; both at least 176."""
    lr: float = 0.01
    """Adam's learning rate at the start; it falls to 0 along a cosine."""
    save_every: int = 50
    """Steps between checkpoints; a stopped run goes on from the last."""
    seed: int = 0
    """Fixes the initial weights and the crops."""
    variant: GeneratorConfig = PAPER

    def check(self) -> None:
        """Raises InputError for values that cannot work."""
        if self.batch_size < 2:
            raise InputError(f"expected a batch size of at least 2 (batch norm), found {self.batch_size}")
        if min(self.patch) < MIN_PATCH_PX:
            raise InputError(f"expected patch sides of at least {MIN_PATCH_PX} pixels (MS-SSIM), found {self.patch}")


class DivergenceError(InputError):
    """The training left the range of numbers; the weights of the last checkpoint are good."""


class Trainer:
    """Holds all that changes while training.

    Args:
        pairs: the training pairs; all their pictures are kept in memory, 8 bit.
        config: what to do.
        device: where.

    Raises:
        InputError: no pair is as large as a patch, or the configuration cannot work.
    """

    def __init__(self, pairs: Sequence[Pair], config: TrainingConfig, device: torch.device) -> None:
        config.check()
        self.config, self.device = config, device
        self.scenes = [scene for pair in pairs if (scene := _luma_planes(pair, config.patch)) is not None]
        if not self.scenes:
            raise InputError(f"expected pairs of at least {config.patch[0]}x{config.patch[1]} pixels, found none")
        self.steps = config.epochs * max(1, PATCHES_PER_PAIR * len(self.scenes) // config.batch_size)
        torch.manual_seed(config.seed)
        self.generator = Generator(config.variant).to(device)
        self.optimiser = torch.optim.Adam(self.generator.parameters(), lr=config.lr)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimiser, self.steps)
        self.step = 0

    def train_step(self) -> dict[str, float]:
        """One step on one batch; the loss terms before it.

        Raises:
            DivergenceError: the loss or its gradient is not finite any more.
        """
        self.generator.train()
        ir, vis_y = self._batch(self.step)
        terms = generator_terms(self.generator, ir, vis_y)
        total = generator_total(terms)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        norm = torch.nn.utils.get_total_norm(p.grad for p in self.generator.parameters() if p.grad is not None)
        if not torch.isfinite(total) or not torch.isfinite(norm):
            raise DivergenceError(
                f"step {self.step}: the loss is {total.item():g}, its gradient {norm.item():g}; "
                "the last checkpoint is good: lower the learning rate"
            )
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        return {"total": total.item(), **{name: term.item() for name, term in terms.items()}}

    def state(self) -> dict[str, Any]:
        """All that is needed to go on; the crops follow from seed and step."""
        return {
            "config": asdict(self.config),
            "step": self.step,
            "generator": self.generator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Goes on from `state`.

        Raises:
            InputError: it belongs to another configuration.
        """
        if state["config"] != asdict(self.config):
            raise InputError("the checkpoint belongs to another configuration: choose another --out to start anew")
        self.step = state["step"]
        self.generator.load_state_dict(state["generator"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        random = np.random.default_rng((self.config.seed, step))
        h, w = self.config.patch
        patches = []
        for _ in range(self.config.batch_size):
            scene = self.scenes[random.integers(len(self.scenes))]  # (2, H, W)
            top, left = random.integers(scene.shape[1] - h + 1), random.integers(scene.shape[2] - w + 1)
            patch = scene[:, top : top + h, left : left + w]
            patches.append(patch[:, :, ::-1] if random.random() < 0.5 else patch)
        batch = torch.from_numpy(np.stack(patches)).to(self.device).float() / 255  # (B, 2, h, w)
        return batch[:, :1], batch[:, 1:]


def generator_terms(generator: Generator, ir: Tensor, vis_y: Tensor) -> dict[str, Tensor]:
    """All loss terms of the generator on one batch, ``(B, 1, H, W)`` each."""
    weights = generator.weights(ir, vis_y)
    fused = generator.cross_and_fuse(ir, vis_y, weights)
    fused_weights = generator.weights(fused, fused)
    return {**content_loss(fused, ir, vis_y), **weight_loss(weights, fused_weights)}


def fit(trainer: Trainer, out: Path, note: dict[str, str]) -> Iterator[dict[str, float]]:
    """Trains to the last step, going on from ``out/checkpoints/last.pt`` where there is one.

    Writes ``checkpoints/last.pt`` (to go on), ``checkpoints/last.safetensors`` (to use) and ``metrics.jsonl``,
    a line a step.

    Args:
        trainer: at its start.
        out: the run's folder.
        note: texts kept in the weights file.

    Yields:
        The loss terms of each step.
    """
    last, metrics = out / "checkpoints" / "last.pt", out / "metrics.jsonl"
    kept: list[str] = []
    if last.is_file():
        trainer.load_state(torch.load(last, map_location=trainer.device, weights_only=True))
        kept = metrics.read_text(encoding="utf-8").splitlines()[: trainer.step]
        _log.info("going on at step %d of %d", trainer.step, trainer.steps)
    last.parent.mkdir(parents=True, exist_ok=True)
    # Steps after the last checkpoint were lost, so their lines are dropped too.
    metrics.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    while trainer.step < trainer.steps:
        terms = trainer.train_step()
        with metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": trainer.step, **terms}) + "\n")
        if trainer.step % trainer.config.save_every == 0 or trainer.step == trainer.steps:
            _save_state(trainer.state(), last)
            save_generator(trainer.generator, last.with_suffix(".safetensors"), note)
        yield terms


def _save_state(state: dict[str, Any], path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def _luma_planes(pair: Pair, patch: tuple[int, int]) -> Array | None:
    ir, vis = pair.read()
    if ir.shape[0] < patch[0] or ir.shape[1] < patch[1]:
        _log.warning("left out %s: %dx%d is smaller than a patch", pair.name, *ir.shape[:2])
        return None
    planes = torch.cat([images.ir_tensor(ir), images.luma(images.vis_tensor(vis))])  # (2, 1, H, W)
    return (planes[:, 0] * 255).round().to(torch.uint8).numpy()
