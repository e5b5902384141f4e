"""The Space's entry."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_an_owners_mistake_ends_the_start_with_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={"NST_MAX_SECONDS": "soon", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "nst: NST_MAX_SECONDS is 'soon': it takes a number from 1 on\n"


@pytest.mark.parametrize("port", ["taken", "x", "70000"])
def test_a_port_that_cannot_be_had_ends_the_start_with_one_line(port: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        asked = str(other.getsockname()[1]) if port == "taken" else port
        done = subprocess.run(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env={"GRADIO_SERVER_PORT": asked, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "GRADIO_SERVER_PORT" in done.stderr
    assert asked in done.stderr
