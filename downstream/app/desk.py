"""One worker for all requests: networks look at one pair at a time, and few may wait."""

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import torch

from downstream.app.looking import Looker, Range
from downstream.app.uploads import draw_sample, keep_upload, without_folder
from dwsfusion.errors import ImageError, InputError
from dwsfusion.images import check_range

_WAITING = 4
"""Requests at a time, the one that is worked on among them."""


class BusyError(Exception):
    """Others are waiting already."""


class Desk:
    """Takes questions from any thread.

    Args:
        looker: what is loaded.
    """

    def __init__(self, looker: Looker) -> None:
        self._looker = looker
        self._worker = ThreadPoolExecutor(1, "looker", initializer=lambda: torch.set_flush_denormal(True))
        self._places = BoundedSemaphore(_WAITING)

    def choices(self) -> dict[str, Any]:
        """What can be chosen, and who looks."""
        return self._looker.choices()

    def look(self, query: Mapping[str, str], body: Callable[[], bytes]) -> Any:
        """Looks at what was sent.

        Args:
            query: ``method``; ``infrared``, the bytes of the infrared picture, or ``sample``, the number of a sample
                scene; perhaps ``low`` and ``high``, the infrared counts to show as black and white.
            body: gives both pictures, once there is a place for them.

        Raises:
            InputError: the question or a picture is of no use.
            BusyError: too many wait.
        """
        method, ir_range = query.get("method", "dwsfusion"), _range(query)
        sample, infrared = _number(query, "sample"), _number(query, "infrared")
        if not self._places.acquire(blocking=False):
            raise BusyError("others are waiting already: try again in a moment")
        try:
            return self._worker.submit(self._look, sample, infrared or 0, body(), method, ir_range).result()
        finally:
            self._places.release()

    def close(self) -> None:
        """Waits for the pair that is being looked at, and takes no other."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _look(self, sample: int | None, infrared_bytes: int, body: bytes, method: str, ir_range: Range | None) -> Any:
        with tempfile.TemporaryDirectory(prefix="dwsfusion-") as name:
            folder = Path(name)
            try:
                pair = draw_sample(sample, folder) if sample is not None else keep_upload(body, infrared_bytes, folder)
                return self._looker.look(pair, method, folder, ir_range, sample=sample is not None)
            except ImageError as error:
                raise ImageError(without_folder(str(error), folder)) from error


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise InputError(f"expected a number for {name}, found {text[:40]!r}")
    return int(text)


def _range(query: Mapping[str, str]) -> Range | None:
    ends = [query.get(name) for name in ("low", "high")]
    return None if ends == [None, None] else check_range(ends)
