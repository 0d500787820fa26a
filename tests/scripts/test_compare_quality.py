import json
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/compare_quality.py"


def command(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["compare_quality.py", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return ended.value.code


def test_table_and_files(pair_root, tmp_path, monkeypatch, capsys):
    where = ("--data", pair_root, "--fused", tmp_path / "fused", "--out", tmp_path / "out", "--device", "cpu")
    assert command(monkeypatch, *where, "--resamples", 20, "--costs", tmp_path / "costs.csv") == 0
    assert "MI [bit]" in capsys.readouterr().out
    result = json.loads((tmp_path / "out/quality.json").read_text())
    assert set(result["inputs"]) == {"infrared", "visible", "mean", "max", "dwsfusion"}
    assert json.loads((tmp_path / "out/run.json").read_text())["protocol"]["skipped"] == []
    assert {p.stem for p in (tmp_path / "out/per_image").iterdir()} == set(result["inputs"])
    assert "dwsfusion," in (tmp_path / "costs.csv").read_text()


def test_what_cannot_start_says_so_in_one_line(pair_root, tmp_path, monkeypatch, capsys):
    where = ("--data", pair_root, "--fused", tmp_path / "fused", "--out", tmp_path / "out", "--device", "cpu")
    assert command(monkeypatch, *where, "--detection", tmp_path / "nowhere") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: expected a finished comparison")
