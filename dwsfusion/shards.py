"""A part of the pictures for each of several machines, by a hash of the picture's name."""

import os
import re
import unicodedata
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from dwsfusion.errors import InputError


@dataclass(frozen=True)
class Shard:
    """One of several parts of a data set.

    A picture's part hangs on its name alone, so every machine finds its own without knowing the others' pictures, and
    a picture more or less moves no other. Parts differ in size by about the root of their size.
    """

    number: int
    """From 1 to `count`."""
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InputError(f"expected a shard I/N with I from 1 to N, found {self.number}/{self.count}")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Reads ``I/N``.

        Raises:
            InputError: it is none.
        """
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if not found:
            raise InputError(f"expected a shard I/N, such as 1/4, found {text!r}")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def asked(cls, text: str | None, environment: Mapping[str, str] = os.environ) -> "Shard | None":
        """The shard that was asked for, else that of the process where a launcher started several; None for all.

        Args:
            text: ``I/N``, or None.
            environment: with ``RANK``, from 0, and ``WORLD_SIZE``, as torchrun and others set them.

        Raises:
            InputError: it is none.
        """
        if text is not None:
            return cls.parse(text)
        rank, count = environment.get("RANK", ""), environment.get("WORLD_SIZE", "")
        if not (rank.isdigit() and count.isdigit()) or int(count) < 2:
            return None
        return cls(int(rank) + 1, int(count))

    def holds(self, name: str) -> bool:
        """Whether a picture belongs to this part."""
        composed = unicodedata.normalize("NFC", name)
        return zlib.crc32(composed.encode(errors="surrogateescape")) % self.count == self.number - 1

    @property
    def tag(self) -> str:
        """As it stands in file names: ``1-of-4``."""
        return f"{self.number}-of-{self.count}"

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
