"""Networks of segmentation-models-pytorch's hub: a folder of its ``save_pretrained``, or a name to download."""

import json
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from downstream.segmentation.given import GivenNetwork
from downstream.segmentation.state_files import check_fit, read_state
from dwsfusion.errors import InputError

CONFIG, WEIGHTS = "config.json", "model.safetensors"
_STRIDE_PX = 32
_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_FILE_SUFFIXES = (".onnx", ".pth", ".pt", ".safetensors", ".ckpt", ".bin")


def is_hub_name(source: Path) -> bool:
    """Whether this reads as a name ``OWNER/NAME`` of the hub rather than as a file that is not there."""
    return bool(_NAME.fullmatch(source.as_posix())) and source.suffix.lower() not in _FILE_SUFFIXES


def read_hub(source: Path) -> GivenNetwork:
    """Loads a folder of ``save_pretrained``, or downloads one by its name as huggingface_hub does.

    Raises:
        InputError: it is not there or cannot be had, is no network of that library, or tensors do not fit.
    """
    folder = source if source.is_dir() else _download(source.as_posix())
    settings = _settings(folder)
    name = settings.pop("_model_class", None)
    network = _build(str(name), {k: v for k, v in settings.items() if not k.startswith("_")}, folder)
    state = read_state(folder / WEIGHTS)
    check_fit(state, network.state_dict(), f"{folder / WEIGHTS} and {name}", f"is {CONFIG} from the same network?")
    network.load_state_dict(state, strict=False)
    network.eval()
    with torch.inference_mode():
        classes = network(torch.zeros(1, 3, 2 * _STRIDE_PX, 2 * _STRIDE_PX)).shape[1]
    kind = f"{name} with {settings.get('encoder_name')} of segmentation-models-pytorch's hub"
    kind += "" if source.is_dir() else f", {source.as_posix()} at {folder.name}"
    return GivenNetwork(network, classes, kind, folder / WEIGHTS, _runtime(), stride_px=_STRIDE_PX)


def _download(name: str) -> Path:
    import huggingface_hub  # here, for it comes with an extra

    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=[CONFIG, WEIGHTS]))
    except (OSError, ValueError) as error:  # its own errors are of these
        first_line = str(error).partition("\n")[0][:160]
        raise InputError(
            f"expected a file, a folder or a name of the hub that can be downloaded, found {name}: {first_line}: "
            "check the name and the connection, or give a folder that was downloaded elsewhere"
        ) from error


def _settings(folder: Path) -> dict[str, Any]:
    try:
        settings = json.loads((folder / CONFIG).read_text())
    except (OSError, ValueError) as error:
        raise InputError(
            f"expected a folder with {CONFIG} and {WEIGHTS}, as save_pretrained of segmentation-models-pytorch "
            f"writes it, found none in {folder}: give such a folder"
        ) from error
    return settings if isinstance(settings, dict) else {}


def _build(name: str, settings: dict[str, Any], folder: Path) -> nn.Module:
    import segmentation_models_pytorch as smp

    architecture = getattr(smp, name, None)
    if not (isinstance(architecture, type) and issubclass(architecture, smp.base.SegmentationModel)):
        raise InputError(
            f"expected an architecture of segmentation-models-pytorch in {folder / CONFIG}, found {name}: "
            "give a folder of its save_pretrained, or a newer segmentation-models-pytorch"
        )
    try:
        network: nn.Module = architecture(**{**settings, "encoder_weights": None})
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        first_line = str(error).partition("\n")[0][:160]
        raise InputError(
            f"{folder / CONFIG} does not build a {name}: {first_line}: is it of another version of the library?"
        ) from error
    return network


def _runtime() -> str:
    from downstream.segmentation.deeplab import library_version

    return library_version()
