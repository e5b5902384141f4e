"""The gate: everything that comes in over HTTP is judged here, before Gradio looks at it.

Whoever can reach the page can send anything to every event, by number. Gradio acts on some of it
before a handler is asked: it fetches addresses, keeps values, serves methods of components. So only
what the page and its programs need is served at all, a request has bounds, and files in it are
files that visitors have uploaded.
"""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from nst.images import ImageError
from nst.page.guard.uploads import sent_file
from nst.page.ui.html import sentence

log = logging.getLogger("nst")

API = "/gradio_api"
UPLOAD, MCP = f"{API}/upload", f"{API}/mcp"

SERVED = {
    "GET": re.compile(
        rf"(?!{API}/|/monitoring)/.*|{API}/(file=.+|queue/(data|status)|call/.+|heartbeat/[^/]+"
        r"|upload_progress|startup-events|theme\.css|info/?|openapi\.json|app_id/?|mcp(/.*)?)",
        re.DOTALL,
    ),
    "POST": re.compile(
        rf"{API}/(queue/join|run/predict/?|call/(v2/)?[^/]+/?|cancel|reset/?|upload|mcp(/.*)?)"
    ),
    "DELETE": re.compile(rf"{MCP}(/.*)?"),
}
"""What the page, its API and its MCP server are made of, by method; HEAD goes with GET."""

SCRIPTS = re.compile(r"/(live|left)/[0-9a-f]{32}")
"""Where the page's own scripts send to: a camera's pictures, and that the page closes."""

MAX_BODY = 4_000_000
"""Bytes of what is sent to an event; the largest that a page sends are its eight paintings."""

MAX_SCRIPT = 200_000
"""Bytes of what a script sends: a camera's picture."""

MAX_HELD = 200_000_000
"""Bytes of all requests that are being read at once."""

MAX_DRAINED = 100_000_000
"""Bytes of a request that is refused, and dropped as they come."""

MAX_DEPTH = 20
"""Of lists and objects within one another."""

MAX_FILES = 40
"""That one event may name."""

MAX_SECONDS = 60.0
"""That a request to an event may take to arrive."""

_LISTENING = re.compile(rf"{API}/(?:queue/data|call/.+/(?P<event>[^/]+))")


class Rejected(Exception):
    """A request that goes no further: the status of the answer, and a sentence.

    `taken` tells that all of it has arrived.
    """

    def __init__(self, status: int, told: str, taken: bool = False) -> None:
        super().__init__(told)
        self.status, self.taken = status, taken


@dataclass
class OpenStreams:
    """Who listens to what becomes of their events: open streams, by session or by event."""

    _streams: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def joined(self, name: str) -> Iterator[None]:
        """For as long as a stream is open."""
        self._streams[name] = self._streams.get(name, 0) + 1
        try:
            yield
        finally:
            self._streams[name] -= 1
            if not self._streams[name]:
                del self._streams[name]

    def is_open(self, *names: str) -> bool:
        """Whether somebody listens to one of these."""
        return any(name in self._streams for name in names)


