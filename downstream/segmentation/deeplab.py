"""DeepLabv3+ from segmentation-models-pytorch: building it, its files, and prediction.

Source: Chen et al., Encoder-Decoder with Atrous Separable Convolution, ECCV 2018,
doi:10.1007/978-3-030-01234-2_49.
"""

import dataclasses
import importlib.metadata
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from downstream.datasets.card import Ids, Masks
from downstream.segmentation.classes import output_ids
from downstream.segmentation.given import GivenNetwork
from downstream.segmentation.state_files import check_fit, only_tensors, read_state
from dwsfusion.errors import InputError
from dwsfusion.images import Array, rgb_array
from dwsfusion.runs import hash_file, hash_text, write_bytes

LIBRARY = "segmentation-models-pytorch"
STRIDE_PX = 16
"""Sides of the network's input are multiples of this."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's mean and deviation of RGB in [0, 1], for every input, infrared too: all are treated alike."""

_ALL_STAGES = 5
_METADATA_KEY = "deeplab"
_HEAD = "segmentation_head.0.weight"
_CLASSIFIERS = ("classifier.", "fc.", "head.", "last_linear.", "conv_head.", "bn2.")
"""How the names of tensors behind the last features begin, in torchvision and timm."""


@dataclass(frozen=True)
class DeepLabConfig:
    """What must be known to build the network again."""

    classes: int
    encoder: str = "mobilenet_v2"
    decoder_channels: int = 256
    depth: int = _ALL_STAGES
    """Stages of the encoder: with 4, its last features are those before the last stage."""
    rates: tuple[int, int, int] = (12, 24, 36)
    """Of the decoder's dilated convolutions."""
    dropout: float = 0.5
    """In the decoder, in training."""
    shrink: int = 1
    """The network looks at pictures with sides this many times shorter; its logits are enlarged again."""


class Segmenter:
    """A trained network that gives every pixel of a picture a class of the data set.

    Args:
        network: takes ``(1, 3, H, W)`` as `to_input` makes it, gives logits ``(1, C, H, W)`` of the same sides.
        ids: the class of the data set that each output counts as, ``(C,)``.
        identity: changes with the weights.
        device: where to compute.
        mapping: for a network of Cityscapes, what each of its classes counts as, by name.
        given: what the network is, where it came as a file; its sides' multiple and its runtime stand there.
    """

    def __init__(
        self,
        network: nn.Module,
        ids: Ids,
        identity: str,
        device: torch.device,
        mapping: Mapping[str, str] | None = None,
        given: GivenNetwork | None = None,
    ) -> None:
        self.network = network.to(device).eval()
        self.ids = ids
        self.mapping = dict(mapping) if mapping else None
        self.identity = identity if self.mapping is None else hash_text(identity, str(self.ids.tolist()))
        self.seconds = 0.0
        self.given = given
        self._device = device
        self._stride_px = given.stride_px if given else STRIDE_PX

    @classmethod
    def of(
        cls, given: GivenNetwork, device: torch.device, masks: Masks, mapping: Mapping[str, str] | None
    ) -> "Segmenter":
        """Wraps a network that came as a file; with a mapping, one of Cityscapes."""
        ids = output_ids(given.classes, masks, mapping or {})
        return cls(given.network, ids, hash_file(given.weights), device, mapping, given)

    @property
    def settings(self) -> tuple[str, ...]:
        """All that a prediction depends on besides the picture; predicted files are kept by it."""
        return self.identity, self._device.type, self.runtime

    @property
    def runtime(self) -> str:
        """Who computes the network."""
        return self.given.runtime if self.given else library_version()

    @property
    def runtime_difference(self) -> float | None:
        """Of a faster runtime's logits to torch's, where one computes them."""
        return self.given.difference if self.given else None

    @torch.inference_mode()
    def predict(self, picture: Array) -> Ids:
        """Gives the class ids ``(H, W)`` of a picture of any size, uint8 or uint16, grey or RGB.

        Pictures are predicted one at a time, so none depends on its neighbours in a batch.
        """
        return self._named(self._logits(picture))

    @torch.inference_mode()
    def predict_late(self, infrared: Array, visible: Array) -> Ids:
        """Late fusion: the class ids ``(H, W)`` of the mean of both pictures' class probabilities."""
        return self._named(self._logits(infrared).softmax(0) + self._logits(visible).softmax(0))

    def _logits(self, picture: Array) -> Tensor:
        """``(C, H, W)`` for the network's own classes."""
        start = time.perf_counter()
        height, width = picture.shape[:2]
        pixels = to_input(torch.from_numpy(rgb_array(picture)[None].copy()).to(self._device))
        stride = self._stride_px
        padded = F.pad(pixels, (0, -width % stride, 0, -height % stride), mode="replicate")
        logits: Tensor = self.network(padded)[0, :, :height, :width].float()
        self.seconds += time.perf_counter() - start
        return logits

    def _named(self, likely: Tensor) -> Ids:
        """The ids of the likeliest of the network's classes."""
        start = time.perf_counter()
        best = likely.argmax(0).cpu().numpy()
        self.seconds += time.perf_counter() - start
        return np.asarray(self.ids[best])


