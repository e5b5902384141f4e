"""Connections whose clients keep the server waiting, with uvicorn and a small application."""

import asyncio
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from nst.page.guard import connections
from nst.page.guard.connections import MIN_BYTES, Connection, max_connections, raise_file_limit

PERIOD = 0.25
DEADLINE = 20.0

Open = Callable[..., socket.socket]


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """GET /quiet waits for four periods, GET /large has 50 MB, POST has the length of its body as answer."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/large":
        for _ in range(50):
            await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})
    if scope["path"] == "/quiet":
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.sleep(4 * PERIOD)
    await send({"type": "http.response.body", "body": str(size).encode()})


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open a connection to the server and send something."""
    monkeypatch.setattr(connections, "PERIOD", PERIOD)
    server = uvicorn.Server(uvicorn.Config(_app, port=0, http=Connection, lifespan="off", log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + DEADLINE
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    address, opened = server.servers[0].sockets[0].getsockname(), []

    def connect(data: bytes = b"", buffer: int = 0) -> socket.socket:
        client = socket.socket()
        if buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.settimeout(DEADLINE)
        client.connect(address)
        client.sendall(data)
        opened.append(client)
        return client

    yield connect
    for client in opened:
        client.close()
    server.should_exit = True
    thread.join(DEADLINE)


def ended(client: socket.socket, drip: bytes = b"") -> bytes:
    """What the server sends until it closes the connection, while the client sends a byte now and then."""
    client.settimeout(PERIOD / 10)
    deadline, received = time.monotonic() + DEADLINE, b""
    while time.monotonic() < deadline:
        try:
            if drip:
                client.send(drip)
            part = client.recv(2**20)
        except TimeoutError:
            continue
        except OSError:
            return received
        if not part:
            return received
        received += part
    raise AssertionError("the connection is still open")


@pytest.mark.parametrize("drip", [b"", b"a"], ids=["nothing", "a byte now and then"])
@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nhost: x\r\na: ",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nfff\r\n",
    ],
    ids=["silence", "line", "head", "body", "chunk"],
)
def test_a_request_that_does_not_arrive_is_given_up(connect: Open, start: bytes, drip: bytes) -> None:
    assert ended(connect(start), drip) == b""


def test_a_second_request_has_to_arrive_too(connect: Open) -> None:
    client = connect(b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\n")
    assert ended(client, b"a").count(b"HTTP/1.1 200") == 1


def test_an_answer_that_nobody_reads_is_given_up(connect: Open) -> None:
    client = connect(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n", buffer=5000)
    client.recv(1)
    # The server's own buffer has to be full for the whole of a period, of which the client learns nothing.
    threading.Event().wait(4 * PERIOD)
    assert len(ended(client)) < 49_000_000


def test_a_slow_body_arrives(connect: Open) -> None:
    size, pieces = 3 * MIN_BYTES, 30
    client = connect(
        b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % (size * pieces)
    )
    for _ in range(pieces):
        client.sendall(bytes(size))
        threading.Event().wait(PERIOD / 10)
    assert ended(client).endswith(b"%d\r\n0\r\n\r\n" % (size * pieces))


def test_a_stream_may_be_quiet(connect: Open) -> None:
    client = connect(b"GET /quiet HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert b"first" in (answer := ended(client))
    assert answer.endswith(b"1\r\n0\r\n0\r\n\r\n")


def test_idle_connections_give_way(connect: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PERIOD", DEADLINE * 5)
    monkeypatch.setattr(connections, "max_connections", lambda: 3)
    stream = connect(b"GET /quiet HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert stream.recv(1)
    first, *_ = [connect() for _ in range(3)]
    assert ended(first) == b""
    assert ended(connect(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert b"first" in ended(stream)


def test_the_limit_of_open_files_is_raised() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = before[1] if before[1] != resource.RLIM_INFINITY else 10_000
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        assert max_connections() == 256
        raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, connections.MAX_OPEN_FILES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
