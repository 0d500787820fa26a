"""One training: the networks, their optimisers, and a step."""

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, ReduceLROnPlateau

from dwsfusion.checkpoints import load_generator
from dwsfusion.critic import PENALTY_WEIGHT, Critic, adversarial_loss, critic_loss
from dwsfusion.errors import InputError
from dwsfusion.generator import Generator, GeneratorConfig
from dwsfusion.images import chroma, with_chroma
from dwsfusion.losses import generator_terms, total_loss
from dwsfusion.training.config import TrainingConfig
from dwsfusion.training.patches import Patches
from dwsfusion.training.processes import Processes
from dwsfusion.training.tasks import Chances, TaskLoss, disturb

_FRESH = re.compile(r"weigh_(ir|vis)\.(up2|attend4|level)\.")
_EXPLODED = 1e6
"""A network whose loss is larger has lost its footing."""


class DivergenceError(InputError):
    """The training left the range of numbers before its weights did."""


class Trainer:
    """Holds all that changes while training.

    Args:
        patches: the training data.
        config: what to do.
        processes: who else takes part; alone on the CPU where nobody is named.
        tasks: what frozen networks make of the fused pictures, weighted by the configuration.

    Raises:
        InputError: the configuration cannot work, or the weights to start from do not fit.
    """

    def __init__(
        self,
        patches: Patches,
        config: TrainingConfig,
        processes: Processes | None = None,
        tasks: Sequence[TaskLoss] = (),
    ) -> None:
        self.processes = processes or Processes(torch.device("cpu"))
        config.check(self.processes.count)
        self.patches, self.config, self.step = patches, config, 0
        weighted = zip(tasks, config.task_weights(len(tasks)), strict=True) if tasks else ()
        self.tasks = {task: weight for task, weight in weighted if weight}
        self.steps = config.epochs * patches.steps_per_epoch
        torch.manual_seed(config.seed)
        self.generator = Generator(config.variant)
        if config.start:
            self.generator = start_from(Path(config.start), config.variant, config.fresh_maps)
        self.critics = nn.ModuleDict()
        if config.losses.adversarial:
            self.critics = nn.ModuleDict({"ir": Critic(config.patch), "vis": Critic(config.patch)})
        for net in (self.generator, self.critics):
            self.processes.share_norms(net.to(self.processes.device))
        self.optimisers: dict[str, Optimizer] = {"generator": Adam(self.generator.parameters(), lr=config.lr)}
        for name, critic in self.critics.items():
            self.optimisers[name] = RMSprop(critic.parameters(), lr=config.critic_lr)
        self.schedules = {name: self._schedule(optimiser) for name, optimiser in self.optimisers.items()}

    @property
    def epoch(self) -> int:
        """Whole passes over the patches so far."""
        return self.step // self.patches.steps_per_epoch

    def train_step(self) -> dict[str, float]:
        """One step of each critic, then one of the generator, on one batch.

        Returns:
            The loss terms before it, means over all processes.

        Raises:
            DivergenceError: a loss or gradient is not finite any more, or a critic exploded.
        """
        self.generator.train()
        if self.step >= (1 - self.config.norms_rest) * self.steps:
            _rest_norms(self.generator)
        ir, vis_y = self._batch()
        fused, terms = generator_terms(self.generator, ir, vis_y, self.config.losses)
        self._check("generator", total_loss(terms, self.config.losses))  # or the critics would be blamed
        said = self._critics_step({"ir": ir, "vis": vis_y}, fused.detach())
        if self.critics:
            terms["adversarial"] = self._adversarial(fused)
        total = total_loss(terms, self.config.losses)
        for task, weight in self.tasks.items():
            terms[task.name] = self._task(task, fused)
            total = total + weight * terms[task.name]
        terms["total"] = total
        said["gradient norm"] = self._update("generator", self.generator, terms["total"], self.config.clip)
        if isinstance(cosine := self.schedules["generator"], CosineAnnealingLR):
            cosine.step()
            for name in self.critics:
                self.schedules[name].step()
        self.step += 1
        return self._logged({**terms, **said})

    def after_epoch(self, validation_loss: float) -> None:
        """Lets a plateau schedule know how the epoch went."""
        for schedule in self.schedules.values():
            if isinstance(schedule, ReduceLROnPlateau):
                schedule.step(validation_loss)

    def state(self) -> dict[str, Any]:
        """All that is needed to go on; the patches and mixtures follow from seed and step."""
        return {
            "config": asdict(self.config),
            "data": self.patches.digest,
            "tasks": _identities(self.tasks),
            "step": self.step,
            "nets": {"generator": self.generator.state_dict(), "critics": self.critics.state_dict()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "schedules": {name: schedule.state_dict() for name, schedule in self.schedules.items()},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Goes on from `state`.

        Raises:
            InputError: it belongs to another configuration or other pairs.
        """
        if _completed(state.get("config", {})) != asdict(self.config):
            raise InputError(
                "the checkpoint belongs to another configuration: choose another --out, or --resume never to start anew"
            )
        if state.get("tasks", {}) != _identities(self.tasks):
            raise InputError(
                "the checkpoint was trained with other networks or labels of a task: give the same, choose another "
                "--out, or --resume never to start anew"
            )
        if state["data"] != self.patches.digest:
            raise InputError(
                "the checkpoint was trained on other pairs: give the same --data, choose another --out, "
                "or --resume never to start anew"
            )
        self.step = state["step"]
        self.generator.load_state_dict(state["nets"]["generator"])
        self.critics.load_state_dict(state["nets"]["critics"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
            self.schedules[name].load_state_dict(state["schedules"][name])

    def _batch(self) -> tuple[Tensor, Tensor]:
        ir, vis_y = self.patches.batch(self.step, self.processes.part(self.config.batch_size))
        return ir.to(self.processes.device), vis_y.to(self.processes.device)

    def _critics_step(self, real: dict[str, Tensor], fused: Tensor) -> dict[str, Tensor]:
        said: dict[str, Tensor] = {}
        part = self.processes.part(self.config.batch_size)
        for index, (name, critic) in enumerate(self.critics.items()):
            random = np.random.default_rng((self.config.seed, self.step, 1 + index))  # 0 is the patches' own
            mix = torch.from_numpy(random.random((self.config.batch_size, 1, 1, 1), np.float32))[part]
            with self._mixed_precision():
                found = critic_loss(critic, real[name], fused, mix.to(fused.device))  # type: ignore[arg-type]
            self._update(name, critic, found["distance"] + PENALTY_WEIGHT * found["penalty"], None)
            said |= {f"{name} {key}": value for key, value in found.items()}
        return said

    def _adversarial(self, fused: Tensor) -> Tensor:
        self.critics.requires_grad_(False)
        with self._mixed_precision():
            loss = torch.stack([adversarial_loss(critic(fused)).float() for critic in self.critics.values()]).sum()
        self.critics.requires_grad_(True)
        return loss

    def _task(self, task: TaskLoss, fused: Tensor) -> Tensor:
        """What a task says of the batch's fused luma; patches without labels count as 0."""
        part, labelled = range(self.config.batch_size)[self.processes.part(self.config.batch_size)], task.labelled
        places = self.patches.places(self.step, slice(part.start, part.stop))
        chosen = [k for k, place in enumerate(places) if place.pair in labelled]
        if not chosen:
            return fused.new_zeros(())
        known = [places[k] for k in chosen]
        colours = self.patches.colours(known).to(fused.device)
        pictures = with_chroma(fused[chosen], *chroma(colours))
        chances = Chances(self.config.seed, self.step, [part[k] for k in chosen])
        loss = task(disturb(pictures, chances, self.config.disturbance), known, self.step)
        return loss * (len(chosen) / len(places))

    def _update(self, name: str, net: nn.Module, loss: Tensor, clip: float | None) -> Tensor:
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.processes.average_gradients(net.parameters())
        norm = nn.utils.clip_grad_norm_(net.parameters(), clip if clip is not None else math.inf)
        self._check(name, loss, norm)
        optimiser.step()
        return norm

    def _check(self, name: str, loss: Tensor, *others: Tensor) -> None:
        # Means over the processes, so that all of them stop, or none.
        shared = self.processes.average(torch.stack([x.detach().float() for x in (loss, *others)])).tolist()
        if not all(math.isfinite(x) for x in shared) or abs(shared[0]) > _EXPLODED:
            cure = "--lr or --clip" if name == "generator" else "--critic-lr"
            found = ", its gradient ".join(f"{x:g}" for x in shared)
            raise DivergenceError(
                f"step {self.step}: the loss of the {name} is {found}; start anew in another --out with a lower {cure}"
            )

    def _logged(self, terms: dict[str, Tensor]) -> dict[str, float]:
        values = self.processes.average(torch.stack([term.detach().float() for term in terms.values()]))
        return {
            **dict(zip(terms, values.tolist(), strict=True)),
            "lr": self.optimisers["generator"].param_groups[0]["lr"],
        }

    def _mixed_precision(self) -> AbstractContextManager[Any]:
        device = self.processes.device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.config.amp and device == "cuda")

    def _schedule(self, optimiser: Optimizer) -> LRScheduler:
        if self.config.schedule == "cosine":
            return CosineAnnealingLR(optimiser, self.steps)
        return ReduceLROnPlateau(optimiser, factor=0.1, patience=2, threshold=1e-5)


def start_from(path: Path, config: GeneratorConfig, fresh_maps: bool = False) -> Generator:
    """A generator with the weights of a file; free maps that the file does not have begin as published.

    Args:
        path: the file.
        config: the variant wanted.
        fresh_maps: draw what comes before the last stage of free maps anew, and let it count nothing yet: maps begin
            as the sigmoid of their picture.

    Raises:
        InputError: the file's variant differs in more than that, or it cannot be read.
    """
    given, generator = load_generator(path), Generator(config)
    if replace(given.config, free_maps=config.free_maps) != config or (given.config.free_maps and not config.free_maps):
        raise InputError(f"{path}: expected weights of the variant {config}, found {given.config}: change the flags")
    state = given.state_dict()
    if fresh_maps and config.free_maps:
        state = {name: tensor for name, tensor in state.items() if not _FRESH.match(name)}
    generator.load_state_dict(state, strict=given.config == config and len(state) == len(given.state_dict()))
    for weigh in (generator.weigh_ir, generator.weigh_vis):
        if fresh_maps and weigh.level is not None:
            weigh.level.weight.data[:, 0] = 0
            for parameter in weigh.up2.parameters():  # of what is not negative to what is not: no ReLU is dead
                parameter.data.abs_()
    return generator


def _identities(tasks: Mapping[TaskLoss, float]) -> dict[str, str]:
    return {task.name: task.identity for task in tasks}


def _completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's configuration with what older ones did not name, as it would be by default."""
    return {**asdict(TrainingConfig()), **config, "variant": {"free_maps": False, **config.get("variant", {})}}


def _rest_norms(net: nn.Module) -> None:
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
