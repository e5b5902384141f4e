"""The page, served by `python app.py` and driven in a real Chromium."""

import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, Locator, Page, expect

from nst.gallery import photos
from nst.images import fit, open_image
from nst.sharing import from_text

from .serving import ROOT, Served

MINUTE = 60_000


@pytest.fixture
def page(server: Served, browser: Browser) -> Iterator[Page]:
    """A page that complains of any console error and of any request to another host."""
    url = server.url
    complaints: list[str] = []
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(MINUTE / 2)
    opened.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "request",
        lambda r: None if r.url.startswith((url, "data:", "blob:")) else complaints.append(r.url),
    )
    opened.goto(url)
    expect(opened.locator("#status")).to_contain_text("Ready")
    yield opened
    opened.close()
    assert complaints == []


def _choose(page: Page, size: int, effort: str) -> None:
    page.locator("#settings button.label-wrap").first.click()
    box, slider = (
        page.get_by_label(f"{kind} for Size") for kind in ("number input", "range slider")
    )
    expect(slider).to_be_visible()
    page.wait_for_timeout(1000)
    for _ in range(20):  # a folded part is made when it opens, and forgets what came too soon
        box.fill(str(size))
        box.press("Tab")
        page.wait_for_timeout(250)
        if box.input_value() == slider.input_value() == str(size):
            break
    page.get_by_label(effort, exact=True).first.check()


def _pick(page: Page) -> None:
    page.locator("#styles button").first.click()
    page.locator("button.gallery-item").first.click()
    expect(page.locator("#photo img")).to_be_visible()


