"""A page without a browser: a real machine, and a folder that visitors upload into; and with one:
the app as README starts it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, expect
from playwright.sync_api import Page as Tab
from playwright.sync_api import Request as WebRequest

from nst.job import Request
from nst.page.app import Page, build
from nst.page.events import Outputs
from nst.page.preview import CONTROLS
from nst.page.ui.controls import control_values
from nst.recipes import RECIPES
from nst.service.app_state import AppState
from nst.service.session import Session
from nst.service.tasks import PaintTask
from nst.service.uploads import Upload
from tests.conftest import sent
from tests.driving import SETTLED
from tests.serving import Served


@pytest.fixture(scope="session")
def page(app_state: AppState) -> Page:
    return build(app_state)[1]


@pytest.fixture
def session() -> Session:
    return Session(loaded=True)


@pytest.fixture
def notices(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: messages.append(text))
    monkeypatch.setattr(gr, "Info", lambda text, **_: messages.append(text))
    return messages


@pytest.fixture
def photo_sent(uploads: Path, photo: Image.Image) -> dict[str, Any]:
    photo.save(uploads / "photo.png")
    return sent(uploads / "photo.png")


def paint_task(**changes: Any) -> PaintTask:
    """A run of a photo that does not exist."""
    path = Path("photo.png")
    photo = Upload(path=path, display=path, digest="0", size=(4, 3), sample="", provenance=None)
    return PaintTask(**{"request": Request(path), "photo": photo, "size": 64} | changes)


def controls(recipe: str = "atelier", **changed: Any) -> dict[str, Any]:
    """What the page's controls send for a recipe's settings, with some of them changed."""
    return control_values(RECIPES[recipe]) | changed


def one_pass_controls() -> dict[str, Any]:
    """What the page's controls send for a preview or a film."""
    return {name: controls()[name] for name in CONTROLS}


def named(page: Page, outputs: Outputs) -> dict[str, Any]:
    """Settings among a handler's outputs, by name."""
    return {k: outputs[c] for k, c in page.settings.controls.items() if c in outputs}


@pytest.fixture(scope="session")
def kept_tab(context: BrowserContext) -> Tab:
    """A tab that one test after the other uses: it need not compile the page's scripts again."""
    return context.new_page()


@pytest.fixture
def blank(kept_tab: Tab, server: Served) -> Iterator[Tab]:
    """A tab without memories that complains of any console error and of any request to another host."""
    url, complaints = server.url, []

    def console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def request(request: WebRequest) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            complaints.append(request.url)

    def error(error: Error) -> None:
        complaints.append(str(error))

    kept_tab.goto(f"{url}/healthz")
    kept_tab.evaluate("localStorage.clear(), sessionStorage.clear()")
    listeners: dict[Any, Any] = {"console": console, "pageerror": error, "request": request}
    for event, listener in listeners.items():
        kept_tab.on(event, listener)
    yield kept_tab
    for event, listener in listeners.items():
        kept_tab.remove_listener(event, listener)
    kept_tab.unroute_all(behavior="wait")
    kept_tab.goto("about:blank")
    assert complaints == []


@pytest.fixture
def tab(blank: Tab, server: Served) -> Tab:
    """The page, open and ready."""
    blank.goto(server.url)
    expect(blank.locator("#status")).to_contain_text(SETTLED)
    return blank
