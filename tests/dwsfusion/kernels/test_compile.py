"""The door to numba: whatever goes wrong behind it, one line says so and the pictures stay right."""

import ast
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import dwsfusion
from dwsfusion import Fuser, kernels

ROOT = Path(__file__).parents[3]
HARMLESS = {
    "missing": ("import sys; sys.modules['numba'] = None", "numba"),
    "nothing to keep code in": (
        "from numba.core import caching\n"
        "def refuse(self): raise OSError(30, 'Read-only file system')\n"
        "caching._CacheLocator.ensure_cache_path = refuse",
        "set NUMBA_CACHE_DIR to a folder",
    ),
    "_load_index": ("from numba.core import caching; del caching.IndexDataCacheFile._load_index", "_load_index"),
    "_source_stamp": (
        "from numba.core.caching import IndexDataCacheFile as File\n"
        "begin = File.__init__\n"
        "def renamed(self, *args, **named): begin(self, *args, **named); del self._source_stamp\n"
        "File.__init__ = renamed",
        "_source_stamp",
    ),
    "_cache_file": (
        "from numba.core.caching import FunctionCache, NullCache\nFunctionCache.__new__ = lambda *_args: NullCache()",
        "_cache_file",
    ),
    "_cache": ("import numba; numba.njit = lambda **_options: (lambda function: function)", "_cache"),
    "a compiler that fails": (
        "from numba.core import compiler, dispatcher\n"
        "def fail(*_args, **_named): raise NotImplementedError('no such instruction')\n"
        "compiler.compile_extra = fail",
        "no such instruction",
    ),
}