def _paint(page: Page) -> list[str]:
    """Click, and return the addresses of all pictures that the canvas shows until the end."""
    page.evaluate(
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
    page.locator("#paint").click()
    expect(page.locator("#status")).to_contain_text("Done in", timeout=2 * MINUTE)
    return page.evaluate("window.seen")


def test_pick_paint_and_download(page: Page, tmp_path: Path) -> None:
    _choose(page, 192, "normal")
    _pick(page)
    seen = _paint(page)
    assert len(seen) >= 5
    pictures = {page.request.get(address).body() for address in seen}
    assert len(pictures) == len(seen)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download PNG").click()
    started.value.save_as(tmp_path / "download.png")
    shown = page.locator("#canvas img").get_attribute("src")
    assert shown
    assert (tmp_path / "download.png").read_bytes() == page.request.get(shown).body()
    painting = Image.open(tmp_path / "download.png")
    assert (painting.format, max(painting.size)) == ("PNG", 192)
    assert started.value.suggested_filename == "tower after swirling_night.png"


def test_stop_keeps_the_picture_and_finishes_it(page: Page) -> None:
    _choose(page, 512, "fine")
    _pick(page)
    page.locator("#paint").click()
    expect(page.locator("#canvas img")).to_be_visible()
    page.locator("#stop").click()
    expect(page.locator("#status")).to_contain_text("Stopped after", timeout=MINUTE / 4)
    expect(page.locator("#canvas img")).to_have_attribute("src", re.compile(r"\.png$"))
    expect(page.get_by_role("button", name="Download PNG")).to_be_enabled()
    expect(page.locator("#paint")).to_be_visible()
    expect(page.locator("#stop")).to_be_hidden()


def test_a_closed_tab_stops_the_work(server: Served, browser: Browser) -> None:
    url, process = server.url, server.process.pid
    opened = browser.new_page()
    opened.goto(url)
    _choose(opened, 512, "fine")
    _pick(opened)
    opened.locator("#paint").click()
    expect(opened.locator("#canvas img")).to_be_visible()
    assert _busy(process) > 0.3
    opened.close()
    for _ in range(20):
        if _busy(process) < 0.2:
            return
    pytest.fail("the engine still works for a visitor who has left")


def _busy(process: int) -> float:
    """Seconds of processor time in about a second."""

    def used() -> float:
        stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    time.sleep(1)
    return used() - before


def test_nothing_to_paint_says_so_and_loses_nothing(page: Page) -> None:
    page.locator("#paint").click()
    expect(page.get_by_text("Add a photo first")).to_be_visible()
    _choose(page, 128, "quick")
    page.locator("button.gallery-item").first.click()
    expect(page.locator("#photo img")).to_be_visible()
    page.locator("#paint").click()
    expect(page.get_by_text("Choose a style first")).to_be_visible()
    expect(page.locator("#photo img")).to_be_visible()
    expect(page.get_by_label("number input for Size")).to_have_value("128")
    page.locator("#styles button").first.click()
    assert _paint(page)


def _truncated(path: Path) -> None:
    Image.effect_noise((200, 200), 90).save(path)
    path.write_bytes(path.read_bytes()[:3000])


BAD = [
    ("text.jpg", lambda path: path.write_text("not a picture"), "save it as JPEG or PNG"),
    ("half.jpg", _truncated, "is damaged or incomplete"),
    ("tiny.png", lambda path: Image.new("RGB", (1, 1)).save(path), "has only 1x1 pixels"),
    ("huge.png", lambda path: Image.new("1", (20000, 20000)).save(path), "make it smaller"),
]


def test_a_file_that_is_no_photo_says_what_to_do(page: Page, tmp_path: Path) -> None:
    _choose(page, 128, "quick")
    for name, make, told in BAD:
        make(tmp_path / name)
        page.locator("#photo input[type=file]").set_input_files(tmp_path / name)
        expect(page.get_by_text(told)).to_be_visible()
        expect(page.locator("#photo input[type=file]")).to_be_attached()
        page.get_by_role("button", name="Clear").first.or_(page.locator("#paint")).first.focus()
    expect(page.get_by_label("number input for Size")).to_have_value("128")


def test_a_style_of_ones_own(page: Page, tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "mine.png")
    _choose(page, 128, "quick")
    plates = page.locator("#styles button").count()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add your own style").click()
    chooser.value.set_files(tmp_path / "mine.png")
    expect(page.locator("#styles button")).to_have_count(plates + 1)
    page.locator("button.gallery-item").first.click()
    expect(page.locator("#photo img")).to_be_visible()
    _paint(page)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download PNG").click()
    assert started.value.suggested_filename == "tower after mine.png"


SMALL = "size=128&effort=quick"


def _open(page: Page, url: str, query: str) -> None:
    page.goto(f"{url}/?{query}")
    expect(page.locator("#status")).to_contain_text("Ready")
    expect(page.locator("#photo img")).to_be_visible()


def _finished(page: Page) -> Image.Image:
    """The picture on the canvas, which the server still has."""
    return Image.open(io.BytesIO(page.request.get(_source(page)).body()))


def _source(page: Page) -> str:
    return str(page.locator("#canvas img").get_attribute("src"))


def test_a_recipe_survives_a_reload_by_its_link(page: Page, server: Served) -> None:
    _open(page, server.url, "photo=lion&style=gold_spirals")
    page.locator("#settings button.label-wrap").first.click()
    page.get_by_label("Recipe", exact=True).click()
    page.get_by_role("option", name="Gatys et al.").click()
    expect(page.locator("#about")).to_contain_text("A Neural Algorithm of Artistic Style")
    expect(page.locator("#about .katex").first).to_be_visible()
    expect(page).to_have_url(re.compile("recipe=gatys"))
    page.reload()
    expect(page.locator("#status")).to_contain_text("Ready")
    page.locator("#settings button.label-wrap").first.click()
    expect(page.get_by_label("Recipe", exact=True)).to_have_value("Gatys et al.")
    expect(page.locator("#about")).to_contain_text("A Neural Algorithm of Artistic Style")
    expect(page.locator("#photo img")).to_be_visible()
    expect(page).to_have_url(re.compile("photo=lion&style=gold_spirals&recipe=gatys"))


def test_a_copied_link_paints_the_same_elsewhere(
    page: Page, browser: Browser, server: Served, tmp_path: Path
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    _open(page, server.url, f"photo=tower&style=roman_mosaic&colour=matched&{SMALL}")
    _paint(page)
    page.locator("#copy").click()
    expect(page.get_by_text("Link copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    first = _finished(page)
    first.save(tmp_path / "first.png", pnginfo=_info(first))
    elsewhere = browser.new_context().new_page()
    elsewhere.goto(link)
    expect(elsewhere.locator("#photo img")).to_be_visible()
    _paint(elsewhere)
    assert _finished(elsewhere).tobytes() == first.tobytes()
    elsewhere.context.close()
    like = ["--like", str(tmp_path / "first.png"), "-o", str(tmp_path / "again.png")]
    subprocess.run(
        [sys.executable, "-m", "nst", str(_sample("tower")), *like], check=True, cwd=ROOT
    )
    assert Image.open(tmp_path / "again.png").tobytes() == first.tobytes()


def _info(picture: Image.Image) -> PngInfo:
    info = PngInfo()
    for key, value in picture.text.items():  # type: ignore[attr-defined]
        info.add_text(key, value)
    return info


def _sample(name: str) -> Path:
    return next(photo.path for photo in photos() if photo.name == name)


def test_film_slider_and_a_strip_that_survives_a_reload(page: Page, server: Served) -> None:
    _open(page, server.url, f"photo=lion&style=stained_glass&{SMALL}")
    _paint(page)
    page.get_by_role("tab", name="Film", exact=True).click()
    video = page.locator("#film video")
    expect(video).to_be_visible(timeout=MINUTE / 2)
    page.wait_for_function("document.querySelector('#film video').currentTime > 0.3")
    assert video.evaluate("video => [video.videoWidth, video.videoHeight]") == [128, 128]
    expect(page.get_by_role("button", name="For chats, WebP")).to_be_enabled()
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("#slider img").first).to_be_visible()
    page.reload()
    expect(page.locator("#strip img")).to_have_count(1)
    page.locator("#strip button.gallery-item, #strip .thumbnail-item").first.click()
    expect(page.locator("#canvas img")).to_be_visible()
    expect(page).to_have_url(re.compile("style=stained_glass"))
    page.get_by_role("button", name="Take this one down").click()
    expect(page.locator("#strip img")).to_have_count(0)


def test_a_painting_dropped_in_offers_its_settings(
    page: Page, browser: Browser, server: Served, tmp_path: Path
) -> None:
    before = browser.new_page()
    _open(before, server.url, f"photo=lion&style=gold_spirals&strength=0.8&{SMALL}")
    _paint(before)
    (tmp_path / "mine.png").write_bytes(page.request.get(_source(before)).body())
    before.close()
    page.locator("#photo input[type=file]").set_input_files(tmp_path / "mine.png")
    expect(page.get_by_text("painted here, after gold_spirals")).to_be_visible()
    page.get_by_role("button", name="Use its settings").click()
    expect(page).to_have_url(re.compile("style=gold_spirals&size=128&strength=0.8&effort=quick"))


def _seen(
    page: Page, canvas: Locator, ready: Callable[[NDArray[np.uint8]], bool]
) -> NDArray[np.uint8]:
    """What the canvas shows once it is ready and has come to rest."""
    last = np.zeros(())
    for _ in range(40):
        now = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB"))
        if np.array_equal(now, last) and ready(now):
            return now
        last = now
        page.wait_for_timeout(500)
    raise AssertionError("the canvas does not show what it should")


def test_only_the_part_under_the_brush_is_painted(page: Page, server: Served) -> None:
    _open(page, server.url, f"photo=lion&style=stained_glass&{SMALL}")
    page.locator("#part button.label-wrap").first.click()
    canvas = page.locator("#mask canvas").first
    expect(canvas).to_be_visible()
    canvas.scroll_into_view_if_needed()
    before = _seen(page, canvas, lambda now: now.std() > 30)  # the photo is under the brush
    box = canvas.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    page.mouse.down()
    for share in (0.42, 0.45, 0.5, 0.55, 0.58):
        page.mouse.move(box["x"] + box["width"] * share, middle, steps=3)
    page.mouse.up()
    _seen(page, canvas, lambda now: not np.array_equal(now, before))
    page.wait_for_timeout(1000)
    _paint(page)
    painting = _finished(page)
    remembered = from_text(painting)
    assert remembered
    assert remembered[0].also == ("mask",)
    photo = np.asarray(fit(open_image(_sample("lion")), 128), dtype=int)
    changed = np.abs(np.asarray(painting.convert("RGB"), dtype=int) - photo).max(axis=2) > 0
    assert 0.01 < changed.mean() < 0.6
    assert not changed[:10].any()
    assert not changed[-10:].any()


def test_painting_on_from_what_is_there(page: Page, server: Served) -> None:
    _open(page, server.url, f"photo=lion&style=stained_glass&{SMALL}")
    expect(page.locator("#on")).to_be_disabled()
    _paint(page)
    expect(page.locator("#on")).to_be_enabled()
    page.locator("#settings button.label-wrap").first.click()
    page.wait_for_timeout(1000)
    page.get_by_label("number input for Size").fill("256")
    page.get_by_label("number input for Size").press("Tab")
    expect(page).to_have_url(re.compile("size=256"))
    page.locator("#on").click()
    expect(page.locator("#stop")).to_be_visible()
    expect(page.locator("#status")).to_contain_text("Done in", timeout=MINUTE)
    remembered = from_text(_finished(page))
    assert remembered
    assert remembered[0].also == ("start",)
    assert max(_finished(page).size) == 256


def test_again_with_another_seed_where_the_start_is_noise(page: Page, server: Served) -> None:
    expect(page.locator("#again")).to_be_hidden()
    _open(page, server.url, "photo=lion&style=gold_spirals&recipe=texture&size=64&steps=5")
    _paint(page)
    first = _source(page)
    page.locator("#again").click()
    expect(page).to_have_url(re.compile("seed="))
    expect(page.locator("#canvas img")).not_to_have_attribute("src", first)
    expect(page.locator("#status")).to_contain_text("Done in", timeout=MINUTE)
    remembered = from_text(_finished(page))
    assert remembered
    assert f"seed={remembered[0].shared.settings.seed}&" in page.url


def test_steering_on_a_phone(browser: Browser, server: Served) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    phone = context.new_page()
    _open(phone, server.url, f"photo=lion&style=stained_glass&{SMALL}")
    phone.get_by_label("Bold").tap()
    expect(phone).to_have_url(re.compile("strength=0.75"))
    phone.locator("#settings button.label-wrap").first.tap()
    phone.get_by_label("photo", exact=True).first.tap()
    expect(phone).to_have_url(re.compile("colour=photo"))
    for button in ("#paint", "#on"):
        phone.locator(button).tap()
        expect(phone.locator("#stop")).to_be_visible()
        expect(phone.locator("#status")).to_contain_text("Done in", timeout=MINUTE)
    remembered = from_text(_finished(phone))
    assert remembered
    settings = remembered[0].shared.settings
    assert (settings.strength, settings.colour, remembered[0].also) == (0.75, "photo", ("start",))
    phone.locator("#part button.label-wrap").first.tap()
    expect(phone.locator("#mask canvas").first).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
