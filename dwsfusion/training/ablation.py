"""The published ablation: what each part of the method is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dwsfusion.generator import RELEASED
from dwsfusion.training.config import TrainingConfig


def ablations(config: TrainingConfig, tasks: Sequence[str] = ()) -> Mapping[str, TrainingConfig]:
    """A training and its variants, each with one part left out or exchanged; same seed, data and budget.

    Args:
        config: the whole training.
        tasks: names of the tasks that it is trained for; each is left out once.
    """
    weights = config.task_weights(len(tasks)) if tasks else ()
    variant, losses = config.variant, config.losses
    own = {"without free maps": replace(config, variant=replace(variant, free_maps=False))} if variant.free_maps else {}
    for left_out, task in enumerate(tasks):
        rest = tuple(0.0 if k == left_out else weight for k, weight in enumerate(weights))
        own[f"without {task}"] = replace(config, task_weight=rest)
    return {
        "full": config,
        **own,
        "released variant": replace(config, variant=RELEASED),
        "without channel attention": replace(config, variant=replace(variant, channel_attention=False)),
        "without critics": replace(config, losses=replace(losses, adversarial=0.0)),
        "without dual weight supervision": replace(config, losses=replace(losses, dual=0.0, complement=0.0)),
        "without cross weights": replace(config, variant=replace(variant, cross_weights=False)),
    }
