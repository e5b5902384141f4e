"""Checks every HTTP request before Gradio sees it.

Anybody who can reach the page can send anything to every event, by number. Gradio acts on some of
it before a handler runs: it downloads addresses, keeps values, and calls methods of components.
So only the paths that the page and its programs need are served, requests are bounded, and files in
them must be files that visitors have uploaded.
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from nst.images import ImageError
from nst.page.ui.html import toast_html

log = logging.getLogger("nst")

API = "/gradio_api"
UPLOAD, MCP = f"{API}/upload", f"{API}/mcp"

MAX_NAME = 100  # characters of a name that a client gives to a session, an event or an upload
NAME = rf"[^/]{{1,{MAX_NAME}}}"
NAMES = ("session_hash", "event_id", "upload_id")

SERVED = {
    "GET": re.compile(
        rf"(?!{API}/|/monitoring)/.*|{API}/(file=.+|queue/(data|status)|call/.+/{NAME}|heartbeat/{NAME}"
        r"|upload_progress|startup-events|theme\.css|info/?|openapi\.json|app_id/?|mcp(/.*)?)",
        re.DOTALL,
    ),
    "POST": re.compile(rf"{API}/(queue/join|run/predict/?|call/(v2/)?[^/]+/?|cancel|reset/?|upload|mcp(/.*)?)"),
    "DELETE": re.compile(rf"{MCP}(/.*)?"),
}
"""Paths of the page, its API and its MCP server, by method; HEAD counts as GET."""

SCRIPT_PATHS = re.compile(r"/left/[0-9a-f]{32}")
"""Paths that the page's own scripts post to: that the page closes."""

MAX_BODY = 4_000_000  # bytes sent to an event; the page's largest value is its eight remembered paintings
MAX_SCRIPT_BODY = 1000  # bytes sent by a script, which has nothing to say but the path
MAX_TOTAL = 200_000_000  # bytes of all requests that are read at once
MAX_DRAINED = 100_000_000  # bytes of a rejected request that are received and dropped
MAX_DEPTH = 20  # lists and objects nested in one another
MAX_FILES = 40  # files in one event, or in one upload
MAX_VALUES = 20_000  # values in one request: a million of them would take seconds, in which nobody else is served
MAX_SECONDS = 60.0  # time for the body of a request to an event to arrive

_RANGE = re.compile(rb"bytes=\d{1,15}-\d{0,15}")  # what browsers ask for; Gradio fails at others

_STREAM = re.compile(rf"{API}/(?:queue/data|call/.+/(?P<event>[^/]+))")

LONG_NAME = f"The name of a session, an event or an upload has {MAX_NAME} characters at most"

CheckFile = Callable[[Any], Path | None]
"""An event's file value -> its path; ImageError if it is no file that a visitor uploaded."""


class Rejected(Exception):
    """The status and the message of the answer; `received`: all of the request has arrived."""

    def __init__(self, status: int, message: str, received: bool = False) -> None:
        super().__init__(message)
        self.status, self.received = status, received


@dataclass
class OpenStreams:
    """The streams of results that clients listen to, by session or by event."""

    _streams: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def opened(self, name: str) -> Iterator[None]:
        """The stream is open within this context."""
        self._streams[name] = self._streams.get(name, 0) + 1
        try:
            yield
        finally:
            self._streams[name] -= 1
            if not self._streams[name]:
                del self._streams[name]

    def is_open(self, *names: str) -> bool:
        """Whether one of these streams is open."""
        return any(name in self._streams for name in names)


