"""One server for all attacks; whatever is done to it, it says little and goes on working."""

import itertools
import re
import sys
from collections.abc import Iterator

import pytest

from tests.serving import ROOT, Served, served

from .stranger import LIMIT, Stranger, picture, sent

_numbers = itertools.count(1)

MAX_MEMORY = 3000
"""Megabytes that the server may ever have; it starts with 1000, PyTorch and a network."""


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    limits = {"NST_MAX_SECONDS": str(LIMIT), "NST_MAX_UPLOAD_MB": "10", "NST_QUEUE": "8"}
    with served(tmp_path_factory.mktemp("attacked"), **limits) as app:
        yield app


@pytest.fixture
def stranger(server: Served, still_standing: None) -> Iterator[Stranger]:
    """Somebody nobody has seen before; after them the log is clean, and memory bounded."""
    someone = Stranger(server, address=f"203.0.113.{next(_numbers)}")
    written = server.log.stat().st_size
    someone.forget_peak()
    yield someone
    someone.http.close()
    log = server.log.read_bytes()[written:].decode()
    assert "Traceback" not in log, log
    assert server.process.poll() is None
    assert someone.memory("VmHWM") < MAX_MEMORY


@pytest.fixture(scope="module")
def still_standing(server: Served) -> Iterator[None]:
    """After each file of attacks an honest visitor's painting is painted."""
    yield
    visitor = Stranger(server, address=f"198.51.100.{next(_numbers)}")
    painted = visitor.paint(sent(visitor.upload(picture())))
    assert "event: complete" in painted, painted
    assert "photo after gold_spirals.png" in painted


def clear(answer: str) -> None:
    """It tells nothing of the machine."""
    said = re.sub(r'"(path|url)": ?"[^"]*"', "", answer)  # by which pictures are known
    for secret in (str(ROOT), sys.prefix, "Traceback", "/etc/", "/proc/"):
        assert secret not in said, said
