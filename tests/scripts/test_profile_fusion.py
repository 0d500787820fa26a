import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts/profile_fusion.py"


def command(script: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(SCRIPT.parents[1])}
    return subprocess.run([sys.executable, script, *args], capture_output=True, text=True, check=False, env=env)


def test_the_profile_is_printed_and_written(tmp_path: Path) -> None:
    sizes = ["--sizes", "16", "16", "32", "24", "--rounds", "1", "--threads", "1"]
    run = command(SCRIPT, *sizes, "--out", str(tmp_path))
    assert run.returncode == 0, run.stderr
    assert "9035 parameters" in run.stdout
    found = json.loads((tmp_path / "profile.json").read_text())
    assert [(row["size"], row["name"]) for row in found["timings"]] == [
        ([h, w], name) for h, w in ((16, 16), (32, 24)) for name in ("plain", "dwsfusion")
    ]
    assert found["stages"][-1]["stage"] == "all"
    assert (tmp_path / "time_over_size.png").stat().st_size > 1000


def test_outside_a_checkout_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    copy = tmp_path / "scripts" / SCRIPT.name
    copy.write_text(SCRIPT.read_text())
    run = command(copy)
    assert run.returncode == 2
    assert "run this in a checkout" in run.stderr
