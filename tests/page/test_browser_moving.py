"""What a newcomer sees, and the film, in a real Chromium."""

import re
from pathlib import Path

import av
import numpy as np
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from nst.gallery import sample
from nst.images import open_image


def test_a_newcomer_sees_a_result_and_opens_it(tab: Tab) -> None:
    slider = tab.locator("#welcome img")
    expect(slider).to_have_count(2)
    tab.wait_for_function("[...document.querySelectorAll('#welcome img')].every(image => image.naturalWidth == 512)")
    expect(tab.locator("#keep")).to_be_hidden()
    tab.locator("#open-sample").click()
    expect(tab.locator("#canvas img")).to_be_visible()
    expect(slider.first).to_be_hidden()
    expect(tab.locator("#paint")).to_have_text(re.compile(r"Paint, about \d+ (s|min)"))
    expect(tab).to_have_url(re.compile("photo=mountains&style=swirling_night"))


def test_a_film_is_painted_and_played(tab: Tab, tmp_path: Path) -> None:
    photo = open_image(sample("lion")).resize((160, 128))
    with av.open(str(tmp_path / "film.webm"), "w") as made:
        stream = made.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for left in range(0, 48, 6):
            pixels = np.asarray(photo.crop((left, 0, left + 96, 64)))
            made.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        made.mux(stream.encode(None))
    tab.get_by_role("tab", name="Clip").click()
    (tmp_path / "none.mp4").write_bytes(b"nothing" * 100)
    chosen = tab.locator("#clip input[type=file]")
    chosen.set_input_files(tmp_path / "none.mp4")
    expect(tab.get_by_text("The film can't be read")).to_be_visible()
    tab.locator("#styles button").first.click()
    expect(tab.locator("#card")).to_contain_text("Swirling")
    chosen.set_input_files(tmp_path / "film.webm")
    expect(tab.locator("#clip")).to_contain_text(re.compile(r"film\s*\.webm"))
    tab.locator("#clip-paint").click()
    expect(tab.locator("#clip-status")).to_contain_text("picture 8 of 8")
    tab.wait_for_function("document.querySelector('#clip-painted video')?.videoWidth === 512")


def test_a_page_weighs_little(tab: Tab) -> None:
    kept = tab.evaluate("performance.getEntriesByType('resource').map(entry => [entry.name, entry.encodedBodySize])")
    assert sum(size for _, size in kept) < 1_500_000
    assert not [name for name, size in kept if "file=" in name and size > 70_000]
