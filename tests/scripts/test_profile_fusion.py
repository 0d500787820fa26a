import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import torch

SCRIPT = Path(__file__).parents[2] / "scripts/profile_fusion.py"


def command(script: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(SCRIPT.parents[1])}
    return subprocess.run([sys.executable, script, *args], capture_output=True, text=True, check=False, env=env)


def test_the_profile_is_printed_and_written(tmp_path: Path) -> None:
    sizes = [
        "--sizes",
        "16",
        "16",
        "32",
        "24",
        "--stages",
        "16",
        "16",
        "--rounds",
        "1",
        "--threads",
        "1",
        "--patch",
        "176",
        "176",
    ]
    run = command(SCRIPT, *sizes, "--out", str(tmp_path))
    assert run.returncode == 0, run.stderr
    assert "9159 parameters" in run.stdout
    found = json.loads((tmp_path / "profile.json").read_text())
    methods = ("plain", "dwsfusion", "onnxruntime", "GPU", "GPU graph")
    assert [(row["size"], row["method"]) for row in found["timings"]] == [
        (size, method) for size in ("16x16", "32x24") for method in methods
    ]
    measured = {row["method"]: row["ms"] for row in found["timings"]}
    assert measured["plain"] > 0
    assert (measured["onnxruntime"] is None) is (find_spec("onnxruntime") is None)
    assert (measured["GPU"] is None) is not torch.cuda.is_available()
    assert ("not measured here" in run.stdout) is (None in measured.values())
    assert len((tmp_path / "profile.csv").read_text().splitlines()) == 11
    assert (tmp_path / "run.json").is_file()
    assert [(row["name"], row["ms"] > 0) for row in found["training"]] == [("plain", True), ("dwsfusion", True)]
    assert found["stages"][-1]["stage"] == "all"
    assert (tmp_path / "time_over_size.png").stat().st_size > 1000
