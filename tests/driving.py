"""What a visitor does with the page, step by step, in a real Chromium."""

import io
import re

from PIL import Image
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

MINUTE = 60_000
"""In milliseconds, as Playwright counts."""

SETTLED = re.compile("Ready|Start with|Now pick")
"""What the status tells once the page knows what is set."""

SMALL = "size=64&steps=4"
"""What is set in most tests, as a link has it."""


def open_link(tab: Tab, url: str, query: str) -> None:
    """Go to a link, and wait until what it asks for is in the tab."""
    tab.goto(f"{url}/?{query}")
    expect(tab.locator("#status")).to_contain_text("Ready")
    expect(tab.locator("#photo img")).to_be_visible()


def choose(tab: Tab, size: int, effort: str) -> None:
    """Open the settings, and set two of them."""
    tab.locator("#settings button.label-wrap").first.click()
    box, slider = (tab.get_by_label(f"{kind} for Size") for kind in ("number input", "range slider"))
    expect(slider).to_be_visible()
    tab.wait_for_timeout(1000)
    for _ in range(20):  # a folded part is made when it opens, and forgets what came too soon
        box.fill(str(size))
        box.press("Tab")
        tab.wait_for_timeout(250)
        if box.input_value() == slider.input_value() == str(size):
            break
    tab.get_by_label(effort, exact=True).first.check()


def pick(tab: Tab) -> None:
    """Click the first style and the first sample photo."""
    tab.locator("#styles button").first.click()
    tab.locator("#samples button").first.click()
    expect(tab.locator("#photo img")).to_be_visible()


def paint(tab: Tab) -> list[str]:
    """Click, and return the addresses of all pictures that the canvas shows until the end."""
    tab.evaluate(
        """() => {
            window.seen = [];
            const look = () => {
                const image = document.querySelector('#canvas img');
                if (image && !window.seen.includes(image.src)) window.seen.push(image.src);
            };
            new MutationObserver(look).observe(document.querySelector('#canvas'),
                {subtree: true, childList: true, attributes: true});
        }"""
    )
    tab.locator("#paint").click()
    expect(tab.locator("#status")).to_contain_text("Done in")
    return tab.evaluate("window.seen")


def finished(tab: Tab) -> Image.Image:
    """The picture on the canvas, which the server still has."""
    return Image.open(io.BytesIO(tab.request.get(source(tab)).body()))


def source(tab: Tab) -> str:
    """The address of the picture on the canvas."""
    return str(tab.locator("#canvas img").get_attribute("src"))
