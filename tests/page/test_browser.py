"""Painting in the page, served by `python app.py` and driven in a real Chromium."""

import re
import struct
import zlib
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from nst.sharing import from_text
from tests.attacks.costly import chunk
from tests.driving import SMALL, choose, finished, open_link, paint, source
from tests.serving import Served

LONG = "photo=lion&style=gold_spirals&size=512&effort=fine"
"""A link to what takes a minute."""


def test_pick_paint_and_download(tab: Tab, tmp_path: Path) -> None:
    tab.locator("#paint").click()
    expect(tab.get_by_text("Add a photo first")).to_be_visible()
    choose(tab, 64, "quick")
    tab.locator("#samples button").first.click()
    expect(tab.locator("#photo img")).to_be_visible()
    expect(tab.get_by_label("number input for Size")).to_have_value("64")
    expect(tab.locator("#card")).to_contain_text("Swirling Night")  # the first style, as none was chosen
    seen = paint(tab)
    assert len(seen) >= 2
    pictures = {tab.request.get(address).body() for address in seen}
    assert len(pictures) == len(seen)
    with tab.expect_download() as started:
        tab.get_by_role("button", name="Download PNG").click()
    started.value.save_as(tmp_path / "download.png")
    shown = tab.locator("#canvas img").get_attribute("src")
    assert shown
    assert (tmp_path / "download.png").read_bytes() == tab.request.get(shown).body()
    painting = Image.open(tmp_path / "download.png")
    assert (painting.format, max(painting.size)) == ("PNG", 64)
    assert started.value.suggested_filename == "tower after swirling_night.png"


def test_stop_keeps_the_picture_and_finishes_it(blank: Tab, server: Served) -> None:
    open_link(blank, server.url, LONG)
    blank.locator("#paint").click()
    expect(blank.locator("#status")).to_contain_text("Painting, about")  # no preview that was there
    blank.locator("#stop").click()
    expect(blank.locator("#status")).to_contain_text("Stopped after")
    expect(blank.locator("#canvas img")).to_have_attribute("src", re.compile(r"\.png$"))
    expect(blank.get_by_role("button", name="Download PNG")).to_be_enabled()
    expect(blank.locator("#paint")).to_be_visible()
    expect(blank.locator("#stop")).to_be_hidden()


def _truncated(path: Path) -> None:
    Image.effect_noise((200, 200), 90).save(path)
    path.write_bytes(path.read_bytes()[:3000])


def _claiming(width: int, height: int) -> bytes:
    """A PNG of a row that says it has many."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    row = chunk(b"IDAT", zlib.compress(bytes(1 + width // 8)))
    return b"\x89PNG\r\n\x1a\n" + header + row + chunk(b"IEND", b"")


BAD = [
    ("half.jpg", _truncated, "is damaged or incomplete"),
    ("huge.png", lambda path: path.write_bytes(_claiming(20_000, 20_000)), "make it smaller"),
]


def test_a_file_that_is_no_photo_says_what_to_do(tab: Tab, tmp_path: Path) -> None:
    choose(tab, 64, "quick")
    for name, make, message in BAD:
        make(tmp_path / name)
        tab.locator("#photo input[type=file]").set_input_files(tmp_path / name)
        expect(tab.get_by_text(message)).to_be_visible()
        expect(tab.locator("#photo input[type=file]")).to_be_attached()
        tab.get_by_role("button", name="Clear").first.or_(tab.locator("#paint")).first.focus()
    expect(tab.get_by_label("number input for Size")).to_have_value("64")


def test_a_style_of_ones_own(tab: Tab, tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "mine.png")
    choose(tab, 64, "one-pass")
    styles = tab.locator("#styles button").count()
    with tab.expect_file_chooser() as chooser:
        tab.get_by_role("button", name="Add your own style").click()
    chooser.value.set_files(tmp_path / "mine.png")
    expect(tab.locator("#styles button")).to_have_count(styles + 1)
    tab.locator("#samples button").first.click()
    expect(tab.locator("#photo img")).to_be_visible()
    paint(tab)
    with tab.expect_download() as started:
        tab.get_by_role("button", name="Download PNG").click()
    assert started.value.suggested_filename == "tower after mine.png"


def test_film_slider_and_a_strip_that_survives_a_reload(blank: Tab, server: Served) -> None:
    open_link(blank, server.url, f"photo=lion&style=stained_glass&{SMALL}")
    paint(blank)
    blank.get_by_role("tab", name="Film", exact=True).click()
    video = blank.locator("#film video")
    expect(video).to_be_visible()
    blank.wait_for_function("document.querySelector('#film video').currentTime > 0.3")
    assert video.evaluate("video => [video.videoWidth, video.videoHeight]") == [64, 64]
    expect(blank.get_by_role("button", name="For chats, WebP")).to_be_enabled()
    blank.get_by_role("tab", name="Compare").click()
    expect(blank.locator("#slider img").first).to_be_visible()
    blank.reload()
    expect(blank.locator("#strip img")).to_have_count(1)
    blank.locator("#strip .thumbnail-item").first.click()
    expect(blank.locator("#canvas img")).to_be_visible()
    expect(blank).to_have_url(re.compile("style=stained_glass"))
    blank.get_by_role("button", name="Remove this one").click()
    expect(blank.locator("#strip img")).to_have_count(0)


def test_again_with_another_seed_where_the_start_is_noise(tab: Tab, server: Served) -> None:
    expect(tab.locator("#again")).to_be_hidden()
    open_link(tab, server.url, "photo=lion&style=gold_spirals&recipe=texture&size=64&steps=2")
    paint(tab)
    first = source(tab)
    tab.locator("#again").click()
    expect(tab).to_have_url(re.compile("seed="))
    expect(tab.locator("#canvas img")).not_to_have_attribute("src", first)
    expect(tab.locator("#status")).to_contain_text("Done in")
    remembered = from_text(finished(tab))
    assert remembered
    assert f"seed={remembered[0].link.settings.seed}&" in tab.url
