"""What a segmentation comparison is asked."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from downstream.comparison.config import TaskConfig
from downstream.comparison.named_files import short_names
from downstream.segmentation.recipe import TrainingConfig, TrainingOptions

SAMPLE_TRAINING = TrainingConfig(
    "tu-test_resnet",
    "none",
    decoder_channels=64,
    depth=5,
    rates=(12, 24, 36),
    dropout=0.5,
    shrink=1,
    epochs=8,
    batch_size=4,
    lr=5e-3,
    encoder_lr=1.0,
    crop_px=(144, 192),
    aimed=0.0,
    fixed_stride=0,
)
"""For the sample scenes: small enough to be trained from scratch on a CPU in minutes."""


@dataclass(frozen=True, kw_only=True)
class SegmentationConfig(TaskConfig):
    """How segmentation is compared."""

    protocol: Literal["auto", "frozen", "retrained", "joint"] = "auto"
    """One given network for all inputs; one trained for each input; one trained on all inputs in equal parts.
    auto is retrained; on the sample scenes joint."""
    segmenter: tuple[Path, ...] = ()
    """For frozen: one, or several for a table each and one over them, with the classes of the data set or the 19 of
    Cityscapes. An ONNX file; a checkpoint of VainF/DeepLabV3Plus-Pytorch; a name (downloaded) or folder of
    segmentation-models-pytorch's hub, such as smp-hub/segformer-b1-1024x1024-city-160k; a file of ours; a state dict of
    that library's DeepLabV3Plus."""
    mapping: Path | None = None
    """For a frozen network with the classes of Cityscapes: JSON that says which of them count as which of
    ours, {"truck": "car"}; what it does not name is as the data set's card has it."""
    labels: str | None = None
    """Another folder of masks beside that of the data set's card."""
    masks: tuple[str, ...] = ()
    """Further rows from what other programs segmented, each NAME=DIR with masks of class ids under the pictures'
    names."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    seeds: int = 3
    """Where networks are trained: how many an input, from SEED, SEED + 1, …; a result to quote needs 3."""

    def settled(self, *, sample: bool) -> "SegmentationConfig":
        """The same with protocol and encoder chosen.

        On the sample scenes what was not given becomes what suits their training from scratch, unless an encoder
        was asked for.

        Raises:
            InputError: settings that belong to another protocol, or no resamples.
        """
        protocol = self.protocol if self.protocol != "auto" else "joint" if sample else "retrained"
        suited = SAMPLE_TRAINING if sample and self.training.encoder is None else TrainingConfig()
        settled = replace(self, protocol=protocol, training=self.training.filled(suited))
        settled.check()
        return settled

    def each(self) -> "dict[str, SegmentationConfig]":
        """One configuration a segmenter."""
        if len(self.segmenter) < 2:
            return {"": self}
        names = short_names(self.segmenter)
        return {name: replace(self, segmenter=(own,)) for name, own in zip(names, self.segmenter, strict=True)}

    def recipe(self) -> TrainingConfig:
        """How networks are trained; what was not given is as `TrainingConfig` has it."""
        return self.training.filled(TrainingConfig())
