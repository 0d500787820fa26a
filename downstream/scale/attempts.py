"""Pictures that end the process that works on them: begun, never finished, and given up after a few times.

A crashed worker is started again for ever, and so is what it was at; and it leaves no word. So a block of pictures has
a file beside the output for as long as somebody works on it, and who finds one knows that somebody before died here.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dwsfusion.runs import hash_text

FOLDER = ".attempts"
ALONE = 2
"""Times that a picture is tried alone, after its block was tried as a whole."""


class Attempts:
    """The attempts at one block of pictures, kept on the storage that all workers share.

    Args:
        out: the folder of the fused pictures.
        names: the block's pictures.
    """

    def __init__(self, out: Path, names: Iterable[str]) -> None:
        self._path = out / FOLDER / f"{hash_text(*names)[:16]}.txt"
        self._open: Counter[str] = Counter()
        try:
            for line in self._path.read_text(encoding="ascii", errors="replace").splitlines():
                self._open[line[1:]] += 1 if line.startswith("+") else -1
        except FileNotFoundError:
            self.somebody_died = False
        else:
            self.somebody_died = True

    def begin(self) -> None:
        """Says that somebody works on the block."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch()

    def hopeless(self, number: int) -> bool:
        """Whether workers died of a picture that they had alone, `ALONE` times."""
        return self._open[str(number)] >= ALONE

    @contextmanager
    def alone(self, number: int) -> Iterator[None]:
        """Inside, a picture is tried alone; whatever ends the process before the end counts against it."""
        self._say(f"+{number}")
        yield
        self._say(f"-{number}")

    def forget(self) -> None:
        """All was told; nothing has to be remembered unless a picture is hopeless."""
        if not any(count >= ALONE for count in self._open.values()):
            self._path.unlink(missing_ok=True)

    def _say(self, line: str) -> None:
        with self._path.open("a", encoding="ascii") as file:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())  # another machine may go on


def reason(out: Path) -> str:
    """What is said of a hopeless picture."""
    return (
        f"its worker died {ALONE + 1} times, the last {ALONE} with it alone: out of memory, or a file that breaks a "
        f"library? Fuse it by itself, or remove {out / FOLDER} to try again"
    )
