"""The wall in the page, with a stand-in for the Hub."""

import io
import re
import time
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from huggingface_hub import constants
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, expect

from nst.images import save_image
from nst.page import wall
from nst.page.context import Page
from nst.page.session import Session
from nst.page.store import Painting
from nst.recipes import RECIPES
from nst.settings import Settings
from nst.sharing import Painted, Shared, from_text, to_text

from ..conftest import Files
from .conftest import named
from .driving import SETTLED
from .serving import served
from .test_hub_wall import put_on_wall


def _painting(shared: Shared, size: int = 600) -> bytes:
    info = PngInfo()
    for key, text in to_text(Painted(shared, (), (), "VGG-16", 1, 1, 1.0)).items():
        info.add_text(key, text)
    data = io.BytesIO()
    Image.new("RGB", (size, size), "teal").save(data, "PNG", pnginfo=info)
    return data.getvalue()


GATYS = Shared("gatys", RECIPES["gatys"], ("gold_spirals",))
STRONG = Shared("atelier", Settings(strength=0.9), ("stained_glass",))


@pytest.fixture
def hung(hub: Files, page: Page) -> Files:
    put_on_wall(hub, [b"no picture", _painting(GATYS), _painting(STRONG), b"\x89PNG\r\n\x1a\n"])
    object.__setattr__(page.machine.config, "wall", "owner/wall")
    return hub


def test_what_hangs_is_shown_small_and_can_be_repeated(
    hung: Files, page: Page, session: Session
) -> None:
    outputs = wall.look(page, session=session)
    shown = outputs[page.wall.gallery].value
    assert session.wall == [STRONG, GATYS]
    assert len(shown) == 2
    repeated = wall.repeat(page, gr.SelectData(None, {"index": 1, "value": None}), session=session)
    assert repeated[page.settings.recipe] == "gatys"
    assert named(page, repeated)["init"] == "noise"
    elsewhere = gr.SelectData(None, {"index": 9, "value": None})
    assert wall.repeat(page, elsewhere, session=session) == gr.skip()


def test_an_empty_canvas_cannot_be_hung(hung: Files, page: Page, session: Session) -> None:
    with pytest.raises(gr.Error, match="no painting to hang"):
        wall.hang_up(page, session=session)


@pytest.fixture
def made(page: Page, session: Session, uploads: Path) -> Painting:
    """A painting after a plate and a style of the visitor's own."""
    folder = page.machine.store.new_folder()
    settings = Settings(style_weights=(1, 2))
    shared = Shared("atelier", settings, ("my_private_letter", "gold_spirals"))
    painted = Painted(shared, ("aaaa", "bbbb"), (), "VGG-16", 1, 1, 1.0)
    save_image(Image.new("RGB", (40, 30), "teal"), folder / "a.png", to_text(painted))
    made = Painting(folder, folder / "a.png", folder / "a.png", "", shared, session.key)
    page.machine.store.keep(made)
    session.painting = made.token
    page.machine.hung.clear()
    return made


def test_names_of_own_styles_stay_with_the_visitor(
    page: Page, session: Session, made: Painting, notices: list[str], monkeypatch: Any
) -> None:
    sent: list[bytes] = []
    monkeypatch.setattr(wall, "hang", lambda _, file: sent.append(file.read_bytes()))
    wall.hang_up(page, session=session)
    assert b"private" not in sent[0]
    with Image.open(io.BytesIO(sent[0])) as picture:
        remembered = from_text(picture)
    assert remembered
    assert remembered[0].styles == ("bbbb",)
    assert remembered[0].shared.styles == ("gold_spirals",)
    assert remembered[0].shared.settings.style_weights == ()
    assert b"private" in made.file.read_bytes()
    assert notices == ["It hangs on the wall."]


def test_the_wall_takes_only_so_many_an_hour(
    page: Page, session: Session, made: Painting, notices: list[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr(wall, "hang", lambda *_: None)
    for _ in range(wall.MOST_BY_ONE):
        wall.hang_up(page, session=session)
    with pytest.raises(gr.Error, match="Enough has been hung"):
        wall.hang_up(page, session=session)
    other = Session(painting=made.token)
    wall.hang_up(page, session=other)
    page.machine.hung += [time.monotonic()] * wall.MOST_BY_ALL
    with pytest.raises(gr.Error, match="Enough has been hung"):
        wall.hang_up(page, session=other)
    later = time.monotonic() + wall.HOUR
    monkeypatch.setattr(time, "monotonic", lambda: later)
    wall.hang_up(page, session=session)


def test_a_visitor_sees_the_wall(hub: Files, browser: Browser, tmp_path: Path) -> None:
    put_on_wall(hub, [_painting(GATYS), _painting(STRONG)])
    (tmp_path / "home").mkdir()
    hub_there = {"HF_ENDPOINT": constants.ENDPOINT, "HF_HOME": str(tmp_path / "home")}
    with served(tmp_path, NST_WALL="owner/wall", **hub_there) as app:
        tab = browser.new_page()
        tab.goto(app.url)
        expect(tab.locator("#status")).to_contain_text(SETTLED)
        tab.locator("#wall button.label-wrap").click()
        pictures = tab.locator("#wall img")
        expect(pictures).to_have_count(2, timeout=30_000)
        for number in range(2):
            tab.wait_for_function(
                "number => document.querySelectorAll('#wall img')[number].naturalWidth > 0",
                arg=number,
            )
        tab.locator("#wall .thumbnail-item").first.click()
        expect(tab).to_have_url(re.compile("style=stained_glass&strength=0.9"))
        tab.close()
        assert "Traceback" not in app.log.read_text()
