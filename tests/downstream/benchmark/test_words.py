"""The verdict in words goes by the verdicts in the JSON, whatever their keys."""

import pytest

from downstream.benchmark.words import in_words, verdict


def task(figures, rows):
    entries = {
        n: {"score": v, "interval": {"score": None if v is None else [v - 0.1, v + 0.1]}} for n, v in figures.items()
    }
    result = {"inputs": entries, "differences": [{"metric": "score", "interval": [-0.1, 0.1], **row} for row in rows]}
    return {"tasks": {"counting": {"titles": {"score": "Score"}, "primary": "score", "result": result}}}


def row(name, against, difference, **said):
    return {"input": name, "against": against, "difference": difference, **said}


FIGURES = {"infrared": 0.3, "visible": 0.4, "late": 0.6, "mean": 0.55, "max": 0.5, "dwsfusion": 0.45}


def test_who_leads_and_who_beats_the_better_camera():
    rows = [
        row("mean", "visible", 0.15, verdict="better"),
        row("max", "visible", 0.1, evidence=True),
        row("dwsfusion", "visible", 0.05, verdict="no evidence"),
        row("late", "visible", 0.2, verdict="better"),
        row("dwsfusion", "max", -0.05, verdict="worse", simultaneous=[-0.2, -0.01]),
        row("late", "dwsfusion", 0.15, verdict="better", interval=[0.05, 0.25]),
    ]
    (said,) = in_words(task(FIGURES, rows))
    assert said["headline"] == "Fusing helps: mean and max beat the better camera, visible."
    assert said["text"] == (
        "late leads with Score 60.0 % [50.0, 70.0]. "
        "dwsfusion against max: -5.0 points [-20.0, -1.0], worse. "
        "dwsfusion against late: -15.0 points [-25.0, -5.0], worse."
    )


@pytest.mark.parametrize(
    ("verdicts", "headline"),
    [
        (("worse", "worse"), "Fusing hurts here: every fused input is worse than the better camera, visible."),
        (("no evidence", "worse"), "There is no evidence that any fused input beats the better camera, visible."),
        (("too few pictures",) * 2, "There are too few pictures to say whether fusing helps."),
        (("one seed",) * 2, "One seed is too few to say whether fusing helps."),
    ],
)  # fmt: skip
def test_what_is_not_shown_is_not_said(verdicts, headline):
    rows = [row(n, "visible", 0.1, verdict=v) for n, v in zip(("mean", "max"), verdicts, strict=True)]
    assert in_words(task(FIGURES, rows))[0]["headline"] == headline


def test_a_figure_that_is_not_defined_is_no_leader():
    assert "not defined" in in_words(task(dict.fromkeys(FIGURES), []))[0]["headline"]


def test_a_row_without_a_verdict_is_judged_by_its_evidence():
    assert [verdict(row("a", "b", d, evidence=e)) for d, e in ((1, True), (-1, True), (1, False))] == [
        "better", "worse", "no evidence",
    ]  # fmt: skip
