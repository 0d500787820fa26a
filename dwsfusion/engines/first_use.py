"""The first use of the loops on a machine: they are compiled, in two processes where there are two cores.

In one process a lock of the compiler's lets one thread work. Two processes share what they compile through the folder
where machine code is kept, so each compiles about half, and this one finds what the other has made.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import torch

from dwsfusion.engines.compiled import CompiledEngine
from dwsfusion.engines.compiled_layers import CompiledDown, CompiledUp
from dwsfusion.generator import Generator
from dwsfusion.kernels import bands, colours, fadc, stages
from dwsfusion.kernels.compile import is_compiled
from dwsfusion.kernels.vectors import LENGTH

_AMONG = (fadc.fadc_rows, fadc.attend_rows, bands._weigh_columns, stages.up_rows, colours._colour)
"""Where these are there, the others are, too."""
_SMALL = 12
"""Pixels a side, too few for our Fourier transforms."""
_PATIENCE = 2
"""After its own share this process waits so many times longer for the other one's, and then does that, too."""
_log = logging.getLogger(__name__)


def compile_loops(engine: CompiledEngine) -> None:
    """Compiles all that an engine needs for its pictures and their colours, unless that was done before.

    Where torch may use several threads, another process does half of it. Whatever happens to that one, what it has not
    made is made here.
    """
    if all(map(is_compiled, _AMONG)):
        return
    _log.info(
        "first use here: compiling the network's loops for this processor, about a quarter of a minute, once where it "
        "can be kept; where every command does, set NUMBA_CACHE_DIR to a folder that stays"
    )
    start = time.monotonic()
    with torch.inference_mode(), _another() as other:
        _compile_own(engine)
        if other is not None:
            with suppress(subprocess.TimeoutExpired):
                other.wait(_PATIENCE * (time.monotonic() - start))
        pair = torch.zeros(2, 1, 1, 32, 32)
        engine(pair[0], pair[1])
    _log.info("compiled in %.0f s", time.monotonic() - start)


def compile_transforms() -> None:
    """The other process's half: the Fourier transforms, and the stages of convolutions."""
    torch.set_num_threads(1)
    maps = np.zeros((1, 1, 32, 32), np.float32)
    room, sums = np.zeros((1, 1, 36, 36), np.float32), np.zeros((1, 1, 32), np.float32)
    bands.select(maps, np.zeros((1, 2, 32, 3, LENGTH), np.float32), room[:, :, 2:34, 2:34], sums)
    network = Generator().eval()
    CompiledUp(network.weigh_ir.up1)(CompiledDown(network.weigh_ir.down2)(np.zeros((1, 4, 32, 32), np.float32)))
    balance = next(step for step in CompiledEngine(network).steps if step.name == "balance")
    balance(np.zeros((1, 2, 32, 32), np.float32))


def _compile_own(engine: CompiledEngine) -> None:
    """This process's half: colours, attention and adaptive convolution, on maps that torch transforms."""
    steps = {step.name: step for step in engine.steps}
    rgb = torch.zeros(1, 3, _SMALL, _SMALL)
    colours.coloured(colours.luma(rgb), rgb)
    steps["weigh_ir.attend1"](np.zeros((1, 4, _SMALL, _SMALL), np.float32))
    pair = np.zeros((1, 2, _SMALL, _SMALL), np.float32)
    steps["fuse.match"](pair, steps["fuse.extract"](pair))


@contextmanager
def _another() -> Iterator["subprocess.Popen[bytes] | None"]:
    """A process that runs `compile_transforms`; None where there is no core for it, or no way to start it."""
    if min(torch.get_num_threads(), os.cpu_count() or 1) < 2 or not sys.executable:
        yield None
        return
    code = f"from {__name__} import compile_transforms; compile_transforms()"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    silent = subprocess.DEVNULL
    try:
        process = subprocess.Popen([sys.executable, "-c", code], env=env, stdin=silent, stdout=silent, stderr=silent)
    except OSError:
        yield None
        return
    try:
        yield process
    finally:
        process.kill()  # no more than it may do where it has ended
        process.wait()