class RequestFilter:
    """Plain ASGI in front of all of Gradio; a request may bring `max_bytes` of files."""

    def __init__(self, app: Any, max_bytes: int, streams: OpenStreams, check_file: CheckFile) -> None:
        self.app, self.max_bytes = app, max_bytes
        self.streams, self.check_file = streams, check_file
        self.total = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, in its checked form, or reject it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = ended = False

        async def answer(message: Any) -> None:
            nonlocal started, ended
            started, ended = True, message["type"].endswith("body") and not message.get("more_body")
            # Gradio answers 500 when a handler rejects a value; the client is to blame, not we.
            rejected = message.get("status") == 500
            await send(message | {"status": 400} if rejected else message)

        try:
            await self._pass_on(scope, receive, answer)
        except Rejected as rejected:
            if not rejected.received:
                await _drain(receive)
            await JSONResponse(_body(rejected), rejected.status)(scope, receive, send)
        except Exception as error:
            # Gradio fails on malformed requests; one line in the log is enough.
            log.warning("%s %s: %s", scope["method"], scope["path"][:80], summary(error))
            if not started:
                body = {"detail": "This request can't be understood."}
                await JSONResponse(body, 400)(scope, receive, send)
            elif not ended:
                await send({"type": "http.response.body", "body": b""})

    async def _pass_on(self, scope: Any, receive: Any, send: Any) -> None:
        path = path_of(scope)
        script = scope["method"] == "POST" and SCRIPT_PATHS.fullmatch(path)
        served = SERVED.get("GET" if scope["method"] == "HEAD" else scope["method"])
        if not script and not (served and served.fullmatch(path)):
            raise Rejected(404, "There is nothing here")
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if has_long_name({name: "".join(values) for name, values in query.items()}):
            raise Rejected(400, LONG_NAME)
        if scope["method"] != "POST":
            headers = [pair for pair in scope["headers"] if pair[0] != b"range" or _RANGE.fullmatch(pair[1])]
            scope, stream = scope | {"headers": headers}, _stream_name(path, query)
            with self.streams.opened(stream) if stream else nullcontext():
                await self.app(scope, receive, send)
            return
        length = _length(scope, self._max_length(path))
        if path == UPLOAD or script:
            await self.app(scope, receive, send)
            return
        if self.total + length > MAX_TOTAL:
            raise Rejected(503, "Too much is being sent at once; try again in a minute")
        self.total += length
        try:
            scope, receive = await self._checked(scope, receive)
            await self.app(scope, receive, send)
        finally:
            self.total -= length

    def _max_length(self, path: str) -> int:
        """Bytes that a request to this path may have; assistants send pictures as base64."""
        if path == UPLOAD:
            return self.max_bytes + 100_000
        if SCRIPT_PATHS.fullmatch(path):
            return MAX_SCRIPT_BODY
        return MAX_BODY + (self.max_bytes * 4 // 3 if path.startswith(MCP) else 0)

    async def _checked(self, scope: Any, receive: Any) -> tuple[Any, Any]:
        """The request with the body as it was parsed: Gradio must see what was checked."""
        try:
            async with asyncio.timeout(MAX_SECONDS):
                body = await _read(receive)
            if body.count(b",") > MAX_VALUES:
                raise ValueError("too many values")
            value = json.loads(body) if body else None
            check_value(value, self.max_bytes, self.check_file)
        except TimeoutError:
            raise Rejected(408, "This request takes too long to arrive", received=True) from None
        except ImageError as error:
            raise Rejected(422, str(error), received=True) from None
        except (ValueError, RecursionError):
            raise Rejected(400, "This request can't be understood", received=True) from None
        data = json.dumps(value).encode() if body else b""
        delivered = False

        async def deliver() -> Any:
            nonlocal delivered
            if delivered:
                return await receive()
            delivered = True
            return {"type": "http.request", "body": data, "more_body": False}

        headers = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
        length = (b"content-length", str(len(data)).encode())
        return scope | {"headers": [*headers, length]}, deliver


def path_of(scope: Any) -> str:
    """The path of an HTTP request, without the prefix that proxies have added."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def check_value(value: Any, max_bytes: int, check_file: CheckFile) -> None:
    """Check what was sent to an event, however it is nested.

    ImageError for a file that no visitor has uploaded, for an address, and for files with more than
    `max_bytes` together; ValueError for too many files and for deep nesting.
    """
    files: dict[str, int] = {}
    nodes = [(value, 0)]
    while nodes:
        node, depth = nodes.pop()
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        if isinstance(node, dict):
            if has_long_name(node):
                raise ValueError(LONG_NAME)
            if "path" in node and (file := check_file(node)):
                files[str(file)] = file.stat().st_size
                if len(files) > MAX_FILES:
                    raise ValueError("too many files")
            nodes += [(child, depth + 1) for child in node.values()]
        elif isinstance(node, list):
            nodes += [(child, depth + 1) for child in node]
    if sum(files.values()) > max_bytes:
        raise ImageError(
            f"the pictures have {sum(files.values()) / 1e6:.0f} MB together, and "
            f"{max_bytes / 1e6:.0f} MB are allowed here; make them smaller"
        )


def summary(error: Exception) -> str:
    """An unexpected error in one line: its type, its message, and where it was raised."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno})" if trace else ""
    return f"{type(error).__name__}: {error}"[:200].replace("\n", " ") + place


def _body(rejected: Rejected) -> Any:
    """The answer in the form that Gradio's own clients understand."""
    message = toast_html(str(rejected))
    if rejected.status == 422:
        return {"detail": [{"__type__": "validate", "is_valid": False, "message": message}]}
    return {"detail": message}


def has_long_name(values: dict[str, Any]) -> bool:
    """Whether a client has given a name that is longer than MAX_NAME; it would be kept for a while."""
    return any(len(str(values.get(key, ""))) > MAX_NAME for key in NAMES)


def _stream_name(path: str, query: dict[str, list[str]]) -> str:
    """The session or the event whose stream this request opens; empty for other requests."""
    match = _STREAM.fullmatch(path)
    if not match:
        return ""
    return match["event"] or query.get("session_hash", [""])[0]


def _length(scope: Any, max_length: int) -> int:
    """The bytes of the body, from its header; the server makes sure that it is true."""
    header = Headers(scope=scope).get("content-length", "")
    if not header.isdigit():
        raise Rejected(411, "This request doesn't tell its length")
    if int(header) > max_length:
        raise Rejected(413, f"This is too large: {max_length / 1e6:.0f} MB at most")
    return int(header)


async def _drain(receive: Any) -> None:
    """Receive the rest, within bounds: browsers read no answer before they have sent it."""
    left = MAX_DRAINED
    with suppress(TimeoutError):
        async with asyncio.timeout(MAX_SECONDS):
            message = {"more_body": True}
            while left > 0 and message.get("more_body"):
                message = await receive()
                left -= len(message.get("body", b""))


async def _read(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Rejected(400, "This request broke off", received=True)
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
