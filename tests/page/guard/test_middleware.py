"""What passes in and out, with the real page and with a stand-in behind the doors."""

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from nst.config import Config
from nst.page.guard import middleware as doors
from nst.page.guard.middleware import HEADERS, MAX_CONCURRENT, UploadQuota
from nst.page.guard.request_filter import UPLOAD
from nst.service import disk
from nst.service.store import Store
from tests.serving import ROOT, Served, awaited


@pytest.mark.parametrize("path", ["/", "/config", "/card.jpg", "/nowhere", "/gradio_api/file=x"])
def test_every_answer_has_our_headers(server: Served, path: str) -> None:
    headers = httpx.get(server.url + path).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "huggingface.co" in headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info", "/gradio_api/openapi.json"])
def test_no_answer_reveals_the_programs_folder(server: Served, path: str) -> None:
    body = httpx.get(server.url + path).text
    home = Path(httpx.__file__).parent.parent
    for secret in (str(ROOT), str(home)):
        assert re.findall(f'[^"]*{re.escape(secret)}[^"]*', body) == []


def test_samples_are_served_all_the_same(server: Served) -> None:
    found = set(re.findall(r"/gradio_api/file=[^\"]*lion\.webp", httpx.get(server.url).text))
    assert found
    for address in found:
        assert httpx.get(server.url + address).headers["content-type"] == "image/webp"


def test_snapshots_of_gradios_own_are_not_made(server: Served) -> None:
    response = httpx.get(f"{server.url}/gradio_api/deep_link?session_hash=abc")
    assert response.status_code == 404


@pytest.mark.parametrize(
    "header", ["Host", "X-Forwarded-Host", "X-Forwarded-Prefix", "Cookie", "User-Agent", "Content-Length"]
)
def test_any_byte_may_be_in_a_header(server: Served, header: str) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    for line in (b"GET / HTTP/1.1", f"POST {UPLOAD} HTTP/1.1".encode()):
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(b"%s\r\nConnection: close\r\n%s: \xe9\xff\r\n\r\n" % (line, header.encode()))
            answer = raw.recv(100)
        assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 4")), answer


def test_an_upload_that_breaks_off_leaves_no_traceback(server: Served) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
    kind = "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    part = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall((head + kind + part).encode() + bytes(100_000))
        time.sleep(0.3)
    time.sleep(0.3)
    assert "Traceback" not in server.log.read_text()


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, TestClient]]:
    """A disk of 10 000 bytes that keeps what is sent, and its doors."""
    monkeypatch.setattr(disk, "free", lambda _: 10**12)
    monkeypatch.setattr(doors, "HOURLY_SHARE", 0.01)
    store = Store(tmp_path / "root", 10_000, 10_000, 3600)

    async def keep(request: Request) -> PlainTextResponse:
        body = await request.body()
        (store.new_folder() / "file").write_bytes(body)
        return PlainTextResponse("kept")

    room: Any = Middleware(UploadQuota, store=store, config=Config())
    with TestClient(Starlette(routes=[Route(UPLOAD, keep, methods=["POST"])], middleware=[room])) as c:
        yield store, c


def test_uploads_are_taken_while_there_is_room(small: tuple[Store, TestClient]) -> None:
    _, client = small
    statuses = [client.post(UPLOAD, content=bytes(4000)).status_code for _ in range(4)]
    assert statuses == [200, 200, 507, 507]
    assert "full of what others have sent" in client.post(UPLOAD, content=bytes(9000)).text
    assert client.post(UPLOAD, content=bytes(1000)).status_code == 200


def test_what_is_on_its_way_counts(small: tuple[Store, TestClient]) -> None:
    store, client = small
    assert store.reserve(8000)
    assert client.post(UPLOAD, content=bytes(4000)).status_code == 507
    store.arrived(8000)
    assert client.post(UPLOAD, content=bytes(4000)).status_code == 200


def test_the_disk_keeps_some_room_for_paintings(
    small: tuple[Store, TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "free", lambda _: disk.MIN_FREE + 100)
    assert small[1].post(UPLOAD, content=bytes(200)).status_code == 507


def test_one_address_does_not_keep_all_room_for_itself(tmp_path: Path) -> None:
    """Room is kept free for what has been announced, however slowly it comes."""
    store, arrived = Store(tmp_path, 10**9, 10**9, 3600), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await arrived.wait()
        await PlainTextResponse("kept")(scope, receive, send)

    async def upload(room: UploadQuota, host: str) -> int:
        statuses: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        size = [(b"content-length", b"9")]
        scope = {"type": "http", "method": "POST", "path": UPLOAD, "headers": size}
        await room(scope | {"client": (host, 1)}, None, send)
        return statuses[0]

    async def crowd() -> list[int]:
        room = UploadQuota(slow, store, Config())
        first = [asyncio.create_task(upload(room, "1.1.1.1")) for _ in range(MAX_CONCURRENT)]
        await asyncio.sleep(0.2)
        late = await upload(room, "1.1.1.1")
        other = asyncio.create_task(upload(room, "2.2.2.2"))
        await asyncio.sleep(0.1)
        arrived.set()
        codes = [late, await other, *await asyncio.gather(*first)]
        return [*codes, await upload(room, "1.1.1.1")]

    assert awaited(crowd()) == [429, 200, *[200] * MAX_CONCURRENT, 200]


def test_one_address_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an hour; the next one begins anew."""
    room: Any = Middleware(UploadQuota, store=Store(tmp_path, 10**9, 80_000, 3600), config=Config())
    there = [Route(UPLOAD, lambda _: PlainTextResponse("kept"), methods=["POST"])]
    with TestClient(Starlette(routes=there, middleware=[room])) as client:

        def upload() -> int:
            return client.post(UPLOAD, content=bytes(4000)).status_code

        now = time.time() // 3600 * 3600
        monkeypatch.setattr(time, "time", lambda: now)
        assert [upload() for _ in range(3)] == [200, 200, 429]
        monkeypatch.setattr(time, "time", lambda: now + 3600)
        assert upload() == 200
