"""Files of tensors by name, read without running what they hold."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from dwsfusion.errors import InputError
from dwsfusion.weight_files import CodeInFileError, load_tensors


def read_state_file(path: Path) -> dict[str, Any]:
    """Reads a safetensors or torch file; of ``{"state_dict": ...}`` what is inside.

    Raises:
        InputError: no such file, an unreadable one, one that would run code, or no names with contents.
    """
    if not path.is_file():
        raise InputError(f"expected a weights file at {path}, found none")
    try:
        if path.suffix == ".safetensors":
            return dict(safetensors.torch.load_file(path))
        with _numpy_numbers_allowed():
            content = load_tensors(path)
    except CodeInFileError as error:
        raise InputError(f"{path} is refused: expected names and tensors, found {error}") from error
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        first_line = str(error).partition("\n")[0]
        raise InputError(f"{path} is not a readable weights file: {first_line}") from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict):
        raise InputError(
            f"expected a plain state dict (names and tensors) in {path}, found {type(content).__name__}: "
            "save network.state_dict()"
        )
    return content


def read_state(path: Path) -> dict[str, Tensor]:
    """Reads a file that holds nothing but tensors by name.

    Raises:
        InputError: as `read_state_file`; or it holds something else.
    """
    return only_tensors(read_state_file(path), path)


def only_tensors(content: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """The same, once it is clear that all are tensors.

    Raises:
        InputError: something else is among them.
    """
    other = [str(name) for name, entry in content.items() if not isinstance(entry, Tensor)]
    if other:
        raise InputError(
            f"expected a plain state dict (names and tensors) in {path}, found something else: {other[0]}: "
            "save network.state_dict()"
        )
    return dict(content)


def check_fit(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], what: str, cure: str) -> None:
    """Refuses tensors that are missing, left over, or of another shape.

    Raises:
        InputError: says the first three.
    """
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}  # older files have none; unused
    problems = [f"missing {name}" for name in wanted if name not in state and name not in counters]
    problems += [f"unknown {name}" for name in state if name not in wanted]
    problems += [
        f"{name} is {tuple(state[name].shape)}, not {tuple(wanted[name].shape)}"
        for name in wanted
        if name in state and state[name].shape != wanted[name].shape
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise InputError(f"{what} do not fit: {'; '.join(problems[:3])}{more}: {cure}")


def _numpy_numbers_allowed() -> AbstractContextManager[None]:
    """Lets a numpy number through, by its older and newer name: scores are kept so beside the weights."""
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6):
        return nullcontext()  # the older name cannot be allowed there
    scalar: Any = np.float64(0).__reduce__()[0]
    names = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    dtypes: list[Any] = [np.dtype, *(type(np.dtype(kind)) for kind in ("f4", "f8", "i8"))]
    return torch.serialization.safe_globals([*names, *dtypes])
