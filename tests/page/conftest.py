"""A page without a browser: a real machine, and a folder that visitors upload into; and with one:
the app as README starts it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

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
from tests.driving import MINUTE, SETTLED
from tests.serving import Served


@pytest.fixture(scope="package")
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


@pytest.fixture
def tab(server: Served, browser: Browser) -> Iterator[Tab]:
    """An open page that complains of any console error and of any request to another host."""
    url = server.url
    complaints: list[str] = []
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(MINUTE / 2)
    opened.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda r: None if r.url.startswith((url, "data:", "blob:")) else complaints.append(r.url))
    opened.goto(url)
    expect(opened.locator("#status")).to_contain_text(SETTLED)
    yield opened
    opened.close()
    assert complaints == []
