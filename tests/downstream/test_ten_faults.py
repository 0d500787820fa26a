"""Ten things wrong with the data of one run: each is named in its log and in skipped.csv, and the rest is done."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from full_disk import code_of
from odd_pictures import BAD, encoded
from PIL import Image

from downstream.sample import SampleConfig, make_sample

GOOD = 3


def turned_grey(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"))


@pytest.fixture
def faulty(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Sample scenes, ten of which are spoilt; and what the reason of each says."""
    root = make_sample(tmp_path / "data/yard", SampleConfig(0, GOOD + 11, 96, 128, 5))
    test = root / "test"
    names = sorted(path.stem for path in (test / "ir").iterdir())
    ir, vi = ({name: test / side / f"{name}.png" for name in names} for side in ("ir", "vi"))
    spoilt = iter(names[GOOD:])
    told = {}

    def next_one(says: str) -> str:
        told[name := next(spoilt)] = says
        return name

    half = ir[next_one("not a readable picture")]
    half.write_bytes(half.read_bytes()[:900])
    vi[next_one("not a readable picture")].write_bytes(b"")
    other = vi[next_one("register or resize")]
    other.write_bytes(encoded(np.asarray(Image.open(other))[:-8], "PNG"))
    ir[next_one("without its infrared partner")].unlink()
    twice = ir[next_one("2 files of one name")]
    twice.with_suffix(".jpg").write_bytes(encoded(turned_grey(twice), "JPEG"))
    vi[next_one("not a readable picture")].write_bytes(BAD["decompression bomb"][1]())
    several = vi[next_one("expected one picture")]
    several.write_bytes(BAD["animated png"][1]())
    grey = turned_grey(ir[four := next_one("expected infrared in one channel, found four")])
    ir[four].write_bytes(encoded(np.dstack([grey, grey, grey, 255 - grey]), "PNG"))
    link = vi[next_one("a link that leads nowhere")]
    link.unlink()
    link.symlink_to("nowhere.png")
    wide = ir[next_one("8- or 16-bit counts")]
    wide.unlink()
    wide.with_suffix(".tiff").write_bytes(encoded(grey.astype(np.int32) + 70_000, "TIFF"))
    (test / "labels" / f"{next(spoilt)}.txt").unlink()
    return root, told


@pytest.mark.slow
def test_each_of_ten_faults_is_named_once_and_the_rest_is_done(
    faulty: tuple[Path, dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, told = faulty
    assert len(told) == 10
    out = tmp_path / "out"
    call = ["--data", root, "--out", out, "--fused", tmp_path / "fused", "--resamples", "20"]
    assert code_of("detection", call) == 1
    assert "Traceback" not in capsys.readouterr().err

    rows = list(csv.DictReader((out / "skipped.csv").read_text(encoding="utf-8").splitlines()))
    assert sorted(row["name"] for row in rows) == sorted(told)
    assert {row["name"]: row["reason"] for row in rows if told[row["name"]] not in row["reason"]} == {}
    lines = (out / "run.log").read_text(encoding="utf-8").splitlines()
    for row in rows:
        (line,) = [line for line in lines if f"skipped {row['name']}: " in line]
        assert "WARNING" in line
        assert line.endswith(row["reason"])
    assert sum(line.endswith(": 10 skipped") for line in lines) == 1
    assert lines[-1].endswith("exit code 1")
    assert not [line for line in lines if "Traceback" in line]

    found = json.loads((out / "detection.json").read_text(encoding="utf-8"))
    assert found["images"] == GOOD
    assert found["protocol"]["without_label"] == 1
    assert len(list((tmp_path / "fused").rglob("*.png"))) == 3 * (GOOD + 1)
