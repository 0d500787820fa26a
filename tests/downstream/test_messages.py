"""What a command leaves behind besides its results: a log of every message, skipped pictures, time and memory."""

import csv
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from downstream import command
from downstream.comparison.timing import Stopwatch
from downstream.messages import RUN_LOG, keep_log
from downstream.pipes import EXIT_NOBODY_READS
from dwsfusion.errors import InputError, OutputError
from dwsfusion.pairs import Skipped

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from downstream.command import run_command
from downstream.messages import keep_log
from downstream.report.tables import print_table

@dataclass(frozen=True)
class Config:
    out: Path
    rows: int = 0

def main(config):
    keep_log(config.out)
    for _ in range(config.rows):
        print_table("[a]", [{"a": "fused[/mean] :smile:", "b": "out [run 2] é–\\udcff"}])
    if not config.rows:
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        time.sleep(60)
    return 0

run_command(main, Config)
"""


@dataclass(frozen=True)
class Config:
    out: Path


def run(main: object, out: Path, *args: str) -> int:
    with pytest.raises(SystemExit) as caught:
        command.run_command(main, Config, ["--out", str(out), *args], prog="dwsfusion try")  # type: ignore[arg-type]
    return int(caught.value.code or 0)


def log_of(out: Path) -> list[str]:
    return [line.partition(" ")[2] for line in (out / RUN_LOG).read_text(encoding="utf-8").splitlines()]


def start(out: Path, *args: str, **env: str) -> subprocess.Popen[bytes]:
    environ = os.environ | {"PYTHONPATH": str(ROOT)} | env
    call = [sys.executable, "-c", PROGRAM, "--out", str(out), *args]
    # A test run in the background ignores Ctrl-C, and what it starts would ignore it, too.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(call, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed)


def test_the_log_holds_what_was_said_before_its_place_was_known(tmp_path: Path) -> None:
    def main(config: Config) -> int:
        logging.getLogger("early").info("before")
        keep_log(config.out)
        logging.getLogger("late").warning("after [b]x[/b]")
        logging.getLogger("late").debug("too small")
        return 1

    assert run(main, tmp_path) == 1
    expected = [f"INFO downstream: dwsfusion try --out {tmp_path}", "INFO early: before",
                "WARNING late: after [b]x[/b]", "INFO downstream: exit code 1"]  # fmt: skip
    assert log_of(tmp_path) == expected
    assert run(main, tmp_path, "--log-level", "debug") == 1  # behind the first
    assert log_of(tmp_path)[:4] == expected
    assert "DEBUG late: too small" in log_of(tmp_path)


def test_a_part_has_a_log_of_its_own_and_the_whole_has_all(tmp_path: Path) -> None:
    def main(config: Config) -> int:
        for folder in (config.out, config.out / "one", config.out / "two"):
            folder.mkdir(exist_ok=True)
            keep_log(folder)
            logging.getLogger("x").info("of %s", folder.name)
        return 0

    assert run(main, tmp_path) == 0
    of = {name: [line for line in log_of(tmp_path / name) if " x: " in line] for name in (".", "one", "two")}
    assert of["one"] == ["INFO x: of one"]
    assert of["two"] == ["INFO x: of two"]
    assert of["."] == [f"INFO x: of {tmp_path.name}", *of["one"], *of["two"]]


def test_a_command_that_does_not_begin_leaves_no_log(tmp_path: Path) -> None:
    def main(_: Config) -> int:
        raise InputError("expected another folder")

    assert run(main, tmp_path) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OutputError("cannot write a: No space left on device"), "error: cannot write a: No space left on device"),
        (OSError(28, "No space left on device"), "error: No space left on device: mend that"),
        (PermissionError(13, "Permission denied", "/a/b"), "error: Permission denied: /a/b: mend that"),
        (OSError(36, "File name too long", "x" * 300), "error: File name too long: xxx"),
    ],
)  # fmt: skip
def test_what_the_system_refuses_is_one_line_and_its_traceback_is_in_the_log(
    error: Exception, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(config: Config) -> int:
        keep_log(config.out)
        raise error

    assert run(main, tmp_path) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert "Traceback" in (tmp_path / RUN_LOG).read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def main(config: Config) -> int:
        (config.out / RUN_LOG).symlink_to("/dev/full")
        keep_log(config.out)
        logging.getLogger("x").info("lost")
        return 1

    assert run(main, tmp_path) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_of_ours_is_in_the_log_too(tmp_path: Path) -> None:
    def main(config: Config) -> int:
        keep_log(config.out)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command.run_command(main, Config, ["--out", str(tmp_path)])
    assert "ZeroDivisionError" in (tmp_path / RUN_LOG).read_text()
    assert not [h for h in logging.getLogger().handlers if type(h).__name__ == "RunLog"]


def test_skipped_pictures_are_a_table_as_long_as_there_are_any(tmp_path: Path) -> None:
    assert command.report_skipped([Skipped("a", 'broken, "so"\nthere')], tmp_path) == 1
    with (tmp_path / command.SKIPPED_CSV).open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [{"name": "a", "reason": 'broken, "so"\nthere'}]
    assert command.report_skipped([], tmp_path) == 0
    assert not (tmp_path / command.SKIPPED_CSV).exists()


def test_each_stage_tells_its_time_and_its_peak_of_memory() -> None:
    clock = Stopwatch()
    with clock.step("small"):
        time.sleep(0.02)
    with clock.step("large"):
        held = b"x" * 200_000_000
    stages = clock.stages()
    assert list(stages) == ["small", "large"]
    assert stages["small"]["seconds"] >= 0.02
    if Path("/proc/self/clear_refs").exists():
        assert stages["large"]["peak_memory_mb"] > stages["small"]["peak_memory_mb"] + 100
    assert json.loads(json.dumps(stages)) == stages
    assert len(held) == 200_000_000


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_command_in_order(number: int, code: int, tmp_path: Path) -> None:
    process = start(tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, b"stopped; start the same command again to go on\n")
    assert log_of(tmp_path)[-1] == f"INFO downstream: exit code {code}"


def test_a_reader_that_goes_away_ends_a_command_without_a_word(tmp_path: Path) -> None:
    process = start(tmp_path, "--rows", "500")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == EXIT_NOBODY_READS


def test_texts_are_shown_as_they_are_on_every_terminal(tmp_path: Path) -> None:
    out, _ = start(tmp_path, "--rows", "1", PYTHONIOENCODING="ascii").communicate(timeout=60)
    shown = out.decode("ascii")
    assert "fused[/mean] :smile:" in shown
    assert "out [run 2] \\xe9\\u2013\\udcff" in shown


def test_a_librarys_thread_that_finds_the_disk_full_is_told_in_the_log_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[object] = []

    def main(config: Config) -> int:
        keep_log(config.out)
        for error in (OSError(28, "No space left on device"), ZeroDivisionError("ours")):
            thread = threading.Thread(target=raising, args=(error,))
            thread.start()
            thread.join()
        return 0

    def raising(error: Exception) -> None:
        raise error

    before, threading.excepthook = threading.excepthook, lambda told: shown.append(told.exc_type)
    try:
        assert run(main, tmp_path) == 0
    finally:
        threading.excepthook = before
    assert shown == [ZeroDivisionError]
    assert "OSError: [Errno 28] No space left on device" in (tmp_path / "run.log").read_text()
