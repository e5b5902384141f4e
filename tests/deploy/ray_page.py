"""The page with painters of its own processes, as README starts it: for tests and benches."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from gradio_client import Client, handle_file

from nst.gallery import sample

ROOT = Path(__file__).parent.parent.parent
VARIABLES = {
    "NO_PROXY": "127.0.0.1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "NST_QUEUE_EACH": "32",  # all visitors come from one address here
}
START = 180.0
"""Seconds until it answers: each process brings a PyTorch of its own."""


@dataclass(frozen=True)
class RayPage:
    """Its address, its process and its log."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def painters(self) -> list[int]:
        """Process numbers of the painters that are there now."""
        return [pid for pid, name in _processes() if name.startswith("ray::ServeReplica:nst:Paint")]

    def client(self, folder: Path) -> Client:
        """Another visitor."""
        return Client(self.url, verbose=False, download_files=str(folder))


def asked(**more: object) -> dict[str, object]:
    """What `/paint` is called with."""
    return {"photo": handle_file(sample("lion")), "api_name": "/paint"} | more


@contextmanager
def ray_page(folder: Path, painters: int, pages: int = 1) -> Iterator[RayPage]:
    """Start `python -m deploy.serve`, and end it and all that it has started."""
    port = _free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "log"
    arguments = ["--painters", str(painters), "--pages", str(pages), "--port", str(port)]
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.serve", *arguments],
            cwd=ROOT,
            env=os.environ | VARIABLES,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"it did not start: {log.read_text()}")
            time.sleep(0.5)
        yield RayPage(url, process, log)
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _free_port() -> int:
    """Below those that Ray takes for itself, and the system gives away."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _answers(url: str) -> bool:
    try:
        return httpx.get(url + "/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _processes() -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                name = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                yield int(folder.name), name.decode(errors="replace")
