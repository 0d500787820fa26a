"""Ideal low-pass images, and which frequencies they keep: what the network's layers split a map by."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

import torch
from torch import Tensor

CUTOFFS = (2, 4, 8)
"""The low-pass images keep 1/2, 1/4 and 1/8 of the spectrum's rows and columns."""
_held: ContextVar[list[list[Tensor]] | None] = ContextVar("masks to hold", default=None)


def low_pass(x: Tensor) -> tuple[Tensor, ...]:
    """Ideal low-pass images of x at each of the `CUTOFFS`: ``(B, C, H, W)`` to three of the same."""
    h, w = x.shape[-2:]
    masks = _low_pass_masks(h, w, x.device, x.dtype)
    if (held := _held.get()) is not None:
        held.append(masks)
    spectrum = torch.fft.fft(torch.fft.rfft(x)[..., : masks[0].shape[1]], dim=-2)
    return tuple(_filtered(spectrum, mask, w) for mask in masks)


@contextmanager
def held_masks() -> Iterator[list[list[Tensor]]]:
    """Gathers the masks that `low_pass` uses inside: who records its operations needs them as long as the record."""
    masks: list[list[Tensor]] = []
    token = _held.set(masks)
    try:
        yield masks
    finally:
        _held.reset(token)


def kept_frequencies(size: int) -> Tensor:
    """1 where a low-pass filter keeps a frequency of an axis, else 0: ``(3, size)``, frequency 0 first."""
    centred = torch.zeros(len(CUTOFFS), size, dtype=torch.float64)
    for window, cutoff in zip(centred, CUTOFFS, strict=True):
        window[round(size / 2 - size / (2 * cutoff)) : round(size / 2 + size / (2 * cutoff))] = 1
    return torch.fft.ifftshift(centred, dim=1)


def _filtered(spectrum: Tensor, mask: Tensor, width: int) -> Tensor:
    """Back to pixels from the leftmost columns ``(B, C, H, K)`` of a spectrum; mask ``(H, K', 1)`` with K' ≤ K."""
    kept = torch.view_as_complex(torch.view_as_real(spectrum[..., : mask.shape[1]]) * mask)
    return torch.fft.irfft(torch.fft.ifft(kept, dim=-2), n=width)


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # masks that were first made for inference serve training too
def _low_pass_masks(h: int, w: int, device: torch.device, dtype: torch.dtype) -> list[Tensor]:
    """Masks ``(H, K, 1)`` on the half plane of a real FFT, as many columns as are not zero.

    The window is half-open on the centred plane, so it holds some frequencies without their mirror images. The
    real part of such a filter's output is the output of the mask made symmetric, (M(k) + M(-k)) / 2.
    """
    masks = []
    for rows, columns in zip(kept_frequencies(h), kept_frequencies(w), strict=True):
        mask = torch.outer(rows, columns)
        mirrored = mask.flip(0, 1).roll((1, 1), (0, 1))
        half = ((mask + mirrored) / 2)[:, : w // 2 + 1]
        columns_kept = max(1, int(half.any(0).sum()))
        # Column by column in memory, as the transform along the columns leaves the spectrum.
        masks.append(half[:, :columns_kept].t().to(device, dtype).contiguous().t()[..., None])
    return masks
