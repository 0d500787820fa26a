import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from downstream import command
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped


@dataclass(frozen=True)
class Config:
    epochs: int = 3
    """Passes over the data."""


def run(main: object, *args: str) -> int:
    with pytest.raises(SystemExit) as caught:
        command.run_command(main, Config, args)  # type: ignore[arg-type]
    return int(caught.value.code or 0)


def test_the_exit_code_is_what_main_gives() -> None:
    assert run(lambda config: config.epochs, "--epochs", "1") == 1
    assert run(lambda config: 0) == 0


def test_an_input_error_is_one_line_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def main(_: Config) -> int:
        raise InputError("expected this, found that: do so")

    assert run(main) == 2
    assert capsys.readouterr().err == "error: expected this, found that: do so\n"


def test_an_error_of_ours_keeps_its_traceback() -> None:
    def main(_: Config) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command.run_command(main, Config, [])


def test_a_mistyped_flag_is_answered_with_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda _: 0, "--epoch", "1") == 2
    assert "--epochs" in capsys.readouterr().err


def test_help_has_the_docstring_and_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda _: 0, "--help") == 0
    out = capsys.readouterr().out
    assert "Passes over the data." in out
    assert "(default: 3)" in out


def test_a_stopped_run_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def main(_: Config) -> int:
        raise KeyboardInterrupt

    assert run(main) == 130
    assert "go on" in capsys.readouterr().err


def test_skipped_pictures_are_named_and_change_the_code(caplog: pytest.LogCaptureFixture) -> None:
    assert command.report_skipped([]) == 0
    assert command.report_skipped([Skipped("a", "broken")]) == 1
    assert "skipped a: broken" in caplog.text


def test_data_is_what_was_asked_for_then_msrs_then_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made: list[Path] = []

    def make(root: Path, *_: object, **__: object) -> Path:
        made.append(root)
        return root

    monkeypatch.setattr(command, "make_sample", make)
    assert command.resolve_data(Path("x")) == Path("x")
    assert command.resolve_data(None) == command.SAMPLE_DIR
    assert made == [command.SAMPLE_DIR]
    command.MSRS_DIR.mkdir(parents=True)
    assert command.resolve_data(None) == command.MSRS_DIR


def test_progress_without_a_terminal_is_a_line_a_tenth(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert list(command.track(range(20), "working")) == list(range(20))
    assert caplog.messages == [f"working: {done} of 20" for done in range(2, 21, 2)]


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="cannot make the output folder"):
        command.check_writable(tmp_path / "out")
