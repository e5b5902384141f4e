"""What is said on the way out, and what may come in: headers for every answer, room for uploads."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import PlainTextResponse

from nst.config import Config
from nst.page.guard.client_ip import address
from nst.page.guard.request_filter import MCP, UPLOAD, path_of
from nst.service.store import CROWDED, Store

HEADERS = {
    # A Space lives in a frame of the Hub's; nobody else may lay the page under a page of theirs.
    "content-security-policy": "frame-ancestors 'self' https://huggingface.co https://*.hf.space",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}

TO_DISK = (UPLOAD, MCP)
"""Where files come in: an assistant's lie in its questions."""

MAX_AT_ONCE = 8
"""Uploads from one address: each has its room kept free for as long as it takes."""

MANY = "Too many uploads at once: wait until some have arrived."

SHARE = 8
"""One address may send an eighth of the disk's quota in an hour: it is there for all."""

MUCH = "You have sent very much in this hour: go on with what is there, or come back in the next."

Send = Callable[[Any], Awaitable[None]]


class SecurityHeaders:
    """Plain ASGI: adds HEADERS to every answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Pass a request on."""

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, answer if scope["type"] == "http" else send)


class UploadQuota:
    """Plain ASGI, behind the gate: takes files in while there is room for them."""

    def __init__(self, app: Any, store: Store, config: Config) -> None:
        self.app, self.store, self.config = app, store, config
        self._coming: Counter[str] = Counter()
        self._sent: Counter[str] = Counter()
        self._hour = 0

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Pass a request on, if there is room for what it brings."""
        files = scope["type"] == "http" and scope["method"] == "POST"
        if not files or path_of(scope).rstrip("/") not in TO_DISK:
            await self.app(scope, receive, send)
            return
        size = int(Headers(scope=scope)["content-length"])  # the gate has seen to it
        where = address(HTTPConnection(scope), self.config)
        if told := self._too_much(where, size):
            await PlainTextResponse(told, 429)(scope, receive, send)
            return
        self._sent[where] += size
        self._coming[where] += 1
        try:
            await self._take_in(size, scope, receive, send)
        finally:
            self._coming -= Counter([where])

    def _too_much(self, where: str, size: int) -> str:
        """Why this address may send no more now, or nothing."""
        hour = int(time.time() // 3600)
        if hour != self._hour:
            self._hour = hour
            self._sent.clear()
        if self._coming[where] >= MAX_AT_ONCE:
            return MANY
        return MUCH if self._sent[where] + size > self.store.total / SHARE else ""

    async def _take_in(self, size: int, scope: Any, receive: Any, send: Send) -> None:
        fits = await run_in_threadpool(self.store.reserve, size)
        try:
            if fits:
                await self.app(scope, receive, send)
            else:
                await PlainTextResponse(CROWDED, 507)(scope, receive, send)
        except ClientDisconnect:  # broken off: nothing for the log, and the sweep takes the rest
            pass
        finally:
            self.store.arrived(size)
