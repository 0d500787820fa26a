"""A command that is ended at random moments and started again until it is done, beside one that is left alone.

As a program, so that a kill never meets the imports alone: everything is imported once, and each start is a fork.
"""

import hashlib
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
VOLATILE = {"run.json", "run.log", "tensorboard"}
"""Times stand in these."""


def kill_again_and_again(
    work: Path, calls: Mapping[str, list[str]], kills: int, by: int = signal.SIGKILL
) -> dict[str, dict[str, Any]]:
    """Runs commands in processes of their own, each undisturbed and with kills.

    Args:
        work: an empty folder; each command writes to ``OUT``, a folder in it.
        calls: the commands by name, with ``OUT`` in place of the folder.
        kills: how many of each.
        by: the signal.

    Returns:
        For each command ``codes`` of whole runs, ``kills``, ``finished`` (how often the command was done in spite of
        them), ``changed`` (finished files that a later start wrote again) and ``differing`` (files unlike the
        undisturbed ones).
    """
    call = [sys.executable, __file__, str(work), str(kills), str(int(by)), json.dumps(calls)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "YOLO_OFFLINE": "true"}
    done = subprocess.run(call, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def contents(folder: Path) -> dict[str, str]:
    """Hashes of the files of a folder by their paths in it, but for those that hold times."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    inside = {path: path.relative_to(folder) for path in files}
    return {
        str(n): hashlib.sha256(p.read_bytes()).hexdigest() for p, n in inside.items() if not VOLATILE & set(n.parts)
    }


def _start(asked: list[str], out: Path, log: Path) -> int:
    from downstream.commands import run

    if child := os.fork():
        return child
    code, known = 99, set(sys.modules)
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        run(asked[0], [word.replace("OUT", str(out)) for word in asked[1:]])
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        log.with_suffix(".imported").write_text("\n".join(sorted(set(sys.modules) - known)))
        os._exit(code)


def _import_what_it_needed(log: Path) -> None:
    """What a whole run imported on its way: the next ones find it there, and spend their time on work."""
    for name in log.with_suffix(".imported").read_text().split():
        with suppress(Exception):
            importlib.import_module(name)


def _finish(child: int, until: float) -> int | None:
    """The exit code of a child that ends in time."""
    while time.monotonic() < until:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    return None


def _pictures(folder: Path) -> dict[str, tuple[int, int]]:
    files = (p for p in folder.rglob("*.png") if "previews" not in p.parts)
    return {str(p): ((s := p.stat()).st_mtime_ns, s.st_ino) for p in files}


def _kill(work: Path, asked: list[str], kills: int, by: int) -> dict[str, Any]:
    log, whole, killed, forever = work / "log.txt", work / "whole", work / "killed", float("inf")
    work.mkdir()
    start = time.monotonic()
    codes = [_finish(_start(asked, whole, log), forever)]
    longest, expected = time.monotonic() - start, contents(whole)
    _import_what_it_needed(log)
    draw, done, finished, changed, differing = random.Random(kills), 0, 0, [], []
    while done < kills:
        before, start = _pictures(killed), time.monotonic()
        child = _start(asked, killed, log)
        code = _finish(child, start + draw.uniform(0, 0.7 * longest))
        if code is None:
            os.kill(child, by)
            _, status = os.waitpid(child, 0)
            done += os.waitstatus_to_exitcode(status) not in (0, 1)
        elif not before:  # whole, and quicker than the first, which had more to import and perhaps to compile
            longest = min(longest, time.monotonic() - start)
        now = _pictures(killed)
        changed += [name for name, state in before.items() if now.get(name) != state]
        if code is None and done < kills:
            continue
        if code is None:
            code = _finish(_start(asked, killed, log), forever)
        codes.append(code)
        finished += 1
        found = contents(killed)
        differing += sorted(n for n in found.keys() | expected.keys() if found.get(n) != expected.get(n))
        shutil.rmtree(killed, ignore_errors=True)
    return {"codes": codes, "kills": done, "finished": finished, "changed": changed, "differing": differing,
            "seconds": longest}  # fmt: skip


if __name__ == "__main__":
    place, count, number, asked_for = sys.argv[1:]
    commands = json.loads(asked_for)
    for name in commands:
        importlib.import_module(f"downstream.commands.{name}")
    results = {n: _kill(Path(place) / n, [n, *words], int(count), int(number)) for n, words in commands.items()}
    json.dump(results, sys.stdout)
