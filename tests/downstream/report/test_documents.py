"""Tables in three dresses say the same numbers."""

import re

import pytest

from downstream.report.documents import Cell, Column, csv_rows, escaped, latex, markdown

ROWS = ["infrared", "my_method", "max", "absent"]
COLUMNS = [
    Column("Detection", "mAP50", "detection_map50", {
        "infrared": Cell(0.31407, (0.266, 0.375)), "my_method": Cell(0.4921, (0.4, 0.6)), "max": Cell(0.4918, None),
    }),
    Column("Segmentation", "mIoU", "segmentation_miou", {
        "infrared": Cell(0.2, (0.1, 0.3)), "my_method": Cell(None), "max": Cell(0.5, (0.4, 0.6)),
    }),
]  # fmt: skip


def test_markdown_marks_best_and_second():
    lines = markdown("Title", ROWS, COLUMNS, ["a note"]).splitlines()
    assert lines[4] == "| infrared | <u>31.4 [26.6, 37.5]</u> | <u>20.0 [10.0, 30.0]</u> |"
    assert lines[5] == "| my_method | **49.2 [40.0, 60.0]** | – |"
    assert lines[6] == "| max | **49.2** | **50.0 [40.0, 60.0]** |"  # printed alike, so equally the best
    assert lines[7] == "| absent | – | – |"
    assert lines[-1] == "- a note"


def test_csv_keeps_every_digit():
    rows = csv_rows(ROWS, COLUMNS)
    assert rows[0] == {
        "input": "infrared", "detection_map50": 0.31407, "detection_map50_low": 0.266, "detection_map50_high": 0.375,
        "segmentation_miou": 0.2, "segmentation_miou_low": 0.1, "segmentation_miou_high": 0.3,
    }  # fmt: skip
    assert rows[3]["detection_map50"] is None


@pytest.mark.parametrize("intervals", [True, False])
def test_latex_is_a_table_of_booktabs(intervals):
    text = latex("What 50 % & more_is", "tab:x", ROWS, COLUMNS, intervals)
    assert r"\caption{What 50 \% \& more\_is}" in text
    assert r"\multicolumn{1}{c}{Detection} & \multicolumn{1}{c}{Segmentation}" in text
    assert r"\cmidrule(lr){2-2} \cmidrule(lr){3-3}" in text
    body = re.search(r"\\midrule\n(.*)\\bottomrule", text, re.DOTALL)[1].strip().splitlines()
    assert len(body) == len(ROWS)
    assert all(line.count("&") == 2 and line.endswith(r"\\") for line in body)
    assert body[1].strip().startswith(r"my\_method & \textbf{49.2}")
    assert (r"{\scriptsize [40.0, 60.0]}" in text) is intervals
    assert text.count("{") == text.count("}")
    assert [text.count(rf"\begin{{{e}}}") for e in ("table", "tabular")] == [1, 1]


def test_every_special_letter_is_escaped():
    assert escaped("a_b&c%$#{}~^\\") == (r"a\_b\&c\%\$\#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}")


def test_a_latex_parser_reads_the_table():
    """Every environment and brace is closed, and no letter of a name is left to be misread."""
    walker = pytest.importorskip("pylatexenc.latexwalker", reason="LaTeX is parsed by pylatexenc")
    text = latex("What 50 % & more_is", "tab:x", ROWS, COLUMNS)
    nodes, _, length = walker.LatexWalker(text, tolerant_parsing=False).get_latex_nodes()
    assert length == len(text)
    assert [n.environmentname for n in nodes if n.isNodeType(walker.LatexEnvironmentNode)] == ["table"]
