"""What every request passes before Gradio sees it, and every answer before it leaves."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse

from nst.page.store import CROWDED, Store

HEADERS = {
    # A Space lives in a frame of the Hub's; nobody else may lay the page under a page of theirs.
    "content-security-policy": "frame-ancestors 'self' https://huggingface.co https://*.hf.space",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}

UPLOAD = "/gradio_api/upload"

TO_DISK = (UPLOAD, "/gradio_api/mcp")
"""Where files come in: an assistant's lie in its questions."""

CLOSED = ("/gradio_api/deep_link",)
"""Gradio's own snapshots of a page, a file for each call; our links are in the address."""

Send = Callable[[Any], Awaitable[None]]


class Doors:
    """Plain ASGI: adds HEADERS, closes what is not served, takes uploads while there is room."""

    def __init__(self, app: Any, store: Store) -> None:
        self.app, self.store = app, store

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Pass a request on, if it may pass."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        path = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/")
        if path in CLOSED:
            await PlainTextResponse("There is nothing here.", 404)(scope, receive, answer)
        elif path in TO_DISK and scope["method"] == "POST":
            await self._take_in(scope, receive, answer)
        else:
            await self.app(scope, receive, answer)

    async def _take_in(self, scope: Any, receive: Any, send: Send) -> None:
        """What comes in tells its size first, and the server holds it to that."""
        length = Headers(scope=scope).get("content-length", "")
        if not length.isdecimal():
            await PlainTextResponse("Say how large it is.", 411)(scope, receive, send)
            return
        size = int(length)
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
