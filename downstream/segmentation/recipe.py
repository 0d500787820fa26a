"""How segmentation networks are trained: what can be asked, the settings that hold otherwise, and the rest in words."""

from dataclasses import dataclass, fields, replace

from downstream.segmentation.deeplab import DeepLabConfig

RECIPE = {
    "optimizer": "AdamW, learning rate falling to 0 with the 0.9th power of the steps left",
    "loss": "cross-entropy, classes weighted by (share of the train pixels) ** -0.3, 255 ignored",
    "augmentation": "random crops, magnified by crop_scales, a share of them laid on a class, mirroring; the same for "
    "all inputs",
    "early_stopping": "none: every network is trained for its whole budget",
    "weights": "the last ones; none are chosen by a look at other pictures",
}
"""What `TrainingConfig` does not say, in words, for the protocol of a comparison."""


@dataclass(frozen=True)
class TrainingOptions:
    """What is asked of the trainings; None leaves it open."""

    encoder: str | None = None
    """Encoder, by its name in segmentation-models-pytorch; tu-NAME is timm's. Without it mobilenet_v2; on the
    sample scenes a small one, trained from scratch with settings of its own."""
    encoder_weights: str | None = None
    """First weights of the encoder: imagenet (downloaded), FILE (torchvision's or timm's), or none. Without it
    imagenet; on the sample scenes none."""
    decoder_channels: int | None = None
    """Channels of the decoder; fewer are faster. Without it 64."""
    depth: int | None = None
    """Stages of the encoder, 4 or 5: the last holds half of its weights, and most of a step's time that `fixed_stride`
    leaves. Without it 4; on the sample scenes 5."""
    rates: tuple[int, int, int] | None = None
    """Rates of the decoder's dilated convolutions, at a 16th of the picture's side. Without it 6 12 18; on the sample
    scenes 12 24 36."""
    dropout: float | None = None
    """Share of the decoder's features that a step leaves out. Without it 0.1; on the sample scenes 0.5."""
    shrink: int | None = None
    """Pictures are shown to the network with sides this many times shorter, in training and after; a quarter of the
    pixels takes a quarter of the time. Without it 2; on the sample scenes 1."""
    epochs: int | None = None
    """Times that every picture is seen; without it 60, on the sample scenes 8."""
    batch_size: int | None = None
    """Pictures a step; an incomplete last batch of an epoch is left out. Without it 4."""
    lr: float | None = None
    """Learning rate of AdamW at the start; it falls to 0 with the 0.9th power of the steps left. Without it 0.003;
    on the sample scenes 0.005."""
    encoder_lr: float | None = None
    """The encoder's learning rate as a share of that of the rest. Without it 0.1; on the sample scenes, and for an
    encoder without first weights, 1."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW."""
    crop_px: tuple[int, int] | None = None
    """Height and width of the crops trained on; at most the smallest picture's, in whole multiples of 16. Without
    it 240 320; on the sample scenes 144 192."""
    crop_scales: tuple[float, float] | None = None
    """Smallest and largest magnification of a crop, over what the network is shown. Without it 0.75 1.5."""
    aimed: float | None = None
    """Share of the crops that are laid on a pixel of a class, each class as often as the other, so that rare ones are
    seen. Without it 0.5; on the sample scenes 0."""
    fixed_stride: int | None = None
    """Layers of the encoder whose output is this many times smaller than the picture, or less, keep their first
    weights, and all its batch norms their statistics, which saves a third of a step; 0 trains all. Without it 4; on
    the sample scenes, and for an encoder without first weights, 0."""

    def filled(self, rest: "TrainingConfig") -> "TrainingConfig":
        """What was asked for, and the rest from a whole recipe."""
        asked = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.encoder_weights == "none":  # there is nothing yet to keep
            rest = replace(rest, fixed_stride=0, encoder_lr=1.0)
        return replace(rest, **{name: value for name, value in asked.items() if value is not None})


@dataclass(frozen=True)
class TrainingConfig(TrainingOptions):
    """How networks are trained: the recipe and the budget, equal for every input; nothing is left open."""

    encoder: str = "mobilenet_v2"
    encoder_weights: str = "imagenet"
    decoder_channels: int = 64
    depth: int = 4
    rates: tuple[int, int, int] = (6, 12, 18)
    dropout: float = 0.1
    shrink: int = 2
    epochs: int = 60
    batch_size: int = 4
    lr: float = 3e-3
    encoder_lr: float = 0.1
    crop_px: tuple[int, int] = (240, 320)
    crop_scales: tuple[float, float] = (0.75, 1.5)
    aimed: float = 0.5
    fixed_stride: int = 4

    def shape(self, classes: int) -> DeepLabConfig:
        """The network that is trained."""
        return DeepLabConfig(
            classes, self.encoder, self.decoder_channels, self.depth, self.rates, self.dropout, self.shrink
        )
