"""The published ablation: what each part of the method is worth."""

from collections.abc import Mapping
from dataclasses import replace

from dwsfusion.generator import RELEASED
from dwsfusion.training.config import TrainingConfig


def ablations(config: TrainingConfig) -> Mapping[str, TrainingConfig]:
    """A training and its variants, each with one part left out or exchanged; same seed, data and budget."""
    variant, losses = config.variant, config.losses
    return {
        "full": config,
        "released variant": replace(config, variant=RELEASED),
        "without channel attention": replace(config, variant=replace(variant, channel_attention=False)),
        "without critics": replace(config, losses=replace(losses, adversarial=0.0)),
        "without dual weight supervision": replace(config, losses=replace(losses, dual=0.0, complement=0.0)),
        "without cross weights": replace(config, variant=replace(variant, cross_weights=False)),
    }
