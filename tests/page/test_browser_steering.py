"""Links, masks and phones: the page in a real Chromium."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import APIResponse, Browser, Locator, Route, expect
from playwright.sync_api import Page as Tab

from nst.cli.main import main
from nst.gallery import sample
from nst.images import fit, open_image
from nst.sharing import from_text
from tests.driving import SMALL, finished, open_link, paint
from tests.serving import Served


def test_a_recipe_survives_a_reload_by_its_link(blank: Tab, server: Served) -> None:
    open_link(blank, server.url, "photo=lion&style=gold_spirals")
    blank.locator("#settings button.label-wrap").first.click()
    blank.get_by_label("Recipe", exact=True).click()
    blank.get_by_role("option", name="Gatys et al.").click()
    expect(blank.locator("#about")).to_contain_text("A Neural Algorithm of Artistic Style")
    expect(blank.locator("#about .katex").first).to_be_visible()
    expect(blank).to_have_url(re.compile("recipe=gatys"))
    blank.reload()
    expect(blank.locator("#status")).to_contain_text("Ready")
    blank.locator("#settings button.label-wrap").first.click()
    expect(blank.get_by_label("Recipe", exact=True)).to_have_value("Gatys et al.")
    expect(blank.locator("#about")).to_contain_text("A Neural Algorithm of Artistic Style")
    expect(blank.locator("#photo img")).to_be_visible()
    expect(blank).to_have_url(re.compile("photo=lion&style=gold_spirals&recipe=gatys"))


def test_the_preview_follows_the_strength_of_a_recipe(blank: Tab, server: Served) -> None:
    open_link(blank, server.url, "photo=lion&style=gold_spirals&strength=0.2")
    preview = blank.locator("#canvas img").first
    before = str(preview.get_attribute("src"))
    blank.locator("#settings button.label-wrap").first.click()
    blank.get_by_label("Recipe", exact=True).click()
    blank.get_by_role("option", name="Gatys et al.").click()
    expect(preview).not_to_have_attribute("src", before)


def test_the_preview_follows_the_shares_of_a_blend(blank: Tab, server: Served) -> None:
    open_link(blank, server.url, "photo=lion&style=gold_spirals,stained_glass")
    shares = blank.get_by_label("Style weights")
    expect(shares).to_be_visible()
    preview = blank.locator("#canvas img").first
    before = str(preview.get_attribute("src"))
    shares.fill("1,0")
    expect(preview).not_to_have_attribute("src", before)


def test_a_copied_link_paints_the_same_elsewhere(blank: Tab, browser: Browser, server: Served, tmp_path: Path) -> None:
    blank.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_link(blank, server.url, f"photo=tower&style=roman_mosaic&colour=matched&{SMALL}")
    paint(blank)
    blank.locator("#copy").click()
    expect(blank.get_by_text("Link copied")).to_be_visible()
    link = blank.evaluate("navigator.clipboard.readText()")
    first = finished(blank)
    elsewhere = browser.new_context().new_page()
    elsewhere.goto(link)
    expect(elsewhere.locator("#photo img")).to_be_visible()
    paint(elsewhere)
    assert finished(elsewhere).tobytes() == first.tobytes()
    elsewhere.context.close()


def test_a_painting_dropped_in_offers_its_settings(tab: Tab, tmp_path: Path) -> None:
    settings = ["--strength", "0.8", "--size", "64", "--steps", "4"]
    main([str(sample("lion")), "gold_spirals", "-o", str(tmp_path / "mine.png"), *settings])
    tab.locator("#photo input[type=file]").set_input_files(tmp_path / "mine.png")
    expect(tab.get_by_text(re.compile("painted here, after .?gold_spirals"))).to_be_visible()
    tab.get_by_role("button", name="Use its settings").click()
    expect(tab).to_have_url(re.compile("style=gold_spirals&size=64&strength=0.8&steps=4"))


def test_a_late_answer_does_not_tell_of_what_was_set_before(blank: Tab, server: Served) -> None:
    late: list[tuple[Route, APIResponse]] = []

    def slow(route: Route) -> None:
        answer = route.fetch()
        if not late and "Now pick a style" in answer.text():
            late.append((route, answer))
        else:
            route.fulfill(response=answer)

    blank.route("**/gradio_api/run/**", slow)
    blank.goto(f"{server.url}/?photo=lion&style=stained_glass&{SMALL}")
    for _ in range(1200):
        blank.wait_for_timeout(100)
        if late:
            break
    blank.wait_for_timeout(1000)  # in which a newer answer would come
    ((route, answer),) = late
    route.fulfill(response=answer)
    blank.wait_for_timeout(1000)
    expect(blank.locator("#status")).to_contain_text("Ready")


def _seen(tab: Tab, canvas: Locator, ready: Callable[[NDArray[np.uint8]], bool]) -> NDArray[np.uint8]:
    """What the canvas shows once it is ready and has come to rest."""
    last = np.zeros(())
    for _ in range(240):
        now = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB"))
        if np.array_equal(now, last) and ready(now):
            return now
        last = now
        tab.wait_for_timeout(500)
    raise AssertionError("the canvas does not show what it should")


def test_only_the_part_under_the_brush_is_painted(blank: Tab, server: Served) -> None:
    open_link(blank, server.url, f"photo=lion&style=stained_glass&{SMALL}")
    blank.locator("#part button.label-wrap").first.click()
    canvas = blank.locator("#mask canvas").first
    expect(canvas).to_be_visible()
    canvas.scroll_into_view_if_needed()
    before = _seen(blank, canvas, lambda now: now.std() > 30)  # the photo is under the brush
    box = canvas.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    blank.mouse.move(box["x"] + box["width"] * 0.4, middle)
    blank.mouse.down()
    for share in (0.42, 0.45, 0.5, 0.55, 0.58):
        blank.mouse.move(box["x"] + box["width"] * share, middle, steps=3)
    blank.mouse.up()
    _seen(blank, canvas, lambda now: not np.array_equal(now, before))
    blank.wait_for_timeout(1000)
    paint(blank)
    painting = finished(blank)
    remembered = from_text(painting)
    assert remembered
    assert remembered[0].extra_inputs == ("mask",)
    photo = np.asarray(fit(open_image(sample("lion")), 64), dtype=int)
    changed = np.abs(np.asarray(painting.convert("RGB"), dtype=int) - photo).max(axis=2) > 0
    assert 0.01 < changed.mean() < 0.6
    assert not changed[:6].any()
    assert not changed[-6:].any()


def test_steering_on_a_phone(browser: Browser, server: Served) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    phone = context.new_page()
    open_link(phone, server.url, f"photo=lion&style=stained_glass&{SMALL}")
    expect(phone.locator("#on")).to_be_disabled()
    preview = phone.locator("#canvas img").first
    before = str(preview.get_attribute("src"))
    phone.get_by_label("Bold").tap()
    expect(phone).to_have_url(re.compile("strength=0.65"))
    expect(preview).not_to_have_attribute("src", before)
    phone.locator("#settings button.label-wrap").first.tap()
    phone.get_by_label("photo", exact=True).first.tap()
    expect(phone).to_have_url(re.compile("colour=photo"))
    for button in ("#paint", "#on"):
        phone.locator(button).tap()
        expect(phone.locator("#stop")).to_be_visible()
        expect(phone.locator("#status")).to_contain_text("Done in")
    remembered = from_text(finished(phone))
    assert remembered
    settings = remembered[0].link.settings
    assert (settings.strength, settings.colour, remembered[0].extra_inputs) == (0.65, "photo", ("start",))
    phone.locator("#part button.label-wrap").first.tap()
    expect(phone.locator("#mask canvas").first).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