class RequestFilter:
    """Plain ASGI, in front of all of Gradio; `most_bytes` of files are taken in one request."""

    def __init__(self, app: Any, most_bytes: int, open_streams: OpenStreams) -> None:
        self.app, self.most_bytes, self.open_streams = app, most_bytes, open_streams
        self.held = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, as it is or as it was understood, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = ended = False

        async def answer(message: Any) -> None:
            nonlocal begun, ended
            begun, ended = True, message["type"].endswith("body") and not message.get("more_body")
            # Gradio's word for whatever a handler refuses; it is who asked that is wrong.
            refused = message.get("status") == 500
            await send(message | {"status": 400} if refused else message)

        try:
            await self._pass(scope, receive, answer)
        except Rejected as refused:
            if not refused.taken:
                await _drain(receive)
            complaint = _complaint(refused)
            await JSONResponse(complaint, refused.status)(scope, receive, send)
        except Exception as error:
            # Gradio trips over what makes no sense; a line is enough for the log.
            log.warning("%s %s: %s", scope["method"], scope["path"][:80], brief(error))
            if not begun:
                complaint = {"detail": "This request can't be understood."}
                await JSONResponse(complaint, 400)(scope, receive, send)
            elif not ended:
                await send({"type": "http.response.body", "body": b""})

    async def _pass(self, scope: Any, receive: Any, send: Any) -> None:
        path = path_of(scope)
        script = scope["method"] == "POST" and SCRIPTS.fullmatch(path)
        served = SERVED.get("GET" if scope["method"] == "HEAD" else scope["method"])
        if not script and not (served and served.fullmatch(path)):
            raise Rejected(404, "There is nothing here")
        if scope["method"] != "POST":
            stream = _listened_to(path, scope)
            with self.open_streams.joined(stream) if stream else nullcontext():
                await self.app(scope, receive, send)
            return
        length = _length(scope, self._most(path))
        if path == UPLOAD or script:
            await self.app(scope, receive, send)
            return
        if self.held + length > MAX_HELD:
            raise Rejected(503, "Too much is being sent at once; try again in a minute")
        self.held += length
        try:
            scope, receive = await self._judged(scope, receive)
            await self.app(scope, receive, send)
        finally:
            self.held -= length

    def _most(self, path: str) -> int:
        """Bytes that a request to this path may have; assistants send pictures as text."""
        if path == UPLOAD:
            return self.most_bytes + 100_000
        if SCRIPTS.fullmatch(path):
            return MAX_SCRIPT
        return MAX_BODY + (self.most_bytes * 4 // 3 if path.startswith(MCP) else 0)

    async def _judged(self, scope: Any, receive: Any) -> tuple[Any, Any]:
        """The request as it was understood: what is judged is what goes on."""
        try:
            async with asyncio.timeout(MAX_SECONDS):
                body = await _read(receive)
            told = json.loads(body) if body else None
            check(told, self.most_bytes)
        except TimeoutError:
            raise Rejected(408, "This request takes too long to arrive", taken=True) from None
        except ImageError as error:
            raise Rejected(422, str(error), taken=True) from None
        except (ValueError, RecursionError):
            raise Rejected(400, "This request can't be understood", taken=True) from None
        data = json.dumps(told).encode() if body else b""
        taken = False

        async def again() -> Any:
            nonlocal taken
            if taken:
                return await receive()
            taken = True
            return {"type": "http.request", "body": data, "more_body": False}

        kept = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
        length = (b"content-length", str(len(data)).encode())
        return scope | {"headers": [*kept, length]}, again


def path_of(scope: Any) -> str:
    """Of an HTTP request, without the part that proxies have put in front."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def check(told: Any, most_bytes: int) -> None:
    """Judge what was sent to an event, however it is nested.

    ImageError for a file that is none of a visitor's uploads, an address among them, and for files
    of too many bytes together; ValueError for what is nested too deep.
    """
    files: dict[str, int] = {}
    nodes = [(told, 0)]
    while nodes:
        node, depth = nodes.pop()
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        if isinstance(node, dict):
            if "path" in node and (file := sent_file(node)):
                files[str(file)] = file.stat().st_size
                if len(files) > MAX_FILES:
                    raise ValueError("too many files")
            nodes += [(value, depth + 1) for value in node.values()]
        elif isinstance(node, list):
            nodes += [(value, depth + 1) for value in node]
    if sum(files.values()) > most_bytes:
        raise ImageError(
            f"the pictures have {sum(files.values()) / 1e6:.0f} MB together, and "
            f"{most_bytes / 1e6:.0f} MB are allowed here; make them smaller"
        )


def brief(error: Exception) -> str:
    """An unexpected error in a line: what it is, and where it arose."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f" ({trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno})" if trace else ""
    return f"{type(error).__name__}: {error}"[:200].replace("\n", " ") + where


def _complaint(refused: Rejected) -> Any:
    """As Gradio's own clients understand it."""
    told = sentence(str(refused))
    if refused.status == 422:
        return {"detail": [{"__type__": "validate", "is_valid": False, "message": told}]}
    return {"detail": told}


def _listened_to(path: str, scope: Any) -> str:
    """The session, or the event, whose stream this is; nothing for another request."""
    found = _LISTENING.fullmatch(path)
    if not found:
        return ""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return found["event"] or query.get("session_hash", [""])[0]


def _length(scope: Any, most: int) -> int:
    """Bytes of the body, as its header tells; the server sees to it that it is true."""
    told = Headers(scope=scope).get("content-length", "")
    if not told.isdigit():
        raise Rejected(411, "This request doesn't tell its length")
    if int(told) > most:
        raise Rejected(413, f"This is too large: {most / 1e6:.0f} MB at most")
    return int(told)


async def _drain(receive: Any) -> None:
    """Let what is being sent arrive, within bounds: browsers read no answer before that."""
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
            raise Rejected(400, "This request broke off", taken=True)
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
