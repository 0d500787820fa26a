"""A command whose extra is not installed says which to install, before it does anything."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from downstream import command, commands

WITHOUT_EXTRAS = """
import sys
from downstream import commands
from downstream.command import EXTRAS

sys.modules |= dict.fromkeys(EXTRAS)  # as if nothing had brought them
for name in commands.NAMES:
    try:
        commands.run(name, ["--help"])
    except SystemExit as ended:
        print("ended", name, ended.code)
"""


def test_without_extras_each_command_works_or_says_in_one_line_what_it_needs():
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", WITHOUT_EXTRAS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    ended = dict(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("ended "))
    assert {name for name, code in ended.items() if code == "0"} == {"fuse", "merge", "quality", "sample"}
    assert done.stderr.splitlines() == [
        "error: train needs tensorboard: pip install 'dwsfusion[training]'",
        "error: detection needs ultralytics: pip install 'dwsfusion[detection]'",
        "error: segmentation needs segmentation_models_pytorch: pip install 'dwsfusion[segmentation]'",
        "error: grids needs matplotlib: pip install 'dwsfusion[report]'",
        "error: export needs onnx: pip install 'dwsfusion[onnx]'",
        "error: profile needs matplotlib: pip install 'dwsfusion[report]'",
        "error: benchmark needs ultralytics: pip install 'dwsfusion[detection]'",
    ]


def test_what_only_some_flag_needs_is_said_where_it_is_missed(capsys, monkeypatch):
    quality = importlib.import_module("downstream.commands.quality")

    def draws(_config):
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib.figure")

    draws.__module__ = quality.__name__
    with pytest.raises(SystemExit) as ended:
        command.run_command(draws, quality.Config, [])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: this needs matplotlib: pip install 'dwsfusion[report]'\n"


def test_a_module_of_nobodys_is_our_own_fault(monkeypatch):
    quality = importlib.import_module("downstream.commands.quality")

    def fails(_config):
        raise ModuleNotFoundError("No module named 'absent'", name="absent")

    fails.__module__ = quality.__name__
    with pytest.raises(ModuleNotFoundError):
        command.run_command(fails, quality.Config, [])


def test_every_module_that_a_command_needs_comes_with_an_extra():
    for name in commands.NAMES:
        module = importlib.import_module(f"downstream.commands.{name}")
        assert set(getattr(module, "NEEDS", ())) <= command.EXTRAS.keys()
