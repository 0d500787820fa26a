"""A disk that is full in the middle: one clear line, exit code 2, and with room again the same files as undisturbed."""

from pathlib import Path

import pytest
from full_disk import code_of, contents, pages_of, small_disk

from downstream.sample import SampleConfig, make_sample

VOLATILE = ("run.json", "run.log", "tensorboard")
"""Times stand in these."""
SMALL = ["--resamples", "20"]
CALLS = {
    "fuse": [],
    "train": ["--epochs", "2", "--batch-size", "2", "--patch", "176", "176", "--save-every", "1"],
    "detection": SMALL,
    "segmentation": [*SMALL, "--protocol", "joint", "--encoder-weights", "none", "--epochs", "1", "--seeds", "1",
                     "--crop-px", "48", "64"],
}  # fmt: skip
FILLED = (0.1, 0.7)
"""How much of what is to be written finds room."""


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("data") / "sample", SampleConfig(3, 4, 192, 256, 5))


def call(command: str, scenes: Path, root: Path) -> list[object]:
    fused = [] if command in ("fuse", "train") else ["--fused", root / "fused"]
    return ["--data", scenes, "--out", root / "out", *fused, *CALLS[command]]


@pytest.mark.slow
@pytest.mark.parametrize("command", CALLS)
def test_a_full_disk_is_one_line_and_with_room_again_all_is_as_undisturbed(
    command: str, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tmp_path / "whole"
    with small_disk(tmp_path / "disk", 4096) as disk:
        assert code_of(command, call(command, scenes, whole)) == 0
        needed = pages_of(whole)
        for share in FILLED:
            disk.resize(int(share * needed))
            capsys.readouterr()
            assert code_of(command, call(command, scenes, disk.place)) == 2, share
            shown = capsys.readouterr().err
            assert "Traceback" not in shown
            told = [line for line in shown.splitlines() if line.startswith("error")]
            assert len(told) == 1
            assert "No space left on device" in told[0]
            assert "start the same command again" in told[0]
            assert not list(disk.place.rglob("*.tmp"))
        kept = {p: p.stat().st_mtime_ns for p in disk.place.rglob("*.png") if "previews" not in p.parts}
        disk.resize(4 * needed)
        assert code_of(command, call(command, scenes, disk.place)) == 0
        assert {p: p.stat().st_mtime_ns for p in kept} == kept  # nothing is done twice
        assert contents(disk.place, VOLATILE) == contents(whole, VOLATILE)
