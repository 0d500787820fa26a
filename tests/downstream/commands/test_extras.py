"""A command whose extra is not installed says which to install, before it does anything."""

import importlib
import importlib.util

import pytest

from downstream import command, commands


@pytest.fixture
def without(monkeypatch):
    """Hides modules, as if nothing had brought them."""

    def hide(*names):
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, *rest: None if name in names else find(name, *rest)
        )

    return hide


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("detection", "pycocotools", "detection"),
        ("detection", "ultralytics", "detection"),
        ("segmentation", "segmentation_models_pytorch", "segmentation"),
        ("grids", "matplotlib", "report"),
        ("train", "tensorboard", "training"),
        ("export", "onnxruntime", "onnx"),
    ],
)
def test_the_extra_is_named_in_one_line(without, capsys, name, module, extra):
    without(module)
    with pytest.raises(SystemExit) as ended:
        commands.run(name, ["--help"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {name} needs {module}: pip install 'dwsfusion[{extra}]'\n"


def test_fusing_needs_no_extra(without, capsys):
    without(*command.EXTRAS)
    with pytest.raises(SystemExit) as ended:
        commands.run("fuse", ["--help"])
    assert ended.value.code == 0
    assert "--batch-size" in capsys.readouterr().out


def test_what_only_some_flag_needs_is_said_where_it_is_missed(capsys, monkeypatch):
    quality = importlib.import_module("downstream.commands.quality")

    def draws(_config):
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib.figure")

    draws.__module__ = quality.__name__
    with pytest.raises(SystemExit) as ended:
        command.run_command(draws, quality.Config, [])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: this needs matplotlib.figure: pip install 'dwsfusion[report]'\n"


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
