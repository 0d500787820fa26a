"""Trained networks for `Segmenter`: by what was given this tells what it is.

ONNX files, folders and names of segmentation-models-pytorch's hub, checkpoints of VainF/DeepLabV3Plus-Pytorch, our
own files, and plain state dicts of segmentation-models-pytorch's DeepLabV3Plus.
"""

from pathlib import Path

import torch

from downstream.comparison.runtimes import Runtime, check_runtime
from downstream.datasets.card import Masks
from downstream.segmentation.classes import CITYSCAPES, cityscapes_mapping
from downstream.segmentation.deeplab import Segmenter, is_deeplab, read_deeplab
from downstream.segmentation.given import GivenNetwork
from downstream.segmentation.hub import is_hub_name, read_hub
from downstream.segmentation.onnx_network import read_onnx
from downstream.segmentation.state_files import read_state_file
from downstream.segmentation.vainf import is_vainf, read_vainf
from dwsfusion.errors import InputError

ACCEPTED = (
    "an ONNX file, a checkpoint of VainF/DeepLabV3Plus-Pytorch, a name or folder of segmentation-models-pytorch's "
    "hub, a file of ours, or a state dict of segmentation-models-pytorch's DeepLabV3Plus"
)


def load_segmenter(
    source: Path,
    device: torch.device,
    masks: Masks,
    encoder: str = "mobilenet_v2",
    mapping: Path | None = None,
    runtime: Runtime = "torch",
) -> Segmenter:
    """Loads a trained network from whatever is accepted.

    Args:
        source: a file or folder; or a name ``OWNER/NAME`` of the hub, which is downloaded.
        device: where to compute.
        masks: the classes of the data set.
        encoder: the encoder of a plain state dict; all else know theirs.
        mapping: a file that says which of Cityscapes' classes count as which of ours.
        runtime: who computes it.

    Raises:
        InputError: nothing is there, nothing that is accepted, tensors that do not fit, a mapping that does not, or a
            runtime that cannot be had or gives other logits.
    """
    check_runtime(runtime, device, exporting=source.suffix.lower() != ".onnx")
    given = _read(source, encoder, runtime)
    own, theirs = len(masks.classes), len(CITYSCAPES)
    if given.classes not in (own, theirs):
        raise InputError(
            f"expected {own} (the data set's) or {theirs} (Cityscapes') classes in {given.weights}, found "
            f"{given.classes}: give a network that was trained on one of the two"
        )
    if mapping and given.classes == own:
        raise InputError(f"--mapping is for the {theirs} classes of Cityscapes, but {source} has the data set's {own}")
    return Segmenter.of(given, device, masks, cityscapes_mapping(masks, mapping) if given.classes != own else None)


def _read(source: Path, encoder: str, runtime: Runtime) -> GivenNetwork:
    if source.suffix.lower() == ".onnx" and source.is_file():
        return read_onnx(source, runtime)
    given = _read_torch(source, encoder)
    return given if runtime == "torch" else given.exported(runtime)


def _read_torch(source: Path, encoder: str) -> GivenNetwork:
    if source.is_dir() or (not source.exists() and is_hub_name(source)):
        return read_hub(source)
    if not source.is_file():
        raise InputError(f"expected {ACCEPTED} at {source}, found none: give its path")
    content = read_state_file(source)
    if is_vainf(content):
        return read_vainf(content, source)
    if is_deeplab(content):
        return read_deeplab(content, source, encoder)
    names = ", ".join(list(map(str, content))[:3]) or "nothing"
    raise InputError(f"expected {ACCEPTED} in {source}, found names such as {names}: give one of those")
