"""A benchmark on a disk that is full: it ends at once, in one line, and goes on when there is room."""

from pathlib import Path

import pytest
from full_disk import code_of, pages_of, small_disk
from small_benchmark import SETTINGS, steady


@pytest.mark.slow
def test_a_full_disk_ends_the_plan_and_with_room_again_the_results_are_as_undisturbed(
    scenes: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "disk", pages_of(finished) // 4) as disk:
        call = ["--data", scenes, "--out", disk.place / "out", *SETTINGS]
        capsys.readouterr()
        assert code_of("benchmark", call) == 2
        shown = capsys.readouterr().err
        assert "Traceback" not in shown
        assert len(told := [line for line in shown.splitlines() if line.startswith("error")]) == 1
        assert "No space left on device" in told[0]
        assert not (disk.place / "out/results.json").exists()
        disk.resize(4 * pages_of(finished))
        assert code_of("benchmark", call) == 0
        assert steady(disk.place / "out") == steady(finished)
