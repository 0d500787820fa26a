"""A plan: what is done is not done again, what fails does not stop the others."""

import errno
from pathlib import Path

import pytest

from downstream.benchmark.display import Display
from downstream.benchmark.plan import Step, run_plan
from dwsfusion.errors import InputError, OutputError
from dwsfusion.pairs import Skipped


@pytest.fixture
def log():
    return []


@pytest.fixture
def steps(tmp_path, log):
    """Three steps; ``asked`` holds what they depend on, ``fails`` those that cannot."""

    class Three(list):
        asked = {"a": "1", "b": "1", "c": "1"}  # noqa: RUF012 - a fixture's own
        fails: dict[str, Exception] = {}  # noqa: RUF012

    three = Three()

    def work(name: str, done, track):
        log.append((name, tuple(done)))
        if name in three.fails:
            raise three.fails[name]
        (tmp_path / name).write_text(three.asked[name])
        return [Skipped("00001D", f"not readable in {name}")]

    three.asked, three.fails = dict(three.asked), {}
    three += [
        Step(n, lambda done, track, n=n: work(n, done, track), lambda done, n=n: three.asked[n], tmp_path / n)
        for n in "abc"
    ]
    return three


def run(steps, tmp_path: Path, skip=()):
    with Display(3) as display:
        return {o.step: o for o in run_plan(steps, skip, tmp_path / "marks", display)}


def test_what_is_done_is_done_once_and_says_the_same_again(steps, log, tmp_path):
    first = run(steps, tmp_path)
    assert log == [("a", ()), ("b", ("a",)), ("c", ("a", "b"))]
    assert run(steps, tmp_path) == first
    assert len(log) == 3
    assert first["b"].skipped == (Skipped("00001D", "not readable in b"),)


def test_what_depends_on_something_new_or_was_changed_is_done_again(steps, log, tmp_path):
    run(steps, tmp_path)
    steps.asked["b"] = "2"
    (tmp_path / "c").write_text("damaged")
    log.clear()
    run(steps, tmp_path)
    assert [name for name, _ in log] == ["b", "c"]


def test_a_failed_step_is_said_and_the_others_go_on(steps, log, tmp_path):
    steps.fails |= {"a": InputError("expected labels"), "b": ZeroDivisionError("ours")}
    outcomes = run(steps, tmp_path)
    assert [outcomes[n].status for n in "abc"] == ["failed", "failed", "done"]
    assert outcomes["a"].reason == "expected labels"
    assert outcomes["b"].reason == "ZeroDivisionError: ours"
    assert log[-1] == ("c", ())  # told that nothing before it is done
    steps.fails.clear()
    assert [o.status for o in run(steps, tmp_path).values()] == ["done"] * 3


def test_a_stop_by_the_user_stops_all(steps, log, tmp_path):
    steps.fails["b"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(steps, tmp_path)
    steps.fails.clear()
    run(steps, tmp_path)
    assert [name for name, _ in log] == ["a", "b", "b", "c"]


def test_a_full_disk_stops_all_and_a_folder_that_is_in_the_way_does_not(steps, log, tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    told = OutputError("cannot write x: No space left on device")
    told.__cause__ = full
    for error in (full, told):
        steps.fails["b"] = error
        with pytest.raises(OSError, match="No space left"):
            run(steps, tmp_path)
    steps.fails["b"] = OutputError("cannot write x: Is a directory")
    steps.fails["b"].__cause__ = IsADirectoryError(errno.EISDIR, "Is a directory")
    assert [o.status for o in run(steps, tmp_path).values()] == ["done", "failed", "done"]
    assert [name for name, _ in log] == ["a", "b", "b", "b", "c"]


def test_a_step_may_be_left_out_but_must_be_one(steps, log, tmp_path):
    assert run(steps, tmp_path, ["b"])["b"].status == "left out"
    assert [name for name, _ in log] == ["a", "c"]
    with pytest.raises(InputError, match="expected --skip of a, b, c, found d"):
        run(steps, tmp_path, ["d"])
