"""What visitors of the static site do, in Chromium. Except in one test, a painter that costs nothing paints."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

from nst.gallery import load_styles
from nst.page.ui.translations import load_words
from nst.web.export import WEIGHTS
from tests.driving import MINUTE
from tests.serving import CHROMIUM, QUIET

from .conftest import hosted

WITHOUT_GPU = "--disable-software-rasterizer"  # beside --disable-gpu

PAINTER = """
export class Unsupported extends Error {}
export async function createPainter() {
    const answer = await fetch(new URL("network.safetensors", import.meta.url));
    await answer.arrayBuffer();
    return new Painter();
}
class Painter {
    lost = new Promise((resolve) => { window.lose = resolve; });
    builtIn(index) { return new Float32Array([index]); }
    async encode() { return new Float32Array([99]); }
    async paint(source, canvas, { cin, size, strength = 0.5 }) {
        await new Promise((done) => setTimeout(done, window.delay ?? 0));
        const width = source.videoWidth ?? source.width, height = source.videoHeight ?? source.height;
        const scale = Math.min(1, size / Math.max(width, height));
        [canvas.width, canvas.height] = [width * scale, height * scale];
        const context = canvas.getContext("2d");
        context.drawImage(source, 0, 0, canvas.width, canvas.height);
        context.fillStyle = `hsl(${20 * cin[0]}deg 90% 50% / ${strength})`;
        context.fillRect(0, 0, canvas.width, canvas.height);
    }
}
export function blend(parts) {
    return new Float32Array([parts.reduce((sum, [cin, share]) => sum + cin[0] * share, 0) / 7]);
}
"""
"""Tints the photo. `window.lose()` loses the GPU, and `window.delay` is how long a picture takes, in milliseconds."""


@pytest.fixture(scope="module")
def tinting(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site with this painter."""
    folder = tmp_path_factory.mktemp("tinting")
    shutil.copytree(site, folder, dirs_exist_ok=True)
    (folder / "web" / "painter.js").write_text(PAINTER)
    return folder


@pytest.fixture(scope="module")
def url(tinting: Path) -> Iterator[str]:
    with hosted(tinting) as address:
        yield address