@pytest.fixture
def pair(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return random.integers(0, 256, (37, 50), np.uint8), random.integers(0, 256, (37, 50, 3), np.uint8)


@pytest.fixture
def new_door() -> Iterator[None]:
    """As in a process that has not asked yet, before and after."""

    def forget() -> None:
        kernels._failures.clear()
        kernels._numba_works.cache_clear()

    forget()
    yield
    forget()


@pytest.fixture
def fuse_elsewhere(pair: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> Callable[..., tuple[str, np.ndarray]]:
    """Fuses the pair in a process that first runs some code; what was logged, and the picture."""

    def fuse(code: str, **env: str) -> tuple[str, np.ndarray]:
        np.savez(tmp_path / "pair.npz", *pair)
        program = (
            f"{code}\n"
            "import sys, numpy as np\n"
            "from dwsfusion import Fuser\n"
            "pair = np.load(sys.argv[1] + '/pair.npz').values()\n"
            "np.save(sys.argv[1] + '/fused.npy', Fuser.from_pretrained(device='cpu').fuse(*pair))\n"
        )
        # A folder of its own, so that there is no machine code yet.
        kept = {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path / "kept"), "NUMBA_DISABLE_JIT": "0"}
        environment = os.environ | kept | env
        command = [sys.executable, "-c", program, str(tmp_path)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert run.returncode == 0, run.stderr
        return run.stderr, np.load(tmp_path / "fused.npy")

    return fuse


def differences(picture: np.ndarray, pair: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """By how many grey levels a picture is off."""
    return np.abs(picture - Fuser.from_pretrained(device="cpu").fuse(*pair).astype(int))


@pytest.mark.parametrize("trouble", HARMLESS)
def test_without_loops_one_line_says_why_and_the_picture_is_right(
    trouble: str, fuse_elsewhere: Callable[..., tuple[str, np.ndarray]], pair: tuple[np.ndarray, np.ndarray]
) -> None:
    code, reason = HARMLESS[trouble]
    logged, picture = fuse_elsewhere(code)
    (line,) = logged.splitlines()
    assert reason in line
    assert "plain torch operations" in line
    off = differences(picture, pair)
    assert off.max() <= 1
    assert (off == 0).mean() > 0.95


def test_switched_off_numba_is_not_asked(
    fuse_elsewhere: Callable[..., tuple[str, np.ndarray]], pair: tuple[np.ndarray, np.ndarray]
) -> None:
    logged, picture = fuse_elsewhere("", NUMBA_DISABLE_JIT="1")
    (line,) = logged.splitlines()
    assert "NUMBA_DISABLE_JIT" in line
    assert "plain torch operations" in line
    off = differences(picture, pair)
    assert off.max() <= 1
    assert (off == 0).mean() > 0.95


@pytest.mark.usefixtures("new_door")
def test_what_fails_once_is_not_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    if not kernels.available():
        pytest.skip("compiled loops cannot be had here")

    def fails() -> str:
        raise ValueError("first line\nsecond line")

    with caplog.at_level(logging.WARNING):
        assert kernels.attempt(lambda: "loops", lambda: "plain") == "loops"
        assert kernels.attempt(fails, lambda: "plain") == "plain"
        assert kernels.attempt(lambda: "loops", lambda: "plain") == "plain"
        assert kernels.attempt(fails, lambda: "plain") == "plain"
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == ["first line"]


@pytest.mark.usefixtures("new_door")
def test_where_memory_is_short_plain_operations_would_need_more() -> None:
    if not kernels.available():
        pytest.skip("compiled loops cannot be had here")

    def fails() -> str:
        raise MemoryError

    with pytest.raises(MemoryError):
        kernels.attempt(fails, lambda: "plain")
    assert kernels.available()


@pytest.mark.parametrize(
    ("module", "function", "files"),
    [
        ("dwsfusion.kernels.fadc", "fadc_rows", {"rows.py", "sampling.py", "fadc.py", "compile.py"}),
        ("dwsfusion.quality.fmi_windows_cpu", "_rows", {"fmi_windows_cpu.py", "rows.py", "compile.py"}),
    ],
)
def test_a_changed_helper_makes_kept_machine_code_stale(module: str, function: str, files: set[str]) -> None:
    """Numba itself would look at a function's own file only."""
    if not kernels.available():
        pytest.skip("compiled loops cannot be had here")
    stamp = getattr(import_module(module), function)._cache._cache_file._source_stamp
    assert {name for name, _, _ in stamp} >= files


def test_every_compiled_function_is_protected_or_a_part_of_one() -> None:
    if not kernels.available():
        pytest.skip("compiled loops cannot be had here")
    names = [f"dwsfusion.kernels.{path.stem}" for path in Path(kernels.__file__).parent.glob("[a-z]*.py")]
    functions = {
        function
        for module in map(import_module, [*names, "dwsfusion.quality.fmi_windows_cpu"])
        for function in vars(module).values()
        if hasattr(function, "py_func")
    }
    parts = {function for function in functions if not hasattr(function._cache, "_cache_file")}
    assert len(functions) > 50
    assert len(functions - parts) > 20
    assert all(function.targetoptions["no_cpython_wrapper"] for function in parts)
    assert all(isinstance(function._cache._cache_file._source_stamp[0], tuple) for function in functions - parts)


def test_a_part_is_compiled_once_for_a_type_and_keeps_nothing() -> None:
    if not kernels.available():
        pytest.skip("compiled loops cannot be had here")
    from dwsfusion.kernels.compile import compiled, compiled_part

    @compiled_part
    def times(x: float, factor: int) -> float:
        return x * factor

    @compiled
    def six_times(x: float) -> float:
        return times(times(x, 2), 3)

    assert six_times(1.5) == 9
    (kinds,) = times.overloads
    assert str(kinds[1]) == "int64"
    assert type(times._cache).__name__ == "NullCache"
    assert times.overloads[kinds].library.get_pointer_to_function("any") == 0


def test_it_is_known_whether_there_is_machine_code() -> None:
    if not kernels.available():
        pytest.skip("compiled loops cannot be had here")
    from dwsfusion.kernels.compile import compiled, is_compiled

    @compiled
    def twice(x: float) -> float:
        return 2 * x

    file = twice._cache._cache_file
    file._source_stamp = f"a version of {time.time()}"
    assert not is_compiled(twice)
    assert twice(1.5) == 3
    assert is_compiled(twice)
    file._source_stamp = "another version"
    assert not is_compiled(twice)


def test_every_compiled_function_says_its_shapes() -> None:
    silent = []
    for folder in ("kernels", "quality"):
        for path in (Path(dwsfusion.__file__).parent / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef) and any("compiled" in ast.dump(d) for d in node.decorator_list):
                    said = ast.get_docstring(node) or ""
                    if not any(word in said for word in ("``(", "number", "LENGTH", "LANES")):
                        silent.append(f"{path.name}: {node.name}")
    assert silent == []


@pytest.mark.slow
def test_first_use_in_two_processes_gives_the_bits_of_any_other(
    fuse_elsewhere: Callable[..., tuple[str, np.ndarray]], pair: tuple[np.ndarray, np.ndarray]
) -> None:
    """Whoever compiled what, and whatever lay in the cache before: here it is empty, then full."""
    if not kernels.available():
        pytest.skip("compiled loops cannot be had here")
    here = Fuser.from_pretrained(device="cpu").fuse(*pair)
    announced = "import logging, torch; logging.basicConfig(level=logging.INFO); torch.set_num_threads(2)"
    logged, cold = fuse_elsewhere(announced)
    assert [words in logged for words in ("compiling the network's loops", "compiled in")] == [True, True]
    logged, warm = fuse_elsewhere(announced)
    assert "compil" not in logged
    np.testing.assert_array_equal(cold, warm)
    np.testing.assert_array_equal(cold, here)
