"""Links, masks and phones: the page in a real Chromium."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import APIResponse, Browser, Locator, Route, expect
from playwright.sync_api import Page as Tab

from nst.gallery import sample
from nst.images import fit, open_image
from nst.sharing import from_text
from tests.driving import MINUTE, SMALL, finished, open_link, paint, source
from tests.serving import ROOT, Served


def test_a_recipe_survives_a_reload_by_its_link(tab: Tab, server: Served) -> None:
    open_link(tab, server.url, "photo=lion&style=gold_spirals")
    tab.locator("#settings button.label-wrap").first.click()
    tab.get_by_label("Recipe", exact=True).click()
    tab.get_by_role("option", name="Gatys et al.").click()
    expect(tab.locator("#about")).to_contain_text("A Neural Algorithm of Artistic Style")
    expect(tab.locator("#about .katex").first).to_be_visible()
    expect(tab).to_have_url(re.compile("recipe=gatys"))
    tab.reload()
    expect(tab.locator("#status")).to_contain_text("Ready")
    tab.locator("#settings button.label-wrap").first.click()
    expect(tab.get_by_label("Recipe", exact=True)).to_have_value("Gatys et al.")
    expect(tab.locator("#about")).to_contain_text("A Neural Algorithm of Artistic Style")
    expect(tab.locator("#photo img")).to_be_visible()
    expect(tab).to_have_url(re.compile("photo=lion&style=gold_spirals&recipe=gatys"))


def test_a_copied_link_paints_the_same_elsewhere(tab: Tab, browser: Browser, server: Served, tmp_path: Path) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_link(tab, server.url, f"photo=tower&style=roman_mosaic&colour=matched&{SMALL}")
    paint(tab)
    tab.locator("#copy").click()
    expect(tab.get_by_text("Link copied")).to_be_visible()
    link = tab.evaluate("navigator.clipboard.readText()")
    first = finished(tab)
    first.save(tmp_path / "first.png", pnginfo=_info(first))
    elsewhere = browser.new_context().new_page()
    elsewhere.goto(link)
    expect(elsewhere.locator("#photo img")).to_be_visible()
    paint(elsewhere)
    assert finished(elsewhere).tobytes() == first.tobytes()
    elsewhere.context.close()
    like = ["--like", str(tmp_path / "first.png"), "-o", str(tmp_path / "again.png")]
    subprocess.run([sys.executable, "-m", "nst", str(sample("tower")), *like], check=True, cwd=ROOT)
    assert Image.open(tmp_path / "again.png").tobytes() == first.tobytes()


def _info(picture: Image.Image) -> PngInfo:
    info = PngInfo()
    for key, value in picture.text.items():  # type: ignore[attr-defined]
        info.add_text(key, value)
    return info


def test_a_painting_dropped_in_offers_its_settings(tab: Tab, browser: Browser, server: Served, tmp_path: Path) -> None:
    before = browser.new_page()
    open_link(before, server.url, f"photo=lion&style=gold_spirals&strength=0.8&{SMALL}")
    paint(before)
    (tmp_path / "mine.png").write_bytes(tab.request.get(source(before)).body())
    before.close()
    tab.locator("#photo input[type=file]").set_input_files(tmp_path / "mine.png")
    expect(tab.get_by_text(re.compile("painted here, after .?gold_spirals"))).to_be_visible()
    tab.get_by_role("button", name="Use its settings").click()
    expect(tab).to_have_url(re.compile("style=gold_spirals&size=96&strength=0.8&steps=9"))


def test_a_late_answer_does_not_tell_of_what_was_set_before(tab: Tab, server: Served) -> None:
    late: list[tuple[Route, APIResponse]] = []

    def slow(route: Route) -> None:
        answer = route.fetch()
        if not late and "Now pick a style" in answer.text():
            late.append((route, answer))
        else:
            route.fulfill(response=answer)

    tab.route("**/gradio_api/run/**", slow)
    tab.goto(f"{server.url}/?photo=lion&style=stained_glass&{SMALL}")
    for _ in range(100):
        tab.wait_for_timeout(100)
        if late:
            break
    tab.wait_for_timeout(1000)  # in which a newer answer would come
    ((route, answer),) = late
    route.fulfill(response=answer)
    tab.wait_for_timeout(1000)
    expect(tab.locator("#status")).to_contain_text("Ready")
    tab.unroute_all(behavior="wait")  # one still being fetched would fail the test that follows


def _seen(tab: Tab, canvas: Locator, ready: Callable[[NDArray[np.uint8]], bool]) -> NDArray[np.uint8]:
    """What the canvas shows once it is ready and has come to rest."""
    last = np.zeros(())
    for _ in range(40):
        now = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB"))
        if np.array_equal(now, last) and ready(now):
            return now
        last = now
        tab.wait_for_timeout(500)
    raise AssertionError("the canvas does not show what it should")


def test_only_the_part_under_the_brush_is_painted(tab: Tab, server: Served) -> None:
    open_link(tab, server.url, f"photo=lion&style=stained_glass&{SMALL}")
    tab.locator("#part button.label-wrap").first.click()
    canvas = tab.locator("#mask canvas").first
    expect(canvas).to_be_visible()
    canvas.scroll_into_view_if_needed()
    before = _seen(tab, canvas, lambda now: now.std() > 30)  # the photo is under the brush
    box = canvas.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + box["width"] * 0.4, middle)
    tab.mouse.down()
    for share in (0.42, 0.45, 0.5, 0.55, 0.58):
        tab.mouse.move(box["x"] + box["width"] * share, middle, steps=3)
    tab.mouse.up()
    _seen(tab, canvas, lambda now: not np.array_equal(now, before))
    tab.wait_for_timeout(1000)
    paint(tab)
    painting = finished(tab)
    remembered = from_text(painting)
    assert remembered
    assert remembered[0].extra_inputs == ("mask",)
    photo = np.asarray(fit(open_image(sample("lion")), 96), dtype=int)
    changed = np.abs(np.asarray(painting.convert("RGB"), dtype=int) - photo).max(axis=2) > 0
    assert 0.01 < changed.mean() < 0.6
    assert not changed[:10].any()
    assert not changed[-10:].any()


def test_steering_on_a_phone(browser: Browser, server: Served) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    phone = context.new_page()
    open_link(phone, server.url, f"photo=lion&style=stained_glass&{SMALL}")
    phone.get_by_label("Bold").tap()
    expect(phone).to_have_url(re.compile("strength=0.65"))
    phone.locator("#settings button.label-wrap").first.tap()
    phone.get_by_label("photo", exact=True).first.tap()
    expect(phone).to_have_url(re.compile("colour=photo"))
    for button in ("#paint", "#on"):
        phone.locator(button).tap()
        expect(phone.locator("#stop")).to_be_visible()
        expect(phone.locator("#status")).to_contain_text("Done in", timeout=MINUTE)
    remembered = from_text(finished(phone))
    assert remembered
    settings = remembered[0].link.settings
    assert (settings.strength, settings.colour, remembered[0].extra_inputs) == (0.65, "photo", ("start",))
    phone.locator("#part button.label-wrap").first.tap()
    expect(phone.locator("#mask canvas").first).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
