"""Headers for every answer, and limits for uploads (plain ASGI)."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import PlainTextResponse

from nst.config import Config
from nst.page.guard.client_ip import client_ip
from nst.page.guard.request_filter import MCP, UPLOAD, path_of
from nst.service.store import CROWDED, Store

HEADERS = {
    # The Hub shows a Space in a frame; other sites may not.
    "content-security-policy": "frame-ancestors 'self' https://huggingface.co https://*.hf.space",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}

FILE_PATHS = (UPLOAD, MCP)  # requests that bring files; an assistant's are part of its tool calls
MAX_CONCURRENT = 8  # uploads from one address at once: the disk space of each is reserved as long as it lasts

TOO_MANY = "Too many uploads at once: wait until some have arrived."

MAX_REQUESTS = 200  # requests of one address at once, most of them streams that a page listens to

TOO_MANY_OPEN = "Too many requests are open at once: close some pages."

HOURLY_SHARE = 8  # one address may send an eighth of the disk quota in an hour

TOO_MUCH = "You have sent very much in this hour: go on with what is there, or come back in the next."

Send = Callable[[Any], Awaitable[None]]


class SecurityHeaders:
    """Adds HEADERS to every answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Pass a request on."""

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, answer if scope["type"] == "http" else send)


class RequestQuota:
    """Answers so many requests of one address at once, for each may keep a connection open."""

    def __init__(self, app: Any, config: Config) -> None:
        self.app, self.config = app, config
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Pass a request on if its address has not too many of them."""
        ip = client_ip(HTTPConnection(scope), self.config) if scope["type"] == "http" else ""
        if ip and self._open[ip] >= MAX_REQUESTS:
            await PlainTextResponse(TOO_MANY_OPEN, 429)(scope, receive, send)
            return
        self._open[ip] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._open -= Counter([ip])


class UploadQuota:
    """Accepts files while there is room; behind the request filter."""

    def __init__(self, app: Any, store: Store, config: Config) -> None:
        self.app, self.store, self.config = app, store, config
        self._uploads: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._hour = 0

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Pass a request on if there is room for its files."""
        post = scope["type"] == "http" and scope["method"] == "POST"
        if not post or path_of(scope).rstrip("/") not in FILE_PATHS:
            await self.app(scope, receive, send)
            return
        size = int(Headers(scope=scope)["content-length"])  # the request filter has checked it
        ip = client_ip(HTTPConnection(scope), self.config)
        if message := self._rejection(ip, size):
            await PlainTextResponse(message, 429)(scope, receive, send)
            return
        self._bytes[ip] += size
        self._uploads[ip] += 1
        try:
            await self._receive(size, scope, receive, send)
        finally:
            self._uploads -= Counter([ip])

    def _rejection(self, ip: str, size: int) -> str:
        """Why this address may send no more at present; empty if it may."""
        hour = int(time.time() // 3600)
        if hour != self._hour:
            self._hour = hour
            self._bytes.clear()
        if self._uploads[ip] >= MAX_CONCURRENT:
            return TOO_MANY
        return TOO_MUCH if self._bytes[ip] + size > self.store.total / HOURLY_SHARE else ""

    async def _receive(self, size: int, scope: Any, receive: Any, send: Send) -> None:
        fits = await run_in_threadpool(self.store.reserve, size)
        try:
            if fits:
                await self.app(scope, receive, send)
            else:
                await PlainTextResponse(CROWDED, 507)(scope, receive, send)
        except ClientDisconnect:  # no line in the log; the sweep removes the unfinished file
            pass
        finally:
            self.store.arrived(size)
