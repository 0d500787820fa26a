"""Where the files of detectors lie."""

from collections.abc import Callable
from pathlib import Path

import torch

from dwsfusion.errors import InputError

SAMPLE_DETECTOR = "sample.pt"


def find_model(model: str | Path, download: Callable[[Path], Path]) -> Path:
    """Finds a model: a file, ``tiny.yaml`` or ``sample.pt`` of this package, an architecture of ultralytics,
    or published weights to download.

    Args:
        model: a file, or a name.
        download: fetches published weights to a file of their name, and gives it.

    Returns:
        The file; for an architecture of ultralytics, its name.

    Raises:
        InputError: there is no such file, and no such weights can be downloaded.
    """
    path = Path(model)
    ours = Path(__file__).with_name(path.name)
    if path.suffix not in (".pt", ".yaml"):
        raise InputError(f"expected a detector's weights (.pt) or architecture (.yaml), found {str(model)!r}")
    if path.is_file():
        return path
    if path.parent != Path():
        raise InputError(f"expected a detector at {path}, found no such file")
    if ours.is_file() or path.suffix == ".yaml":
        return ours if ours.is_file() else path
    if path.name == SAMPLE_DETECTOR:
        raise InputError(
            f"the detector of the sample scenes, {path.name}, is not in the installed package, being under the AGPL: "
            "train one with --protocol joint, or give the repository's downstream/detection/sample.pt with --detector"
        )
    kept = Path(torch.hub.get_dir()) / "checkpoints" / path.name
    return kept if kept.is_file() else download(kept)
