"""What a link to the page looks like in a chat (Open Graph)."""

import html
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from nst.page.ui import static
from nst.page.ui.translations import PATH as WORDS
from nst.service.app_state import CARD

TITLE = "nst: photos into paintings"
TOLD = "Drop in a photo, pick a style, and watch the photo turn into a painting, step by step."
PATH = "/card.jpg"


def card_route() -> Route:
    """Serves the picture, at an address that tells nothing of this machine."""

    async def card(_: Request) -> FileResponse:
        return FileResponse(CARD)

    return Route(PATH, card)


class SocialCard:
    """Puts our own tags in front of the ones that Gradio has in the page's head, and the script
    that speaks the visitor's language before anything is seen.

    Gradio fills its `head` in by JavaScript, which crawlers do not run; of two tags that say the
    same, the first counts (https://ogp.me, "Arrays"). Plain ASGI, and only for the page itself: the
    streams of events pass untouched.
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
            whole = body.replace(b"<head>", head, 1)
            kept = [pair for pair in started["headers"] if pair[0].lower() != b"content-length"]
            length = (b"content-length", str(len(whole)).encode())
            await send(started | {"headers": [*kept, length]})
            await send({"type": "http.response.body", "body": whole})

        await self.app(scope, receive, answer)


def tags(address: str) -> str:
    """The tags of a page at this address."""
    values = {"title": TITLE, "told": TOLD, "address": address + "/", "picture": address + PATH}
    safe = {name: html.escape(value) for name, value in values.items()}
    return static.read("card.html").format(words=WORDS.removeprefix("/"), **safe)


def public_address(scope: Any) -> str:
    """Where the page is for those outside, as the proxies before it tell; the nearest comes last.

    Each proxy adds itself to the end of a list, so that the first is what the visitor asked.
    """
    headers = Headers(scope=scope)

    def told(name: str, otherwise: str) -> str:
        return headers.get(f"x-forwarded-{name}", otherwise).partition(",")[0].strip()

    host = told("host", headers.get("host", ""))
    prefix = told("prefix", scope.get("root_path", "")).rstrip("/")
    return f"{told('proto', scope['scheme'])}://{host}{prefix}"
