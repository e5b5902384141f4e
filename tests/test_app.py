"""The Space's entry."""

import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

SILENT = """
import os, sys, tempfile, threading
from pathlib import Path

import pytest

folder = Path(tempfile.gettempdir())
before = {*folder.iterdir()}
import app

assert {*folder.iterdir()} == before, "a file or folder was made"
assert threading.active_count() == 1, threading.enumerate()
import gc
from nst.network.vgg import Backbone
assert not [thing for thing in gc.get_objects() if isinstance(thing, Backbone)]
"""


def test_importing_it_does_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SILENT],
        cwd=ROOT,
        env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_taken_port_ends_the_start_with_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        asked = str(other.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env={"GRADIO_SERVER_PORT": asked, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert f"port {asked} of 127.0.0.1 can't be had" in done.stderr
    assert "set GRADIO_SERVER_PORT to another" in done.stderr
