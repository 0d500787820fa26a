import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from runtimes import runs_deform_conv

from downstream import commands


def test_the_profile_is_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dwsfusion.training.cost._BATCH", 2)  # a plain step of four patches takes seconds
    threads = torch.get_num_threads()
    sizes = ["--sizes", *["16", "16", "32", "24"], "--stages", "16", "16", "--patch", "176", "176", "--no-first-use"]
    try:
        with pytest.raises(SystemExit) as ended:
            commands.run("profile", [*sizes, "--rounds", "1", "--threads", "1", "--out", str(tmp_path)])
    finally:
        torch.set_num_threads(threads)
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "9159 parameters" in printed
    found = json.loads((tmp_path / "profile.json").read_text())
    portable = ("onnxruntime, one size", "OpenVINO, one size")
    methods = ("plain", "dwsfusion", "onnxruntime", *portable, "GPU", "GPU graph")
    assert [(row["size"], row["method"]) for row in found["timings"]] == [
        (size, method) for size in ("16x16", "32x24") for method in methods
    ]
    measured = {row["method"]: row["ms"] for row in found["timings"]}
    assert measured["plain"] > 0
    assert (measured["onnxruntime"] is not None) is (find_spec("onnxruntime") is not None and runs_deform_conv())
    assert (measured[portable[0]] is None) is (find_spec("onnxruntime") is None)
    assert (measured[portable[1]] is None) is (None in (find_spec("onnxruntime"), find_spec("openvino")))
    assert (measured["GPU"] is None) is not torch.cuda.is_available()
    assert ("not measured here" in printed) is (None in measured.values())
    assert len((tmp_path / "profile.csv").read_text().splitlines()) == 1 + 2 * len(methods)
    assert (tmp_path / "run.json").is_file()
    assert [(row["name"], row["ms"] > 0) for row in found["training"]] == [("plain", True), ("dwsfusion", True)]
    assert found["stages"][-1]["stage"] == "all"
    assert (tmp_path / "time_over_size.png").stat().st_size > 1000
    machine = found["machine"]
    assert machine["threads"] == 1
    assert machine["gflop_per_s"] > 0
    (ms,) = [row["ms"] for row in found["timings"] if (row["size"], row["method"]) == ("16x16", "dwsfusion")]
    assert machine["share"] == pytest.approx(1e3 * machine["gflop"] / machine["gflop_per_s"] / ms)
    assert machine["instruction_set"] in printed
    assert found["starts"] == []
