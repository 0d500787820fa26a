"""How a training goes."""

from dataclasses import dataclass, field
from typing import Literal

from dwsfusion.errors import InputError
from dwsfusion.generator import PAPER, GeneratorConfig
from dwsfusion.losses import MIN_PATCH_PX, LossWeights
from dwsfusion.training.tasks import Disturbance


@dataclass(frozen=True)
class TrainingConfig:
    """How long, on what patches, against what losses. The defaults are the published settings, but for the crops, the
    critics' rate, the clipping and the variant."""

    epochs: int = 30
    """In one, as many patches are seen as the pairs can be cut into."""
    batch_size: int = 16
    """Patches a step, all processes together; at least 2, for batch norm."""
    patch: tuple[int, int] = (240, 320)
    """Height and width of the patches in pixels; both at least 176."""
    crops: Literal["random", "grid"] = "random"
    """Random places, flipped left to right half of the time; or the paper's fixed cutting side by side."""
    lr: float = 0.01
    """Learning rate of Adam for the generator."""
    critic_lr: float = 1e-4
    """Learning rate of RMSprop for each critic. The published 0.01 goes with a last layer that never learns; a critic
    that learns runs away with it, to scores of ±100 within a few steps."""
    schedule: Literal["plateau", "cosine"] = "plateau"
    """A tenth of the rates at the third epoch in a row without a better validation loss; or to 0 along a cosine."""
    early_stop: int = 5
    """Epochs without a better validation loss after which the training ends; 0 for never."""
    clip: float | None = 20.0
    """Largest norm of the generator's gradient; None for no limit, as published. The first gradients have norms of
    thousands, and Adam remembers them for a thousand steps."""
    norms_rest: float = 0.0
    """Share of all steps, at the end, in which the generator's batch norms rest at what they have seen, as in use;
    set --early-stop 0 with it.
    Not in the paper: with small batches, norms over so few pictures keep the maps from becoming exact."""
    amp: bool = False
    """Critics' scores in bfloat16 on CUDA. The generator stays in float32: its transforms and sampling need it."""
    held: float = 0.1
    """Share of the pairs kept out of training for validation; at least one pair."""
    held_by: Literal["seed", "name"] = "seed"
    """Which pairs are held: drawn by the seed; or the same for every seed, by name: runs of five neighbours in each
    folder, which are often frames of one drive."""
    save_every: int = 50
    """Steps between checkpoints; a stopped run goes on from the last."""
    ir_range: tuple[float, float] | None = None
    """Infrared counts to show as black and white, for raw 16-bit pictures; without it the type's full range."""
    seed: int = 0
    """Fixes the initial weights, the held pairs and the patches."""
    start: str | None = None
    """A weights file to start from, ours or the authors', in place of random weights; where this training has free
    maps and the file has none, they begin as published."""
    fresh_maps: bool = False
    """With --start and free maps: what estimates the maps' last stage begins anew and counts nothing at first. In the
    packaged weights that estimate is 0 everywhere, behind a ReLU through which no gradient leads back."""
    task_weight: tuple[float, ...] = (1.0,)
    """What the loss of a frozen network on the fused picture counts, where there is one: one number for every task, or
    one each. Not in the paper."""
    variant: GeneratorConfig = PAPER
    losses: LossWeights = field(default_factory=LossWeights)
    disturbance: Disturbance = field(default_factory=Disturbance)

    def task_weights(self, tasks: int) -> tuple[float, ...]:
        """The weight of each of some tasks.

        Raises:
            InputError: neither one was given nor one for each.
        """
        if len(self.task_weight) not in (1, tasks):
            raise InputError(f"expected one --task-weight, or one for each of {tasks} tasks, found {self.task_weight}")
        return self.task_weight * tasks if len(self.task_weight) == 1 else self.task_weight

    def check(self, processes: int) -> None:
        """Checks the values that cannot work.

        Raises:
            InputError: names all of them.
        """
        wrong = [
            text
            for text, is_wrong in (
                (f"a batch size of at least 2 (batch norm), found {self.batch_size}", self.batch_size < 2),
                (f"a batch size that {processes} processes can share equally, found {self.batch_size}",
                 self.batch_size % processes != 0),
                (f"patch sides of at least {MIN_PATCH_PX} pixels (MS-SSIM), found {self.patch}",
                 min(self.patch) < MIN_PATCH_PX),
                (f"a held share between 0 and 1, found {self.held}", not 0 < self.held < 1),
                (f"a share of steps at rest from 0 to 1, found {self.norms_rest}", not 0 <= self.norms_rest <= 1),
                (f"at least 1 epoch, found {self.epochs}", self.epochs < 1),
                (f"at least 1 step between checkpoints, found {self.save_every}", self.save_every < 1),
                (f"0 or more epochs of patience, found {self.early_stop}", self.early_stop < 0),
                (f"a positive norm to clip at, found {self.clip}", self.clip is not None and self.clip <= 0),
                (f"a seed of 0 or more, found {self.seed}", self.seed < 0),
                (f"positive learning rates, found {self.lr} and {self.critic_lr}", min(self.lr, self.critic_lr) <= 0),
                (f"weights of tasks of 0 or more, found {self.task_weight}", min(self.task_weight, default=-1) < 0),
                (f"disturbances of 0 or more, found {self.disturbance}", min(vars(self.disturbance).values()) < 0),
                ("a loss of at least one content term, found none",
                 not any((self.losses.intensity, self.losses.gradient, self.losses.structure,
                          self.losses.sources, self.losses.edges))),
            )
            if is_wrong
        ]  # fmt: skip
        if wrong:
            raise InputError("expected " + "; ".join(wrong))
