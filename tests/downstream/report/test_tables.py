from pathlib import Path

import pytest

from downstream.report.tables import percent, percent_interval, print_table
from dwsfusion.runs import write_csv


def test_fractions_become_per_cent_with_one_decimal() -> None:
    assert (percent(0.61249), percent(None), percent(1)) == ("61.2", "–", "100.0")
    assert percent_interval(0.5, [0.4, 0.6049]) == "50.0 [40.0, 60.5]"
    assert percent_interval(None, None) == "–"
    assert percent_interval(0.5, None) == "50.0"


def test_a_table_goes_to_stdout_with_its_notes(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Title", [{"input": "max", "mAP": "61.2 [57.0, 65.3]"}], ["70 pictures [a note]"])
    captured = capsys.readouterr()
    assert all(text in captured.out for text in ("Title", "max", "61.2 [57.0, 65.3]", "70 pictures [a note]"))
    assert captured.err == ""


def test_csv_keeps_full_precision_and_empty_cells(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [{"input": "max", "map": 1 / 3, "ap": None}])
    assert (tmp_path / "a.csv").read_text() == f"input,map,ap\nmax,{1 / 3!r},\n"
