"""The wall in the page, with a stand-in for the Hub."""

import io
import re
from pathlib import Path

import gradio as gr
import pytest
from huggingface_hub import constants
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, expect

from nst.page import wall
from nst.page.context import Page
from nst.page.session import Session
from nst.recipes import RECIPES
from nst.settings import Settings
from nst.sharing import Painted, Shared, to_text

from ..conftest import Files
from .conftest import named
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


def test_a_visitor_sees_the_wall(hub: Files, browser: Browser, tmp_path: Path) -> None:
    put_on_wall(hub, [_painting(GATYS), _painting(STRONG)])
    (tmp_path / "home").mkdir()
    hub_there = {"HF_ENDPOINT": constants.ENDPOINT, "HF_HOME": str(tmp_path / "home")}
    with served(tmp_path, NST_WALL="owner/wall", **hub_there) as app:
        tab = browser.new_page()
        tab.goto(app.url)
        expect(tab.locator("#status")).to_contain_text("Ready")
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
