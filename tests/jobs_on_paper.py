"""Jobs that other processes can import: they write a file, or die, or never end."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from dwsfusion.errors import InputError
from dwsfusion.progress import Track


@dataclass(frozen=True)
class PaperJob:
    """Writes what it computes, and the process that did."""

    path: Path
    fate: str = "done"

    @property
    def name(self) -> str:
        return self.path.stem

    def is_done(self) -> bool:
        return self.path.is_file()

    def train(self, device: torch.device, track: Track) -> None:
        if self.fate == "dies":
            os._exit(9)
        if self.fate == "refuses":
            raise InputError("too small a batch")
        if self.fate == "waits":
            self.path.with_suffix(".begun").touch()
            time.sleep(120)
        deadline = time.monotonic() + 30
        while self.fate == "listens" and not self.path.with_name("told").exists():
            if time.monotonic() > deadline:
                raise InputError("nobody told")
            time.sleep(0.01)
        self.path.write_text(f"{os.getpid()} {torch.get_num_threads()}")
