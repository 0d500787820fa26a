"""Processes that die, or end the command that they belong to, when they open a picture: for tests of what goes on then.

`deadly` makes a folder for PYTHONPATH; the interpreter imports its ``sitecustomize`` in the command and in all workers.
"""

import os
from pathlib import Path

_HOOK = """
import os, signal, sys

os.environ.setdefault("DYING_COMMAND", str(os.getpid()))  # the first process is the command

def first(name):
    try:
        os.close(os.open(os.path.join({folder!r}, "opened-" + name), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True

def look(event, found):
    if event != "open" or not isinstance(found[0], (str, bytes)):
        return
    name = os.path.basename(os.fsdecode(found[0]))
    if name in {always!r} or (name in {once!r} and first(name)):
        os.kill(os.getpid(), signal.SIGKILL)
    if name in {command!r} and first(name):
        os.kill(int(os.environ["DYING_COMMAND"]), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(look)
"""


def deadly(folder: Path, *, always: str = "", once: str = "", command: str = "") -> dict[str, str]:
    """Environment variables for a command whose processes die of pictures.

    Args:
        folder: an empty one.
        always: the file whose opening kills a process every time.
        once: the one whose first opening does.
        command: the one whose first opening kills the command, too.
    """
    folder.mkdir()
    names = {"always": [always], "once": [once], "command": [command]}
    (folder / "sitecustomize.py").write_text(_HOOK.format(folder=str(folder), **names))
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(Path(__file__).parents[1])])}
