"""Runs of Weights & Biases, for whoever asks for them; the package is imported when the first one is started.

Where its program may send nothing, ``WANDB_MODE=offline`` leaves everything in the run's folder for ``wandb sync``.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dwsfusion.errors import InputError
from dwsfusion.runs import hash_text


@contextmanager
def wandb_run(project: str, name: str, folder: Path, config: Mapping[str, Any], group: str = "") -> Iterator[Any]:
    """Starts a run, and ends it with the block; one of the same project, folder and name is gone on with.

    Args:
        project: where it belongs.
        name: of the run.
        folder: where its files go, in a folder ``wandb``; it is made.
        config: what it was asked, as plain values.
        group: of runs that belong together.

    Raises:
        InputError: it cannot be started: nobody is logged in, the name is none, or there is no connection.
    """
    import wandb  # here, for it comes with an extra and takes seconds

    folder.mkdir(parents=True, exist_ok=True)  # or the files go to a folder of the system
    identity = hash_text(project, str(folder.resolve()), name)[:16]
    quiet = wandb.Settings(silent=True, console="off")
    try:
        run = wandb.init(project=project, name=name, id=identity, dir=str(folder), config=dict(config), resume="allow",
                         group=group or None, settings=quiet)  # fmt: skip
    except (wandb.errors.Error, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"Weights & Biases does not start a run of {project!r}: {reason}: log in with 'wandb login', or set "
            "WANDB_MODE=offline and send it later with 'wandb sync'"
        ) from error
    with run:
        yield run
