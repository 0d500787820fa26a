import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from downstream import commands
from dwsfusion.images import read_image

ROOT = Path(__file__).parents[3]


def python(*args: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs the interpreter as a user would, in a folder of their own."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    call = [sys.executable, *map(str, args)]
    return subprocess.run(call, capture_output=True, text=True, check=False, env=env, cwd=cwd)


def dispatch(monkeypatch: pytest.MonkeyPatch, *args: object) -> int:
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/dwsfusion", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        commands.dispatch()
    return int(ended.value.code or 0)


def test_each_name_is_a_module_and_a_script_and_says_what_it_does() -> None:
    found = python("-m", "downstream.commands")
    assert found.returncode == 0
    listed = dict(line.split(maxsplit=1) for line in found.stdout.splitlines()[2:])
    assert tuple(listed) == commands.NAMES
    assert all(line.endswith(".") and len(line) > 30 for line in listed.values())
    modules = {path.stem for path in Path(commands.__path__[0]).glob("[a-z]*.py")}
    assert modules == set(commands.NAMES)
    asked = {path.read_text().split('run("')[1].split('"')[0] for path in (ROOT / "scripts").glob("*.py")}
    assert asked == modules


def test_the_list_needs_no_torch() -> None:
    code = (
        "import sys; sys.argv = ['dwsfusion', '--help']\n"
        "from downstream.commands import dispatch\n"
        "try: dispatch()\n"
        "finally: print('imported', [name for name in ('torch', 'numpy', 'tyro', 'rich') if name in sys.modules])"
    )
    assert "imported []" in python("-c", code).stdout


def test_only_the_named_command_is_imported() -> None:
    code = (
        "import sys; sys.argv = ['dwsfusion', 'sample', '--help']\n"
        "from downstream.commands import dispatch\n"
        "try: dispatch()\n"
        "finally: print('imported', [n for n in sys.modules if n.startswith('downstream.commands.')])"
    )
    assert "imported ['downstream.commands.sample']" in python("-c", code).stdout


HEAVY = (
    "numba", "torchvision", "torch._dynamo", "sympy", "scipy", "matplotlib", "ultralytics", "pycocotools",
    "segmentation_models_pytorch", "tensorboard", "onnx", "onnxruntime", "huggingface_hub", "jinja2", "pandas", "ray",
    "pyarrow", "wandb", "torchmetrics",
)  # fmt: skip
"""What takes a good part of a second to import."""
NEEDED = {
    "train": {"tensorboard"},
    "grids": {"matplotlib"},
    "profile": {"matplotlib", "tensorboard"},
}
"""What a command imports before it knows its flags, of these; the others nothing."""


def test_no_command_imports_what_it_may_not_use() -> None:
    code = (
        "import os, sys, torch\n"
        f"heavy, names = {HEAVY!r}, {commands.NAMES!r}\n"
        "before = {name for name in heavy if name in sys.modules}\n"
        "sys.stdout.flush()\n"
        "import dwsfusion, downstream.command\n"
        "for name in ('', *names):\n"
        "    if os.fork() == 0:\n"
        "        __import__('downstream.commands' + (name and '.') + name)\n"
        "        print(name or 'core', *(h for h in heavy if h in sys.modules and h not in before), flush=True)\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
    )
    lines = [line.split() for line in python("-c", code).stdout.splitlines()]
    imported = {name: set(heavy) for name, *heavy in lines}
    assert imported == {name: NEEDED.get(name, set()) for name in ("core", *commands.NAMES)}


def test_a_mistyped_name_is_answered_with_the_right_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(monkeypatch, "detecton", "--out", "x") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "found detecton: did you mean detection?" in error
    assert dispatch(monkeypatch, "xyz") == 2
    assert "--help" in capsys.readouterr().err


def test_help_shows_how_it_was_called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(monkeypatch, "fuse", "--help") == 0
    assert "usage: dwsfusion fuse" in capsys.readouterr().out


def test_both_ways_give_the_same_files_and_tell_what_was_typed(
    pair_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ["--data", str(pair_root), "--method", "max"]
    assert dispatch(monkeypatch, "fuse", *args, "--out", tmp_path / "a") == 0
    script = ROOT / "scripts/fuse_msrs.py"
    assert python(script, *args, "--out", tmp_path / "b", cwd=tmp_path).returncode == 0
    assert python("-m", "downstream.commands", "fuse", *args, "--out", tmp_path / "c", cwd=tmp_path).returncode == 0
    pictures = [{path.name: read_image(path) for path in (tmp_path / out).glob("*.png")} for out in "abc"]
    assert len(pictures[0]) == 3
    for others in pictures[1:]:
        assert set(others) == set(pictures[0])
        assert all(np.array_equal(others[name], picture) for name, picture in pictures[0].items())
    typed = [json.loads((tmp_path / out / "run.json").read_text())["command"] for out in "abc"]
    assert [call[:-1] for call in typed] == [
        ["dwsfusion", "fuse", *args, "--out"],
        ["fuse_msrs.py", *args, "--out"],
        ["dwsfusion", "fuse", *args, "--out"],
    ]
