"""The app as README starts it, and a Chromium to look at it with: for tests and benches."""

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Browser, Playwright

ROOT = Path(__file__).parent.parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
HEADLESS = shutil.which("chromium-headless-shell") or CHROMIUM
"""A smaller Chromium, in which pages load faster. It ignores the settings of a profile."""
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",  # a camera that shows a moving disc
]
Result = TypeVar("Result")
START = 300.0
"""Seconds that the app may take until it answers."""


@dataclass(frozen=True)
class Served:
    """An app that runs: its address, its process and its log."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def served(
    folder: Path, entry: Path = ROOT / "app.py", port: int = 0, user: int | None = None, **environment: str
) -> Iterator[Served]:
    """Start `python app.py` with a temporary folder of its own, at a free port, and end it.

    As another `user`, it has no home.
    """
    port = port or free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "log"
    (folder / "temporary").mkdir(exist_ok=True)
    everything = os.environ | {
        "GRADIO_SERVER_PORT": str(port),
        "NO_PROXY": "127.0.0.1",
        # Gradio serves all of the temporary folder; the environment's packages may lie in it here,
        # but not on a Space. A machine that was opened in this process has named its own.
        "TMPDIR": str(folder / "temporary"),
        "GRADIO_TEMP_DIR": "",
        **environment,
    }
    if user:
        everything.pop("HOME", None)
        everything.pop("XDG_CACHE_HOME", None)
    how = {"user": user, "group": user, "extra_groups": []} if user else {}
    with running([sys.executable, str(entry)], everything, url, log, **how) as app:
        yield app


@contextmanager
def running(
    command: list[str],
    environment: dict[str, str],
    url: str,
    log: Path,
    patience: float = START,
    end: signal.Signals = signal.SIGTERM,
    **how: Any,
) -> Iterator[Served]:
    """Start a server, wait until it answers, and end it and all that it has started."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, **how
        )
    try:
        deadline = time.monotonic() + patience
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"it did not start: {log.read_text()}")
            time.sleep(0.2)
        yield Served(url, process, log)
    finally:
        process.send_signal(end)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with suppress(ProcessLookupError):  # what it has started, such as a worker of ZeroGPU
            os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    """Below those that Ray takes for itself, and the system gives away."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("No port is free.")


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


def until(true: Callable[[], bool], patience: float = 120.0) -> None:
    """Wait for something that is bound to come soon, and fail if it does not."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def chromium(playwright: Playwright, *more: str) -> Browser:
    """Headless, and silent towards the rest of the world."""
    return playwright.chromium.launch(executable_path=HEADLESS, args=[*QUIET, *more])


def awaited(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """What it returns, run in a thread of its own: Playwright keeps a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
