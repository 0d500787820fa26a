"""``python -m downstream.commands NAME``: the same as ``dwsfusion NAME``, where that is not on the path."""

import sys

from downstream.commands import dispatch

if __name__ == "__main__":
    sys.argv[0] = "dwsfusion"
    dispatch()