@pytest.fixture
def tab(browser: Browser, url: str) -> Iterator[Tab]:
    """A phone with the site open; its console must stay free of errors."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-US")
    page, errors = context.new_page(), list[str]()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def picture(tmp_path: Path, photo: Image.Image) -> Path:
    file = tmp_path / "house.png"
    photo.save(file)
    return file


def add_photo(tab: Tab, file: Path) -> None:
    """Choose a photo, and wait until it is painted."""
    tab.locator("#photo-file").set_input_files(file)
    expect(tab.locator("#status")).to_contain_text("Done in", timeout=2 * MINUTE)


def changed(tab: Tab, change: Callable[[], None]) -> None:
    """Do something, and wait until another picture is on the canvas."""
    before = tab.evaluate("() => document.getElementById('picture').toDataURL()")
    change()
    tab.wait_for_function("before => document.getElementById('picture').toDataURL() !== before", arg=before)


def eventually(tab: Tab, test: str, value: str = "") -> None:
    """Wait until an async function returns true."""
    deadline = time.monotonic() + MINUTE / 1000
    while not tab.evaluate(test, value):
        assert time.monotonic() < deadline, test
        tab.wait_for_timeout(100)


def choose(tab: Tab, style: str) -> None:
    tab.get_by_role("button", name=style, exact=True).click()


def test_the_network_paints_a_photo_in_all_styles(browser: Browser, site: Path, picture: Path) -> None:
    context = browser.new_context(locale="en-US")
    tab, requests = context.new_page(), list[str]()
    tab.on("request", lambda request: requests.append(request.url))
    with hosted(site) as address:
        tab.goto(address)
        tab.wait_for_load_state("networkidle")
        assert not [request for request in requests if WEIGHTS in request]
        add_photo(tab, picture)
        assert [request for request in requests if WEIGHTS in request]
        expect(tab.locator(".painted")).to_have_count(len(load_styles()), timeout=3 * MINUTE)
    assert {request.partition("/")[0] for request in requests} == {"http:"}
    assert all(request.startswith(address) for request in requests)
    context.close()


def test_styles_strength_blends_and_the_download(tab: Tab, picture: Path, tmp_path: Path) -> None:
    add_photo(tab, picture)
    expect(tab.locator(".painted")).to_have_count(len(load_styles()))
    changed(tab, lambda: choose(tab, "Screaming Sky"))
    expect(tab.locator("#title")).to_have_text("Screaming Sky, after Munch")
    changed(tab, lambda: tab.get_by_label("Strength").fill("0.8"))
    choose(tab, "Blend several styles")
    changed(tab, lambda: choose(tab, "Ink Mountains"))
    changed(tab, lambda: tab.locator("#shares input").first.fill("10"))
    for style in ("Park in Dots", "Fish in Stone"):
        changed(tab, lambda style=style: choose(tab, style))  # type: ignore[misc]
    choose(tab, "The Claw Wave")
    expect(tab.get_by_role("alert")).to_contain_text("Four styles at most")
    choose(tab, "Blend several styles")
    expect(tab.locator("#title")).to_contain_text("Fish in Stone")
    with tab.expect_download() as download:
        choose(tab, "Download PNG")
    assert download.value.suggested_filename == "house - Fish in Stone.png"
    download.value.save_as(tmp_path / "painting.png")
    assert Image.open(tmp_path / "painting.png").size == (120, 96)


def test_photos_from_the_clipboard_and_dropped_ones(tab: Tab, picture: Path) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(tab, "Paste")
    expect(tab.get_by_role("alert")).to_contain_text("There is no picture on the clipboard")
    copy = """async (bytes) => navigator.clipboard.write(
        [new ClipboardItem({ "image/png": new Blob([Uint8Array.from(bytes)], { type: "image/png" }) })])"""
    tab.evaluate(copy, list(picture.read_bytes()))
    choose(tab, "Paste")
    expect(tab.locator("#status")).to_contain_text("Done in")
    drop = """([bytes, target]) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([Uint8Array.from(bytes)], "star.png", { type: "image/png" }));
        document.querySelector(target).dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
    }"""
    tab.evaluate(drop, [list(picture.read_bytes()), "#panel"])
    expect(tab.locator("#title")).to_have_text("star")
    choose(tab, "Another photo")
    expect(tab.locator("#chooser")).to_be_visible()
    tab.evaluate(drop, [list(picture.read_bytes()), "#wall"])
    expect(tab.locator("#chooser")).to_be_hidden()


def test_a_slow_device_paints_in_a_small_size(tab: Tab, tmp_path: Path) -> None:
    Image.effect_noise((900, 600), 90).save(tmp_path / "noise.png")
    tab.evaluate("() => { window.delay = 600; }")
    add_photo(tab, tmp_path / "noise.png")
    expect(tab.get_by_label("256")).to_be_checked()
    assert tab.evaluate("() => document.getElementById('picture').width") == 256
    tab.evaluate("() => { window.delay = 0; }")
    changed(tab, lambda: tab.get_by_label("512").check())
    assert tab.evaluate("() => document.getElementById('picture').width") == 512


def test_an_own_style_is_kept_on_the_device(tab: Tab, picture: Path, tmp_path: Path) -> None:
    add_photo(tab, picture)
    Image.effect_noise((200, 150), 90).save(tmp_path / "grain.png")
    changed(tab, lambda: tab.locator("#style-file").set_input_files(tmp_path / "grain.png"))
    tab.reload()
    own = tab.get_by_role("button", name="grain", exact=True)
    expect(own).to_have_count(1)
    choose(tab, "Remove grain")
    expect(own).to_have_count(0)
    tab.reload()
    expect(tab.locator("#styles .style")).to_have_count(len(load_styles()) + 1)
    expect(own).to_have_count(0)


def test_own_styles_work_where_site_data_is_blocked(tab: Tab, picture: Path, tmp_path: Path) -> None:
    tab.add_init_script(
        "Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('', 'SecurityError'); } })"
    )
    tab.reload()
    add_photo(tab, picture)
    Image.effect_noise((200, 150), 90).save(tmp_path / "grain.png")
    changed(tab, lambda: tab.locator("#style-file").set_input_files(tmp_path / "grain.png"))
    expect(tab.get_by_role("alert")).to_contain_text("The browser keeps nothing for this page")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("letter.txt", b"Dear", "letter.txt is not in a format that can be read"),
        ("IMG_1.HEIC", b"\0\0\0\x18ftypheic", "This browser can't read HEIC photos"),
    ],
)
def test_a_file_that_is_no_picture(tab: Tab, tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    tab.locator("#photo-file").set_input_files(tmp_path / name)
    expect(tab.get_by_role("alert")).to_contain_text(message)
    tab.get_by_role("alert").get_by_role("button", name="Close").click()
    expect(tab.get_by_role("alert")).to_be_empty()
    expect(tab.locator("#choose")).to_be_visible()


def test_the_site_works_offline_after_the_first_visit(browser: Browser, tinting: Path, picture: Path) -> None:
    context = browser.new_context(locale="de-DE")
    tab = context.new_page()
    with hosted(tinting) as address:
        tab.goto(address)
        tab.locator("#photo-file").set_input_files(picture)
        expect(tab.locator(".painted").first).to_be_attached()
        eventually(
            tab, "async (name) => Boolean(navigator.serviceWorker.controller && await caches.match(name))", WEIGHTS
        )
    tab.reload()  # nobody answers any more
    expect(tab.locator("#choose")).to_contain_text(load_words("de")["Choose a photo"])
    tab.locator("#samples button").first.click()
    expect(tab.locator(".painted").first).to_be_attached()
    tab.locator("#actions .live").click()
    expect(tab.locator("#speed")).to_contain_text("fps")
    context.close()


def test_a_new_version_replaces_the_old_one(browser: Browser, tinting: Path, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    shutil.copytree(tinting, folder)
    context = browser.new_context(locale="en-US")
    tab = context.new_page()
    keys = "async () => (await caches.keys()).map((name) => name.split(' ').at(-1))"
    with hosted(folder) as address:
        tab.goto(address)
        tab.wait_for_function("() => navigator.serviceWorker.controller")
        [old] = tab.evaluate(keys)
        worker = (folder / "offline.js").read_text("utf-8")
        (folder / "offline.js").write_text(worker.replace(old, "newer"), "utf-8")
        page = (folder / "index.html").read_text("utf-8")
        (folder / "index.html").write_text(page.replace("<h1>nst</h1>", "<h1>newer</h1>"), "utf-8")
        tab.reload()  # with the old files; the new ones are fetched behind it
        eventually(tab, "async () => Boolean((await navigator.serviceWorker.getRegistration()).waiting)")
        assert tab.locator("h1").inner_text() == "nst"
        tab.reload()
        expect(tab.locator("h1")).to_have_text("newer")
        eventually(tab, "async () => (await caches.keys()).length === 1")
        assert tab.evaluate(keys) == ["newer"]
    context.close()


def test_without_a_gpu_the_site_says_what_it_needs(browser: Browser, site: Path, picture: Path) -> None:
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=[*QUIET, WITHOUT_GPU])
    tab = other.new_page(locale="en-US")
    with hosted(site) as address:
        tab.goto(address)
        tab.locator("#photo-file").set_input_files(picture)
        expect(tab.get_by_role("alert")).to_contain_text("it needs WebGPU or WebGL 2")
    other.close()


def test_without_a_connection_the_network_is_missed(browser: Browser, url: str, picture: Path) -> None:
    context = browser.new_context(locale="en-US", service_workers="block")
    tab = context.new_page()
    tab.goto(url)
    context.route(f"**/{WEIGHTS}", lambda route: route.abort())
    tab.locator("#photo-file").set_input_files(picture)
    expect(tab.get_by_role("alert")).to_contain_text("The network could not be loaded")
    context.unroute(f"**/{WEIGHTS}")
    choose(tab, "Ink Mountains")
    expect(tab.locator("#status")).to_contain_text("Done in")
    context.close()


def test_a_lost_gpu_is_replaced(tab: Tab, picture: Path) -> None:
    add_photo(tab, picture)
    expect(tab.locator(".painted")).to_have_count(len(load_styles()))
    tab.evaluate("() => { window.delay = 60_000; }")  # a painting that does not end
    choose(tab, "Ink Mountains")
    expect(tab.locator("html")).to_have_class(re.compile("works"))
    tab.evaluate("() => { window.delay = 0; window.lose(); }")
    expect(tab.get_by_role("alert")).to_contain_text("was reset")
    expect(tab.locator("html")).not_to_have_class(re.compile("works"))
    expect(tab.locator("#status")).to_contain_text("Done in")


def test_the_address_can_name_the_language(browser: Browser, url: str) -> None:
    context = browser.new_context(locale="en-US")
    tab = context.new_page()
    tab.goto(f"{url}?lang=ja")
    expect(tab.locator("#choose")).to_contain_text(load_words("ja")["Choose a photo"])
    assert tab.evaluate("() => document.documentElement.lang") == "ja"
    shown = tab.locator("body").inner_text()
    assert [text for text in load_words("ja") if len(text) > 12 and text in shown] == []
    context.close()


def test_the_camera_is_painted_live(tab: Tab) -> None:
    choose(tab, "Live camera")
    expect(tab.locator("#speed")).to_contain_text("fps")
    choose(tab, "Ink Mountains")
    choose(tab, "Record")
    expect(tab.locator("#speed")).to_contain_text("Recording")
    with tab.expect_download() as download:
        choose(tab, "Stop recording")
    assert Path(download.value.path()).stat().st_size > 1000
    choose(tab, "Take this picture")
    expect(tab.locator("#status")).to_contain_text("Done in")
    expect(tab.locator("#title")).to_contain_text("Ink Mountains")
    expect(tab.locator("#scene")).to_be_hidden()
