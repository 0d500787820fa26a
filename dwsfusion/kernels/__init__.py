"""MAP"""

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
        loops = import_module("dwsfusion.kernels.fadc")  # with all that the network's loops need of numba
        compiler = import_module("dwsfusion.kernels.compile")
        ready = compiler.is_compiled(loops.fadc_rows)  # among the last ones that a picture needs
    except Exception as error:  # noqa: BLE001 - numba may be missing, or another one than this code knows
        _give_up(error)
        return False
    if not ready:
        _log.info("compiling the network's loops for this processor: half a minute, once where it can be kept")
    return True


def _give_up(error: BaseException) -> None:
    with _lock:
        if not _failures:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            _log.warning("plain torch operations, which take many times as long as compiled loops: %s", reason)
        _failures.append(error)
