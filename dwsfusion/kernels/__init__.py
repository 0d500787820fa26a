"""Loops over arrays for the CPU, compiled by numba: a map of this room.

Who asks goes through `attempt`, here: numba may be missing, switched off, of another version, or without a place for
machine code, and then plain torch operations do the same work. Nothing in this room knows a layer.

What each file is for, and what it buys in ms a pair of 480×640:

- `compile`: the door to numba: options, cache, what makes kept machine code stale, and functions that are compiled as
  parts of who calls them. The first use, which `engines.first_use` spreads over two processes, takes about two
  thirds of the processor's time that it took without.
- `filters`: 3×3 filters whose sums stay in registers, and rings of rows. With the sigmoid of `vectors` 53 ms instead of
  58 for the whole pair on one thread with AVX-512, and 57 instead of 66 held to AVX2.
- `fadc`, `sampling`: FADC and FA2M: gates, adapted kernels, nine taps a pixel from 25 reads. With the next two, 43 ms
  instead of 839.
- `bands`, `fourier`, `passes`: frequency selection by an own Fourier transform, which goes down blocks of columns: of
  sixteen with AVX-512, else of eight. 49 ms instead of 87 for the whole pair. That what lies between two of its steps
  lies block behind block, and that filters stay in their loop (`compile.compiled_part_inside`), makes it 50 to 60 ms
  instead of 63 to 67 on one thread of an Intel Xeon with AVX-512, and 66 to 77 instead of 72 to 82 held to AVX2.
- `stages`: the other stages: convolution, norm, ReLU and pooling in one pass; up; balance; cross. 12 ms instead of 31.
- `colours`: luma, and chroma back to RGB, in the thread that reads or writes. 2.2 ms instead of 3.8.
- `convolution`, `gradients`: the same for training, gradients by hand: a step is eight times faster.
- `rows`, `vectors`: arithmetic on rows of pixels; vectors of sixteen numbers, or of a block's columns, and what is done
  with them.
- `threads`: loops over parts of the rows in several threads, branches side by side.
- `buffers`: memory that is used again.

The figures are medians on two cores of an AMD EPYC with AVX2, packaged weights, against torch and torchvision
operations in turn in one run; of `bands` against torch's transforms within the same engine (1.8 times at 240×320 and at
480×640, 1.7 times at 720×1280).

Buffers, all float32 or all float64, row after row; B pictures of C channels, O filters:

- a map ``(B, C, H, W)``: `buffers.recycled`, as long as somebody holds it. The others are `buffers.scratch`, until the
  next of the name in the same thread:
- ``gates`` ``(B, M, H, 3, LENGTH)``: by M blocks of columns, of which the last ends where the map does
- ``padded`` ``(B, C, H + 4, W + 4 + …)``: a map between copies of its border, zeros around, whole blocks to the right
- ``summary`` ``(B, 2, H, W)``, or ``(B, 1, H, W)`` of one channel
- ``spectrum`` ``(N, 2, K, COLUMNS)``: by N blocks of columns, real and imaginary part of the K kept rows
- ``narrow`` ``(N, 3, 2, K, COLUMNS)``: the same for each filter, back to pixels along the rows

The work space ``ws`` of a call is flat: fraction, nine modulations, fifteen rows read and nine taps, `sampling.LANES`
numbers each. Kernels are ``(B, O, C, 9)`` adapted, ``(C, 3, 9)`` of the gates, ``(C, 10, 9)`` of dilation and of
modulation.
"""

import logging
from collections.abc import Callable
from functools import cache
from importlib import import_module
from threading import Lock
from typing import TypeVar

T = TypeVar("T")
_log = logging.getLogger(__name__)
_lock = Lock()
_failures: list[BaseException] = []


def available() -> bool:
    """Whether the loops can be had here, or plain torch operations must do; the reason is logged, once a process."""
    return not _failures and _numba_works() and not _failures


def attempt(by_loops: Callable[[], T], plain: Callable[[], T]) -> T:
    """Does something by compiled loops, or the plain way where they cannot be had or turn out not to work.

    Whatever goes wrong inside of numba (it is a compiler, and finds out at the first call) is logged, once, and from
    then on this process does without loops: slower, but with the same pictures.

    Args:
        by_loops: imports what it needs of this package when it is called, for numba takes half a second to import.
        plain: the same in plain torch operations.
    """
    if not available():
        return plain()
    try:
        return by_loops()
    except MemoryError:  # which plain operations need more of
        raise
    except Exception as error:  # noqa: BLE001 - a compiler and its cache fail in any way
        _give_up(error)
        return plain()


@cache
def _numba_works() -> bool:
    try:
        import_module("dwsfusion.kernels.fadc")  # with all that the network's loops need of numba
    except Exception as error:  # noqa: BLE001 - numba may be missing, or another one than this code knows
        _give_up(error)
        return False
    return True


def _give_up(error: BaseException) -> None:
    with _lock:
        if not _failures:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            _log.warning("plain torch operations, which take many times as long as compiled loops: %s", reason)
        _failures.append(error)
