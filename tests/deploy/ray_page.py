"""The page with painters of its own processes, as README starts it: for tests and benches."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gradio_client import Client, handle_file

from nst.gallery import sample
from tests.serving import Served, free_port, running

VARIABLES = {
    "NO_PROXY": "127.0.0.1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "NST_QUEUE_EACH": "32",  # all visitors come from one address here
}
START = 180.0
"""Seconds until it answers: each process brings a PyTorch of its own."""


@contextmanager
def ray_page(folder: Path, painters: int, pages: int = 1) -> Iterator[Served]:
    """Start `python -m deploy.serve`, and end it and all that it has started."""
    port = str(free_port())
    command = [sys.executable, "-m", "deploy.serve", "--port", port]
    command += ["--painters", str(painters), "--pages", str(pages)]
    everything, url = os.environ | VARIABLES, f"http://127.0.0.1:{port}"
    with running(command, everything, url, folder / "log", START, signal.SIGINT) as page:
        yield page


def visitor(page: Served, folder: Path) -> Client:
    """Somebody new."""
    return Client(page.url, verbose=False, download_files=str(folder))


def asked(**more: object) -> dict[str, object]:
    """What `/paint` is called with."""
    return {"photo": handle_file(sample("lion")), "api_name": "/paint"} | more


def painters() -> list[int]:
    """Process numbers of the painters that are there now."""
    return [pid for pid, name in _processes() if name.startswith("ray::ServeReplica:nst:Paint")]


def _processes() -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                name = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                yield int(folder.name), name.decode(errors="replace")
