"""What the installed onnxruntime can run; Python 3.10 gets none newer than 1.23."""

from importlib.metadata import version

FIRST_WITH_DEFORM_CONV = "1.28.0"
"""The lowest tried that runs the file for any size; 1.24.4 does not."""


def runs_deform_conv() -> bool:
    """Whether it runs the file for any size."""
    first, found = (tuple(map(int, v.split(".")[:2])) for v in (FIRST_WITH_DEFORM_CONV, version("onnxruntime")))
    return found >= first
