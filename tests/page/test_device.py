"""Previews that the visitor's device draws, with a painter that costs nothing."""

from playwright.sync_api import Browser, Request, expect

from tests.driving import MINUTE
from tests.serving import Served

from .fake_painter import replace_painter

DRAWN = """() => {
    const images = [...document.querySelectorAll('#styles img')];
    return images.length > 0 && images.every((image) => image.src.startsWith('blob:'));
}"""


def test_a_fast_device_draws_previews_and_the_gallery(browser: Browser, server: Served) -> None:
    with browser.new_context() as context:
        tab = context.new_page()
        tab.goto(server.url)
        replace_painter(tab)
        tab.evaluate("window.nst.device.ready = async () => true")
        asked = list[str]()

        def note(request: Request) -> None:
            if "/previews/" in request.url or request.url.endswith(".webp"):
                asked.append(request.url)

        tab.locator("#samples .thumbnail-item").first.click()
        preview = tab.locator("#canvas img[src^='blob:']")
        expect(preview).to_be_visible(timeout=MINUTE)
        tab.wait_for_function(DRAWN)
        first = preview.get_attribute("src")
        tab.on("request", note)
        tab.locator("#styles .thumbnail-item").nth(3).click()
        expect(tab.locator("#card")).to_contain_text("Wave")
        tab.wait_for_function("first => document.querySelector('#canvas img').src !== first", arg=first)
        assert tab.evaluate("window.wanted[0]") == ["woodblock_wave"]
        assert not asked
