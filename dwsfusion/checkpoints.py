"""Weights on disk: ours (safetensors with the configuration inside) and the authors' file."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from dwsfusion.errors import InputError
from dwsfusion.frequencies import CUTOFFS
from dwsfusion.generator import RELEASED, Generator, GeneratorConfig
from dwsfusion.ops import tap_grid
from dwsfusion.runs import write_bytes
from dwsfusion.weight_files import UnsafeFileError, load_tensors, safetensors_bytes, what_is_it

_FOLDER = Path(__file__).parent / "weights"
PACKAGED = {name: _FOLDER / f"{name}.safetensors" for name in ("dwsfusion", "dwsfusion-task", "dwsfusion-both")}
"""The weights of this package by the names of their methods; their card says what they are."""
DEFAULT_WEIGHTS = PACKAGED["dwsfusion"]

# The released names, outermost first, and ours.
_RENAMED = (
    (r"^WGet_IR\.", "weigh_ir."),
    (r"^WGet_VI\.", "weigh_vis."),
    (r"^alphanet\.fc1\.", "balance.linear."),
    (r"^alphanet\.", "balance."),
    (r"^Fusion\.feature_extract\.0\.", "fuse.extract."),
    (r"^Fusion\.feature_extract\.1\.", "fuse.attend."),
    (r"^Fusion\.conv4\.", "fuse.reduce."),
    (r"^Fusion\.channel_match\.", "fuse.match."),
    (r"\.cbam(\d)\.", r".attend\1."),
    (r"\.spatial_attention\.conv1\.", ".spatial."),
    (r"\.conv([12])\.bn\.", r".down\1.norms.0."),
    (r"\.conv([12])\.conv", r".down\1.conv"),
    (r"\.conv3\.upcbar\.", ".up1."),
    (r"\.conv4\.upcbar\.", ".up2."),
    (r"\.OMNI_ATT1\.", ".low."),
    (r"\.OMNI_ATT2\.", ".high."),
    (r"\.(low|high)\.fc\.", r".\1.squeeze."),
    (r"\.(low|high)\.bn\.", r".\1.norm."),
    (r"\.channel_fc\.", ".channels."),
    (r"\.filter_fc\.", ".filters."),
    (r"\.conv_offset\.", ".dilation."),
    (r"\.conv_mask\.", ".modulation."),
)
_GATE = re.compile(r"FS\.freq_weight_conv_list\.(\d)\.")
_CONSTANT_ATTENTION = ".channel_attention.fc."
_GRID = ".dilated_offset"


def save_generator(generator: Generator, path: Path, note: Mapping[str, str] | None = None) -> None:
    """Writes weights and configuration into one safetensors file, whole or not at all.

    Args:
        generator: the network.
        path: ends in ``.safetensors``; its folder is made.
        note: texts that go along, such as the command that made the weights.
    """
    metadata = {"config": json.dumps(asdict(generator.config)), **(note or {})}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in generator.state_dict().items()}
    write_bytes(path, safetensors_bytes(tensors, metadata))


def load_generator(path: Path) -> Generator:
    """Reads a generator from our file or from the authors', on the CPU and in evaluation mode.

    Raises:
        InputError: the file is of neither kind, or its tensors do not fit the network one to one.
    """
    config, tensors = _read_ours(path) if path.suffix == ".safetensors" else (RELEASED, _read_released(path))
    generator = Generator(config)
    expected = {name: tensor.shape for name, tensor in generator.state_dict().items()}
    found = {name: tensor.shape for name, tensor in tensors.items()}
    differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if differing:
        name = differing[0]
        raise InputError(
            f"{path}: {len(differing)} tensors do not fit DWSFusion; the first is {name}: "
            f"expected {_shape(expected.get(name))}, found {_shape(found.get(name))}"
        )
    generator.load_state_dict(tensors, strict=True)
    return generator.eval()


def convert_released(released: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gives the authors' state dict our names. Every tensor is used or, where it is a constant, checked.

    Raises:
        InputError: a constant is not what the network supposes.
    """
    converted: dict[str, Tensor] = {}
    gates: dict[str, dict[int, Tensor]] = {}
    for name, tensor in released.items():
        if name.endswith(_GRID):
            _check(
                torch.equal(tensor.flatten(), tap_grid(tensor.device, tensor.dtype).flatten()),
                name,
                "3x3 grid",
            )
        elif _CONSTANT_ATTENTION in name:
            _check(tensor.numel() == 0, name, "channel attention without hidden units")
        elif match := _GATE.search(name):
            gates.setdefault(_our_name(_GATE.sub("frequency.gates.", name)), {})[int(match[1])] = tensor
        else:
            converted[_our_name(name)] = tensor
    for name, bands in gates.items():
        _check(sorted(bands) == list(range(len(CUTOFFS))), name, "one gate for each frequency band")
        converted[name] = torch.cat([bands[index] for index in sorted(bands)])
    return converted


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:160] or type(error).__name__


def _shape(shape: torch.Size | None) -> str:
    return "no such tensor" if shape is None else f"shape {tuple(shape)}"


def _our_name(name: str) -> str:
    for pattern, ours in _RENAMED:
        name = re.sub(pattern, ours, name)
    return name


def _check(fits: bool, name: str, expected: str) -> None:
    if not fits:
        raise InputError(f"tensor {name} is not what DWSFusion supposes: expected {expected}")


def _read_ours(path: Path) -> tuple[GeneratorConfig, dict[str, Tensor]]:
    expected = f"{path}: expected DWSFusion weights in safetensors with their configuration"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"{expected}, found {what_is_it(path)}: {_first_line(error)}") from error
    try:
        return GeneratorConfig(**json.loads(metadata["config"])), tensors
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{expected}, found {len(tensors)} tensors of another network: give its weights") from error


def _read_released(path: Path) -> dict[str, Tensor]:
    expected = f"{path}: expected a DWSFusion state dict (.pth) or our .safetensors"
    try:
        found = load_tensors(path)
    except UnsafeFileError as error:
        raise InputError(f"{expected}, found a file that torch cannot load safely: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(t, Tensor) for t in found.values()):
        raise InputError(f"{expected}, found {type(found).__name__}")
    return convert_released(found)
