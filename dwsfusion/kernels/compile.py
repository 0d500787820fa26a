"""The door to numba: how functions are compiled, and how their machine code is kept.

Importing this, or a file that uses it, fails where numba is not there, is switched off, has changed, or has nowhere
to keep machine code. `dwsfusion.kernels.attempt` is who asks, and says the reason.
"""

# Numba has types for a part of itself only.
# mypy: allow-untyped-calls, allow-untyped-decorators

from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba import njit
from numba.core import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import cpu_target
from numba.extending import intrinsic

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "no_cfunc_wrapper": True,  # nobody calls a loop from C
    "error_model": "numpy",
    # NaN and infinity keep their meaning; only the order of sums and multiply-adds are the compiler's.
    "fastmath": {"contract", "reassoc", "nsz"},
}

_PARTS_NEED = ("_optimize_final_module", "_finalize_final_module", "get_pointer_to_function", "codegen")
"""What numba's libraries of code are asked for here, without its promise that they have it."""

instruction: Any = intrinsic  # not of numba's type, whose call is that of the compile time

if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
    raise ImportError("NUMBA_DISABLE_JIT is set")


def wide_vectors() -> bool:
    """Whether the processor that is compiled for has vectors of 64 bytes, and 32 registers for them.

    Told by that under which machine code is kept, so code of another width is never found.
    """
    return "+avx512f" in str(cpu_target.target_context.codegen().magic_tuple())


def compiled(function: Any) -> Any:
    """Compiles at the first call and keeps the machine code on disk.

    Raises:
        ImportError: numba has nowhere to keep it, or keeps it in another way than this code knows.
    """
    return _compiled(function, _OPTIONS)


def compiled_exactly(function: Any) -> Any:
    """The same, but every sum and product is rounded as it stands there."""
    return _compiled(function, _OPTIONS | {"fastmath": False})


def compiled_part(function: Any, **more: Any) -> Any:
    """For what compiled functions call, and nobody else may: it is compiled as a part of each of them.

    Numba by itself would make machine code of it, too, that nobody runs, and once for each constant among its
    arguments: half of the time that compiling takes. As no machine code is kept, who calls it is compiled from the same
    whether that was done before or not. Where numba is one that does not know how, it does as it does by itself.
    """
    if not all(hasattr(JITCodeLibrary, name) for name in _PARTS_NEED):
        return compiled(function)
    options = _OPTIONS | {"no_cpython_wrapper": True, "pipeline_class": _PartCompiler} | more
    part: Any = njit(**options)(function)
    if not hasattr(part, "get_call_template"):
        return compiled(function)
    template = part.get_call_template
    part.get_call_template = lambda args, kws: template([types.unliteral(kind) for kind in args], kws)
    return part


def compiled_part_inside(function: Any) -> Any:
    """The same, and it never becomes a function of its own in the machine code, which the compiler makes of parts that
    it takes for large: vectors and the parts of arrays would go there and back through memory, once a vector.
    """
    return compiled_part(function, forceinline=True)


def compiled_inline(function: Any) -> Any:
    """The same, but written out wherever it is called, before the caller is compiled."""
    return _compiled(function, _OPTIONS | {"inline": "always"})


def is_compiled(dispatcher: Any) -> bool:
    """Whether machine code of a function lies on disk, and is of this version."""
    return bool(dispatcher._cache._cache_file._load_index())


class _Part(JITCodeLibrary):
    """The code of a function until it is a part of another, which is when it is made faster and turned into numbers."""

    def _optimize_final_module(self) -> None:
        """Nothing: who calls it does that."""

    def _finalize_final_module(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """As numba says that there is none."""
        return 0

    @property
    def codegen(self) -> Any:
        """Who tells the machine code of its surroundings."""
        return _Nowhere


class _Nowhere:
    @staticmethod
    def set_env(name: str, surroundings: Any) -> None:
        """Nothing: there is no machine code yet."""


class _PartCompiler(Compiler):
    def define_pipelines(self) -> Any:
        """Numba's own, into a library of ours."""
        state = self.state
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        return super().define_pipelines()


def _compiled(function: Any, options: dict[str, Any]) -> Any:
    try:
        dispatcher = njit(cache=True, **options)(function)
    except RuntimeError as error:  # without a place for it, every start would wait half a minute
        raise ImportError(
            "neither this package's folder nor the user's cache can be written to: "
            "set NUMBA_CACHE_DIR to a folder that can, where compiled loops are kept"
        ) from error
    try:
        kept = dispatcher._cache._cache_file
        # Numba would notice a change of the function's own file only, but the kernels call one another across files.
        # To set what numba does not have would protect from nothing.
        if not hasattr(kept, "_source_stamp"):
            raise AttributeError("_source_stamp")
        kept._source_stamp = _source_stamp(Path(function.__code__.co_filename))
        is_compiled(dispatcher)
    except AttributeError as error:
        raise ImportError(f"numba {numba.__version__} keeps machine code in a way not known here ({error})") from error
    return dispatcher


@cache
def _source_stamp(own: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes with any file of this folder, and with a function's own file where that lies elsewhere."""
    paths = sorted({*Path(__file__).parent.glob("*.py"), own})
    states = [(path.name, path.stat()) for path in paths]
    return tuple((name, state.st_mtime_ns, state.st_size) for name, state in states)
