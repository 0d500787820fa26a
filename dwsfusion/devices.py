"""The choice of the device, and the way to it, in one place."""

import torch
from torch import Tensor

from dwsfusion.errors import InputError

CPU = torch.device("cpu")


def pick_device(name: str = "auto") -> torch.device:
    """Turns a device name into a device.

    Args:
        name: ``auto`` (CUDA, then MPS, then CPU) or any name that torch knows, such as ``cuda:1``.

    Raises:
        InputError: torch does not know the name, or the device is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"expected a device such as auto, cpu or cuda:0, found {name!r}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {name!r} was asked for, but torch finds no CUDA device here: use --device cpu")
    return device


def to_device(x: Tensor, device: torch.device) -> Tensor:
    """Moves a tensor; to a GPU from pinned memory, so that nobody waits for the copy."""
    return x.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else x.to(device)


def wait_for(device: torch.device) -> None:
    """Waits until a GPU has done all that it was given; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
