"""Sends each visitor to the same page process (a cookie, plain ASGI)."""

import secrets
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

HEADER = "cookie"
"""The header that Ray Serve routes by: requests with the same value reach the same process."""

COOKIE = "nst"


class Sticky:
    """Gives each visitor a random cookie."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on; add the cookie to the answer if the request has none."""
        if scope["type"] != "http" or COOKIE in HTTPConnection(scope).cookies:
            await self.app(scope, receive, send)
            return

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                cookie = f"{COOKIE}={secrets.token_hex(8)}; Path=/; HttpOnly; SameSite=Lax"
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self.app(scope, receive, answer)
