"""`dwsfusion app` as a user starts and ends it."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from downstream.app.config import AppConfig
from dwsfusion.errors import InputError

ROOT = Path(__file__).parents[3]
SCRIPT = [sys.executable, str(ROOT / "scripts/app.py"), "--no-open", "--device", "cpu"]
ENV = os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals are POSIX's")
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped_and_ends_quietly(by):
    # A shell lets what runs in the background ignore Ctrl-C; this one must heed it.
    heeding = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    process = subprocess.Popen(
        [*SCRIPT, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV, preexec_fn=heeding
    )
    said = process.stdout.readline()
    address = said.split()[0]
    with urllib.request.urlopen(address) as answer:
        assert b"<title>Fuse a pair" in answer.read()
    process.send_signal(by)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.strip() == ""
    assert "Traceback" not in err


def test_a_port_that_is_taken_is_said():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = subprocess.run([*SCRIPT, "--port", port], capture_output=True, text=True, env=ENV, check=False)
    assert done.returncode == 2
    assert f"error: cannot serve port {port} of 127.0.0.1" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("wrong", [{"port": -1}, {"port": 65536}, {"image_size": 0}, {"ir_range": (5.0, 5.0)}])
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        AppConfig(**wrong).check()


@pytest.mark.parametrize(
    "args", [["--detector", "nowhere/x.pt"], ["--segmenter", "nowhere.onnx"], ["--weights", "nowhere.pth"],
             ["--data-set", "TNO", "--detector", str(ROOT / "downstream/detection/sample.pt")]]
)  # fmt: skip
def test_a_network_that_cannot_be_used_is_said_at_once(args):
    done = subprocess.run([*SCRIPT, *args], capture_output=True, text=True, env=ENV, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert done.stdout == ""
