"""The page in the visitor's language.

The page is written in English, and a script replaces what it says, from a file of `words` for each
language, where the English text is the key. Gradio's own `I18n` reaches labels and buttons, but not
choices, what is told while one paints, and what is wrong with a file.
"""

import tomllib
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nst.page.ui import static

FOLDER = Path(__file__).parent / "words"

LANGUAGES = ("de", "es", "fr", "ja", "pt", "zh")
"""Beside English."""

PATH = "/words.js"


def words_route() -> Route:
    """Serves the script for the language that the browser asks for; for English, none."""

    async def words(request: Request) -> Response:
        language = chosen(request.headers.get("accept-language", ""))
        headers = {"vary": "accept-language", "cache-control": "no-cache"}
        return Response(_script(language), media_type="text/javascript", headers=headers)

    return Route(PATH, words)


def chosen(accepted: str) -> str:
    """The first language of an Accept-Language header that the page is there in; "en" if none is.

    https://www.rfc-editor.org/rfc/rfc9110#name-accept-language
    """
    weighted = []
    for part in accepted[:1000].split(","):
        language, _, weight = part.partition(";q=")
        try:
            weighted.append((-float(weight or 1), language.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    weighted.sort(key=lambda pair: pair[0])
    wanted = [language for weight, language in weighted if weight < 0]
    return next((language for language in wanted if language in ("en", *LANGUAGES)), "en")


def words_of(language: str) -> dict[str, str]:
    """English text -> the same in a language; `{}` stands for what is filled in."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))


@cache
def _script(language: str) -> str:
    if language == "en":
        return ""
    return static.read("translate.js", words=words_of(language), language=language)
