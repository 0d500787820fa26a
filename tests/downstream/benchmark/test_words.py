"""The verdict in words goes by the verdicts in the JSON, whatever their keys."""

import pytest

from downstream.benchmark.words import in_words


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
        row("mean", "best camera", 0.15, verdict="better"),
        row("max", "best camera", 0.1, verdict="better"),
        row("dwsfusion", "best camera", 0.05, verdict="no evidence"),
        row("late", "best camera", 0.2, verdict="better"),
        row("dwsfusion", "max", -0.05, verdict="worse", simultaneous=[-0.2, -0.01]),
        row("dwsfusion", "late", -0.15, verdict="no evidence", simultaneous=[-0.35, 0.05]),
    ]
    (said,) = in_words(task(FIGURES, rows))
    assert said["headline"] == (
        "Fusing helps: mean and max beat the better camera; so does late fusion, and none is shown to beat late "
        "fusion, which fuses no picture."
    )
    beaten = [*rows, row("mean", "late", 0.1, verdict="better")]
    assert in_words(task(FIGURES, beaten))[0]["headline"] == "Fusing helps: mean and max beat the better camera."
    assert said["text"] == (
        "late leads with Score 60.0 % [50.0, 70.0]. "
        "dwsfusion against max: -5.0 points [-20.0, -1.0], worse. "
        "dwsfusion against late: -15.0 points [-35.0, +5.0], no evidence of a difference."
    )


@pytest.mark.parametrize(
    ("verdicts", "headline"),
    [
        (("worse", "worse"), "Fusing hurts here: every fused input is worse than the better camera."),
        (("no evidence", "worse"), "There is no evidence that any fused input beats the better camera."),
        (("too few pictures",) * 2, "There are too few pictures to say whether fusing helps."),
        (("one seed",) * 2, "One seed is too few to say whether fusing helps."),
    ],
)
def test_what_is_not_shown_is_not_said(verdicts, headline):
    rows = [row(n, "best camera", 0.1, verdict=v) for n, v in zip(("mean", "max"), verdicts, strict=True)]
    assert in_words(task(FIGURES, rows))[0]["headline"] == headline


def test_a_figure_that_is_not_defined_is_no_leader():
    assert "not defined" in in_words(task(dict.fromkeys(FIGURES), []))[0]["headline"]