class Shrunk(nn.Module):
    """Shows a network shrunk pictures ``(B, 3, H, W)``, H and W multiples of 16 times `shrink`."""

    def __init__(self, network: nn.Module, shrink: int) -> None:
        super().__init__()
        self.network, self.shrink = network, shrink

    def forward(self, pixels: Tensor) -> Tensor:
        """Gives logits of the pictures' own sides."""
        height, width = pixels.shape[2:]
        small = (height // self.shrink, width // self.shrink)
        seen = F.interpolate(pixels, small, mode="bilinear", align_corners=False, antialias=True)
        return F.interpolate(self.network(seen), (height, width), mode="bilinear", align_corners=False)


def library_version() -> str:
    """The library that builds the networks, and its version."""
    return f"{LIBRARY} {importlib.metadata.version(LIBRARY)}"


def to_input(pictures: Tensor) -> Tensor:
    """Turns uint8 RGB ``(B, H, W, 3)`` into the network's float input ``(B, 3, H, W)``."""
    mean, std = (pictures.new_tensor(v, dtype=torch.float32).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (pictures.permute(0, 3, 1, 2) / 255 - mean) / std


def build_deeplab(config: DeepLabConfig, encoder_weights: str | Path = "none") -> nn.Module:
    """Builds the network; its decoder, and an encoder without weights, are drawn from torch's random numbers.

    Args:
        config: its shape.
        encoder_weights: ``imagenet`` (downloaded by segmentation-models-pytorch), ``none``, or a file with a
            plain state dict of the encoder in torchvision's or timm's names.

    Raises:
        InputError: no such encoder, no network to download from, or a file that does not fit.
    """
    given = str(encoder_weights)
    network = _new_network(config, given if given == "imagenet" else None)
    if given not in ("imagenet", "none"):
        whole = _new_network(dataclasses.replace(config, depth=_ALL_STAGES), None).get_submodule("encoder")
        _fill_encoder(whole, Path(encoder_weights))
        state, encoder = whole.state_dict(), network.get_submodule("encoder")
        nn.Module.load_state_dict(encoder, {name: state[name] for name in encoder.state_dict()})
    return network


def save_deeplab(path: Path, network: nn.Module, config: DeepLabConfig, key: str) -> None:
    """Writes weights and configuration into one file that appears whole or not at all.

    Args:
        path: where to, ``.safetensors``; its folder is made.
        network: the network.
        config: what it was built from.
        key: says from what it was trained; `saved_key` reads it back.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    about = json.dumps({**dataclasses.asdict(config), "mean": MEAN, "std": STD, "key": key})
    write_bytes(path, safetensors.torch.save(state, {_METADATA_KEY: about}))


def saved_key(path: Path) -> str | None:
    """The key that a file was saved with; None where there is no such file, or it is not ours."""
    return _metadata(path).get("key") if path.is_file() else None


def is_deeplab(content: Mapping[str, Any]) -> bool:
    """Whether a file's content has the head of segmentation-models-pytorch's DeepLabV3Plus."""
    return _HEAD in content


def read_deeplab(content: Mapping[str, Any], path: Path, encoder: str) -> GivenNetwork:
    """Builds the network of a file of `save_deeplab`, or of a plain state dict of that library's DeepLabV3Plus.

    Args:
        content: the file's tensors by name.
        path: the file.
        encoder: the encoder of a plain state dict; our own files know theirs.

    Raises:
        InputError: tensors that do not fit.
    """
    state = only_tensors(content, path)
    classes, channels = state[_HEAD].shape[:2]
    about = _metadata(path)
    shape = {name: about[name] for name in ("depth", "rates", "dropout", "shrink") if name in about}
    config = DeepLabConfig(classes, about.get("encoder", encoder), channels, **shape)
    network = _new_network(config, None)
    shrunk = Shrunk(network, config.shrink) if config.shrink > 1 else network
    stride_px = STRIDE_PX * config.shrink
    given = GivenNetwork(shrunk, classes, f"DeepLabV3Plus with {config.encoder}", path, library_version(), stride_px)
    what = f"{path} and DeepLabV3Plus with {config.encoder}"
    check_fit(state, network.state_dict(), what, "is it the encoder you named?")
    network.load_state_dict(state, strict=False)
    return given


def _new_network(config: DeepLabConfig, encoder_weights: str | None) -> nn.Module:
    import segmentation_models_pytorch as smp  # here, for it takes seconds and comes with an extra

    try:
        network: nn.Module = smp.DeepLabV3Plus(
            config.encoder,
            encoder_weights=encoder_weights,
            encoder_depth=config.depth,
            encoder_output_stride=STRIDE_PX,
            decoder_channels=config.decoder_channels,
            decoder_atrous_rates=config.rates,
            decoder_aspp_dropout=config.dropout,
            classes=config.classes,
        )
    except OSError as error:
        raise InputError(
            f"the ImageNet weights of {config.encoder} are not here and could not be downloaded: give "
            "--encoder-weights FILE (torchvision's or timm's), or --encoder-weights none to train from scratch"
        ) from error
    except (
        LookupError,
        RuntimeError,
        ValueError,
        TypeError,
        AttributeError,
        AssertionError,
        NotImplementedError,
    ) as error:
        raise InputError(
            f"expected an encoder of segmentation-models-pytorch such as mobilenet_v2 or resnet50, found "
            f"{config.encoder!r}: {str(error)[:120]}"
        ) from error
    return network


def _fill_encoder(encoder: nn.Module, path: Path) -> None:
    """Fills every tensor of an encoder; of the file, only the classifier may be left over."""
    state, wanted = read_state(path), encoder.state_dict()
    if all(name.startswith("model.") for name in wanted):  # segmentation-models-pytorch's wrapper around timm
        state = {f"model.{name.removeprefix('model.')}": tensor for name, tensor in state.items()}
    kept = {n: t for n, t in state.items() if n in wanted or not n.removeprefix("model.").startswith(_CLASSIFIERS)}
    check_fit(kept, wanted, f"{path} and the encoder", "is it the encoder you named?")
    nn.Module.load_state_dict(encoder, kept, strict=False)


def _metadata(path: Path) -> dict[str, Any]:
    """What `save_deeplab` wrote beside the weights; empty for any other file."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            found: dict[str, Any] = json.loads((file.metadata() or {}).get(_METADATA_KEY, "{}"))
            return found
    except safetensors.SafetensorError:
        return {}
