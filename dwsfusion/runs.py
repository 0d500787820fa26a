"""What a run leaves behind: whole files, fingerprints, and ``run.json``."""

import csv
import dataclasses
import hashlib
import importlib.metadata
import io
import json
import math
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, get_ident
from typing import Any

from dwsfusion.errors import OutputError
from dwsfusion.tars import stored

_PACKAGES = ("dwsfusion", "torch", "torchvision", "numpy", "pycocotools", "ultralytics-opencv-headless",
             "ultralytics", "segmentation-models-pytorch")  # fmt: skip
_HOST, _PROCESS = hashlib.sha256(platform.node().encode()).hexdigest()[:8], os.urandom(4).hex()
_REMAINS = re.compile(r"\.[0-9a-f]{16}-([0-9a-f]{8})-([0-9a-f]{8})-(\d+)-\d+\.tmp")
"""Unfinished files: hash of the name, machine, process (drawn, for numbers come again), its number, thread."""
_swept: set[tuple[int, Path]] = set()
_sweeping = Lock()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives the path of a hidden file to write, which then takes its place; its folder is made.

    The file appears whole or not at all: where writing fails, what was there before stays, and nothing is left. What a
    killed process left of a file is removed by the next one that writes to the folder.

    Raises:
        OutputError: the file or its folder cannot be written.
    """
    # Not with the file's own name in it: that may be as long as a name can be.
    name = _digest(os.fsencode(path.name))[:16]
    beside = path.with_name(f".{name}-{_HOST}-{_PROCESS}-{os.getpid()}-{get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_remains(path.parent)
        try:
            yield beside
            beside.replace(path)
        except BaseException:  # an interrupt, too
            beside.unlink(missing_ok=True)
            raise
    except OutputError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}: mend that, and start the same command again") from error


def _remove_remains(folder: Path) -> None:
    """Removes the unfinished files of processes of this machine that are no more, once a folder and process."""
    with _sweeping:
        mine = (os.getpid(), folder)
        if mine in _swept or os.name != "posix":
            return
        _swept.add(mine)
        for entry in os.scandir(folder):
            found = _REMAINS.fullmatch(entry.name)
            if found is None or found[1] != _HOST or (found[2], found[3]) == (_PROCESS, str(os.getpid())):
                continue
            if int(found[3]) == os.getpid() or not _lives(int(found[3])):  # forks share what was drawn
                Path(entry.path).unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file that appears whole or not at all; its folder is made."""
    with whole_file(path) as beside:
        beside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes a text file, UTF-8, whole or not at all; its folder is made."""
    write_bytes(path, text.encode(errors="backslashreplace"))  # names of files need not be UTF-8


def write_json(path: Path, value: Any) -> None:
    """Writes JSON whole or not at all; dataclasses, paths and tuples are taken as they are meant."""
    write_text(path, json.dumps(value, indent=2, default=_jsonable, allow_nan=False) + "\n")


def write_lines(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Writes a log, a line of JSON a row, whole or not at all; what is no finite number becomes null."""
    finite = [{k: v if math.isfinite(v) else None for k, v in row.items()} for row in rows]
    write_text(path, "".join(f"{json.dumps(row)}\n" for row in finite))


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows of values at full precision, whole or not at all; None becomes an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def hash_file(path: Path) -> str:
    """SHA-256 of the bytes of a file, or of a member of a tar (`dwsfusion.tars`), in hex."""
    found = stored(path)
    with found.open("rb") if isinstance(found, Path) else found as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if sys.version_info >= (3, 11) else _digest(file.read())


def hash_text(*parts: str) -> str:
    """SHA-256 of some texts in order, in hex."""
    return _digest("\0".join(parts).encode(errors="surrogateescape"))


def fingerprint(files: Iterable[Path]) -> str:
    """One hash over the names and contents of files, whatever folder they lie in and in whatever order."""
    return hash_text(*sorted(f"{path.name} {hash_file(path)}" for path in files))


def write_run(
    out: Path,
    config: Any,
    *,
    device: str,
    seed: int | None,
    data: str,
    results: dict[str, Any],
    name: str = "run.json",
) -> None:
    """Writes ``out/run.json``: all that is needed to say how the folder came about.

    Args:
        out: the output folder.
        config: the command's configuration, a dataclass.
        device: the device that computed.
        seed: what fixed the random numbers, if there were any.
        data: the fingerprint of the data that was read.
        results: what the command wants to add: counts, skipped pictures, seconds.
        name: of the file; that of a shard has its number.
    """
    record = {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "config": config,
        "device": device,
        "seed": seed,
        "data": data,
        "versions": versions(),
        "git_commit": _git_commit(),
        **results,
    }
    write_json(out / name, record)


def versions() -> dict[str, str]:
    """Python, the platform, and those of this project's packages that are installed."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _git_commit() -> str | None:
    """The commit of the checkout that this package runs from; None for an installed package."""
    here = Path(__file__).resolve().parent
    if not (here.parent / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _jsonable(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return value.tolist()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
