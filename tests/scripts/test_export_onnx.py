import runpy
import sys
from pathlib import Path

import pytest
import torch
from reference_network import disturbed
from runtimes import FIRST_WITH_DEFORM_CONV

from dwsfusion.checkpoints import save_generator
from dwsfusion.engines.onnx import OnnxNetwork
from dwsfusion.generator import RELEASED, Generator

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
SCRIPT = Path(__file__).parents[2] / "scripts/export_onnx.py"


def run(monkeypatch: pytest.MonkeyPatch, *args: object) -> int:
    monkeypatch.setattr(sys, "argv", ["export_onnx.py", *map(str, args)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return int(caught.value.code or 0)


def test_weights_become_a_file_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime", minversion=FIRST_WITH_DEFORM_CONV)
    net = disturbed(Generator(RELEASED), 0.1)
    net.fuse.reduce.bias.data.fill_(0.5)
    save_generator(net, tmp_path / "w.safetensors")
    out = tmp_path / "new/net.onnx"
    assert run(monkeypatch, "--weights", tmp_path / "w.safetensors", "--out", out) == 0
    assert "largest difference" in capsys.readouterr().out
    pair = torch.rand(2, 1, 1, 20, 30)
    with torch.no_grad():
        assert (OnnxNetwork(out)(*pair) - net(*pair)).abs().max() < 1e-4


def test_unusable_weights_end_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--weights", tmp_path / "none.safetensors", "--out", tmp_path / "net.onnx") == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not list(tmp_path.iterdir())
