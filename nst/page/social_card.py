"""The preview of a link to the page in a chat (Open Graph, https://ogp.me)."""

import html
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from nst.gallery import EXAMPLES
from nst.page.ui import static
from nst.page.ui.translations import PATH as TRANSLATIONS

TITLE = "nst: photos into paintings"
DESCRIPTION = "Drop in a photo, pick a style, and watch the photo turn into a painting, step by step."
PATH = "/card.jpg"


def card_route() -> Route:
    """Serves the picture at an address that reveals nothing of this machine."""

    async def card(_: Request) -> FileResponse:
        return FileResponse(EXAMPLES / "results" / "card.jpg")

    return Route(PATH, card)


class SocialCard:
    """Plain ASGI: adds our meta tags and scripts to the head of the page itself.

    Gradio fills in its own `head` by JavaScript, which crawlers do not run. Of two tags for one property the first
    counts (https://ogp.me, "Arrays"). Other answers pass unchanged.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on; if it is for the page, add the tags to the answer."""
        if scope["type"] != "http" or scope["path"] != scope.get("root_path", "") + "/":
            await self.app(scope, receive, send)
            return
        head = b"<head>" + tags(public_address(scope)).encode()
        started: Any = None
        body = b""

        async def answer(message: Any) -> None:
            nonlocal started, body
            if message["type"] == "http.response.start":
                started = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = body.replace(b"<head>", head, 1)
            headers = [pair for pair in started["headers"] if pair[0].lower() != b"content-length"]
            length = (b"content-length", str(len(page)).encode())
            await send(started | {"headers": [*headers, length]})
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, answer)


def tags(address: str) -> str:
    """The tags of a page at this address."""
    values = {"title": TITLE, "description": DESCRIPTION, "address": address + "/", "picture": address + PATH}
    escaped = {name: html.escape(value) for name, value in values.items()}
    scripts = {"browser": static.read("browser.js"), "words": TRANSLATIONS.removeprefix("/")}
    return static.read("card.html").format(**scripts, **escaped)


def public_address(scope: Any) -> str:
    """The page's address as browsers see it, from the headers that proxies add.

    Each proxy appends itself to a list, so that the first entry is what the visitor requested.
    """
    headers = Headers(scope=scope)

    def forwarded(name: str, default: str) -> str:
        return headers.get(f"x-forwarded-{name}", default).partition(",")[0].strip()

    host = forwarded("host", headers.get("host", ""))
    prefix = forwarded("prefix", scope.get("root_path", "")).rstrip("/")
    return f"{forwarded('proto', scope['scheme'])}://{host}{prefix}"
