"""The page in the visitor's language.

The page is written in English. A script replaces its texts from a file in `words` for each language, in which the
English text is the key. Gradio's own `I18n` covers labels and buttons, but not choices, status messages and errors.
Texts of visitors and owners are marked, and stay (`nst.page.ui.html.verbatim`).
"""

import tomllib
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nst.page.ui import static
from nst.page.ui.html import VERBATIM

FOLDER = Path(__file__).parent / "words"


PATH = "/words.js"


@cache
def languages() -> list[str]:
    """The languages besides English; each has a file in `words`."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def words_route() -> Route:
    """Serves the script for the language that the browser requests; an empty one for English."""

    async def words(request: Request) -> Response:
        language = preferred_language(request.headers.get("accept-language", ""))
        headers = {"vary": "accept-language", "cache-control": "no-cache"}
        return Response(_script(language), media_type="text/javascript", headers=headers)

    return Route(PATH, words)


def preferred_language(header: str) -> str:
    """The first language of an Accept-Language header that the page supports; "en" if none is.

    https://www.rfc-editor.org/rfc/rfc9110#name-accept-language
    """
    weighted = []
    for part in header[:1000].split(","):
        language, _, weight = part.partition(";q=")
        try:
            weighted.append((-float(weight or 1), language.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    weighted.sort(key=lambda pair: pair[0])
    accepted = [language for weight, language in weighted if weight < 0]
    return next((language for language in accepted if language in ("en", *languages())), "en")


def load_words(language: str) -> dict[str, str]:
    """English text -> its translation; `{}` stands for an inserted value."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))


@cache
def _script(language: str) -> str:
    if language == "en":
        return ""
    return static.read("translate.js", words=load_words(language), language=language, verbatim=VERBATIM)
