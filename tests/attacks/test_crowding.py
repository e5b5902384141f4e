"""Requests and connections that would keep the server from everybody else."""

import re
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from nst.page.guard.middleware import MAX_REQUESTS
from nst.page.guard.request_filter import MAX_FILES, MAX_NAME

from .stranger import MB, Stranger, picture

MAX_WAIT = 5.0
"""Seconds that others may wait for an answer: a tenth of a second is usual, and the attacks took 6 and more."""


@contextmanager
def others_are_served(stranger: Stranger) -> Iterator[None]:
    """Within this context somebody else is answered in time, again and again."""
    done, waits = threading.Event(), []

    def ask() -> None:
        while not (waits and done.is_set()):
            began = time.monotonic()
            httpx.get(f"{stranger.served.url}/healthz", timeout=30).raise_for_status()
            waits.append(time.monotonic() - began)
            done.wait(0.1)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(60)
    assert waits
    assert max(waits) < MAX_WAIT


def _part(field: str = "files", filename: str | None = "a.png") -> bytes:
    name = "" if filename is None else f'; filename="{filename}"'
    return f'--x\r\nContent-Disposition: form-data; name="{field}"{name}\r\n\r\n'.encode()


def _errors(stranger: Stranger, written: int) -> list[str]:
    """Lines of the log after so many bytes. That the Hub is out of reach is no error, and comes at any time."""
    log = stranger.served.log.read_bytes()[written:].decode()
    return [line for line in log.splitlines() if "Error" in line and "VGG-19 is out of reach" not in line]


END = b"\r\n--x--\r\n"

UPLOADS: dict[str, tuple[bytes, int]] = {
    "a field that is no file": (_part(filename=None) + b"x" * 9 * MB + END, 400),
    "a field of line ends": (_part(filename=None) + b"\r\n" * 4 * MB + END, 400),
    "a file of line ends": (_part() + b"\r\n" * 4 * MB + END, 200),
    "nearly boundaries": (_part() + b"\r\n--" * 2 * MB + END, 200),
    "a field with another name": (_part("others") + b"x" + END, 400),
    "a thousand files": ((_part() + b"x\r\n") * 1000 + END[2:], 400),
    "as many files as are allowed": ((_part() + b"x\r\n") * MAX_FILES + END[2:], 200),
    "a hundred thousand fields": ((_part(filename=None) + b"\r\n") * 100_000 + END[2:], 400),
    "many headers": (b"--x\r\n" + b"a: b\r\n" * MB + b"\r\nx" + END, 413),
    "a long header": (b"--x\r\na: " + b"b" * 9 * MB + b"\r\n\r\nx" + END, 413),
    "another boundary": (_part().replace(b"x", b"y") + b"x" + END, 400),
}


WATCHED = "a file of line ends", "a thousand files", "many headers"
"""Those whose progress is asked for, too."""


@pytest.mark.parametrize(
    ("kind", "query"), [*((kind, "") for kind in UPLOADS), *((kind, "?upload_id=abc") for kind in WATCHED)]
)
def test_uploads_that_no_browser_sends(stranger: Stranger, kind: str, query: str) -> None:
    body, status = UPLOADS[kind]
    written = stranger.served.log.stat().st_size
    headers = {"content-type": "multipart/form-data; boundary=x"}
    with others_are_served(stranger):
        answer = stranger.http.post(f"/upload{query}", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert _errors(stranger, written) == []


@pytest.mark.parametrize("kind", ["x; charset=punycode", "y" * 5000, "x; charset=none"])
def test_kinds_of_uploads_that_no_browser_sends(stranger: Stranger, kind: str) -> None:
    headers = {"content-type": f"multipart/form-data; boundary={kind}"}
    body = _part(filename=None) + b"a9" * 300_000 + END
    with others_are_served(stranger):
        answer = stranger.http.post("/upload", content=body, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/queue/join", "/run/predict", "/call/paint", "/mcp/"])
@pytest.mark.parametrize("value", [b"[]", b"{}", b"0", b'""'])
def test_a_million_values(stranger: Stranger, path: str, value: bytes) -> None:
    body = b'{"fn_index": 0, "session_hash": "a", "data": [' + (value + b",") * 900_000 + b"0]}"
    with others_are_served(stranger):
        answer = stranger.http.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "asked", ["0-0," * 5000 + "1-1", "0-" + "9" * 5000, "\u00b2-\u00b3", "-", "5-0"], ids=lambda text: text[:9]
)
def test_ranges_that_no_browser_asks_for(stranger: Stranger, asked: str) -> None:
    written = stranger.served.log.stat().st_size
    found = re.search(r"/gradio_api/file=[^\"]*lion\.webp", stranger.get("/").text)
    assert found
    with others_are_served(stranger):
        answer = stranger.get(found[0], headers={"range": b"bytes=" + asked.encode("latin-1")})
    assert answer.status_code in {200, 206, 400, 416}
    assert _errors(stranger, written) == []


LONG = "a" * (MAX_NAME + 1)


@pytest.mark.parametrize(
    "path",
    [
        f"/upload_progress?upload_id={LONG}",
        f"/upload_progress?upload_id=a&upload_id={LONG}",
        f"/queue/data?session_hash={LONG}",
        f"/heartbeat/{LONG}",
        f"/call/paint/{LONG}",
        f"/call/v2/paint/{LONG}",
    ],
    ids=lambda path: path[:30],
)
def test_long_names_are_not_kept(stranger: Stranger, path: str) -> None:
    assert stranger.http.get(path).status_code in {400, 404}


@pytest.mark.parametrize("name", ["session_hash", "event_id"])
@pytest.mark.parametrize("path", ["/queue/join", "/run/predict", "/call/paint", "/cancel"])
def test_long_names_in_a_body_are_not_kept(stranger: Stranger, path: str, name: str) -> None:
    assert stranger.post(path, {"fn_index": 0, "data": [], name: LONG}).status_code == 400


def test_an_upload_with_a_long_name_is_rejected(stranger: Stranger) -> None:
    answer = stranger.http.post(f"/upload?upload_id={LONG}", files={"files": ("a.png", picture())})
    assert answer.status_code == 400
    assert "100 characters at most" in answer.text


def test_silent_connections_lock_out_nobody(stranger: Stranger) -> None:
    """More than the process may have open files."""
    process, host, port = stranger.served.process.pid, *stranger.served.url.removeprefix("http://").split(":")
    before = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        with ExitStack() as opened, others_are_served(stranger):
            for _ in range(1100):
                opened.enter_context(socket.create_connection((host, int(port)), timeout=30))
            assert stranger.get("/").status_code == 200
    finally:
        resource.prlimit(process, resource.RLIMIT_NOFILE, before)


def test_streams_of_one_address_are_bounded(stranger: Stranger) -> None:
    host, port = stranger.served.url.removeprefix("http://").split(":")
    request = f"GET /gradio_api/heartbeat/a HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {stranger.address}\r\n\r\n"
    with ExitStack() as opened, others_are_served(stranger):
        for _ in range(MAX_REQUESTS):
            stream = opened.enter_context(socket.create_connection((host, int(port)), timeout=30))
            stream.sendall(request.encode())
            assert stream.recv(12) == b"HTTP/1.1 200"
        assert stranger.get("/").status_code == 429
        assert httpx.get(stranger.served.url).status_code == 200
