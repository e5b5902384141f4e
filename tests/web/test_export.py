"""The static site: its files, and what a visitor does with it in Chromium."""

import functools
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

from nst.cli.main import main
from nst.gallery import load_photos, load_styles
from nst.page.ui.translations import languages, load_words
from nst.web.export import SITE, WEIGHTS, export
from tests.driving import MINUTE
from tests.serving import CHROMIUM, QUIET

MAX_BYTES = 8_000_000
WITHOUT_GPU = "--disable-3d-apis", "--disable-webgl", "--disable-features=WebGPU"
UNTRANSLATED = {"nst", "512", "768", "1024"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    export(folder, {language: load_words(language) for language in languages()}, "https://example.com/app")
    return folder


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """The folder on a web server; its address."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/"
    finally:
        httpd.shutdown()
        httpd.server_close()


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    with hosted(site) as address:
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
    expect(tab.locator("#status")).to_contain_text("Done in", timeout=MINUTE)


def pixels(tab: Tab) -> str:
    """What the large canvas shows, as a data URL."""
    return tab.evaluate("document.getElementById('picture').toDataURL()")


def changed(tab: Tab, change: Callable[[], None]) -> None:
    """Do something, and wait until another picture is on the canvas."""
    before = pixels(tab)
    change()
    tab.wait_for_function("before => document.getElementById('picture').toDataURL() !== before", arg=before)


def test_the_site_is_complete_and_small(site: Path) -> None:
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < MAX_BYTES
    page = (site / "index.html").read_text("utf-8")
    assert "{{" not in page
    references = re.findall(r'(?:src|href|value)="(\w[\w/-]*\.[a-z]+)"', page)
    assert len(references) > len(load_styles()) + 2 * len(load_photos())
    manifest = json.loads((site / "manifest.json").read_text("utf-8"))
    worker = (site / "offline.js").read_text("utf-8")
    kept = re.search(r'"(.*)".split', worker)[1].split()  # type: ignore[index]
    for name in (*references, *(icon["src"] for icon in manifest["icons"]), *kept, WEIGHTS):
        assert (site / name).exists(), name
    written = {file.relative_to(site).as_posix() for file in site.rglob("*") if file.is_file()}
    assert written - set(kept) == {"index.html", "offline.js", "README.md", WEIGHTS}
    assert (site / "README.md").read_text("utf-8").startswith("---\ntitle: nst\n")


def test_an_earlier_site_is_replaced(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(site, tmp_path, dirs_exist_ok=True)
    (tmp_path / "site.css").write_text("")
    assert main(["--export-web", str(tmp_path)]) == 0
    assert "MB" in capsys.readouterr().err
    assert (tmp_path / "site.css").read_text()
    # It has no link to a full app, and so another version, for which browsers make a new cache.
    version = re.compile(r"\$\{PREFIX\}([0-9a-f]{12})")
    worker, other = ((folder / "offline.js").read_text("utf-8") for folder in (site, tmp_path))
    assert version.findall(worker) != version.findall(other)


def test_other_files_are_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    for folder, reason in ((tmp_path, "holds other files"), (tmp_path / "letter.txt", "is a file")):
        with pytest.raises(SystemExit) as end:
            main(["--export-web", str(folder)])
        assert end.value.code == 2
        assert reason in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


class Texts(HTMLParser):
    """All texts of a page that a visitor reads or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.texts, self.hidden = set[str](), False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.hidden = tag in ("style", "script", "title")
        self.texts |= {value.strip() for name, value in attributes if name in ("alt", "aria-label") and value}

    def handle_data(self, data: str) -> None:
        if not self.hidden and re.search(r"\w", data):
            self.texts.add(data.strip())


def test_every_text_is_translated(site: Path) -> None:
    parser = Texts()
    parser.feed((site / "index.html").read_text("utf-8"))
    scripts = " ".join(" ".join(file.read_text("utf-8").split()) for file in SITE.glob("*.js"))
    credits = {text for text in parser.texts if text.startswith(": ")}
    used = parser.texts - credits - UNTRANSLATED | set(re.findall(r'\bt\(\s*"((?:[^"\\]|\\.)*)"', scripts))
    assert len(used) > 60
    for language in languages():
        words = json.loads((site / "words" / f"{language}.json").read_text("utf-8"))
        assert used - set(words) == set()


def test_a_photo_in_all_styles(tab: Tab, picture: Path, tmp_path: Path) -> None:
    requests = list[str]()
    tab.on("request", lambda request: requests.append(request.url))
    tab.wait_for_load_state("networkidle")
    assert not [request for request in requests if WEIGHTS in request]
    add_photo(tab, picture)
    assert [request for request in requests if WEIGHTS in request]
    expect(tab.locator(".painted")).to_have_count(len(load_styles()), timeout=MINUTE)
    changed(tab, lambda: tab.get_by_role("button", name="Screaming Sky").click())
    changed(tab, lambda: tab.get_by_label("Strength").fill("0.8"))
    tab.get_by_role("button", name="Blend several styles").click()
    changed(tab, lambda: tab.get_by_role("button", name="Ink Mountains").click())
    changed(tab, lambda: tab.locator("#shares input").first.fill("10"))
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download PNG").click()
    assert download.value.suggested_filename == "house - Screaming Sky - Ink Mountains.png"
    download.value.save_as(tmp_path / "painting.png")
    assert Image.open(tmp_path / "painting.png").size == (120, 96)


def test_an_own_style_is_kept_on_the_device(tab: Tab, picture: Path, tmp_path: Path) -> None:
    add_photo(tab, picture)
    Image.effect_noise((200, 150), 90).save(tmp_path / "grain.png")
    changed(tab, lambda: tab.locator("#style-file").set_input_files(tmp_path / "grain.png"))
    tab.reload()
    own = tab.get_by_role("button", name="grain", exact=True)
    expect(own).to_have_count(1)
    tab.get_by_role("button", name="Remove grain").click()
    expect(own).to_have_count(0)
    tab.reload()
    expect(tab.locator("#styles .style")).to_have_count(len(load_styles()) + 1)
    expect(own).to_have_count(0)


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


def test_the_site_works_offline_after_the_first_visit(browser: Browser, site: Path, picture: Path) -> None:
    context = browser.new_context(locale="de-DE")
    tab = context.new_page()
    with hosted(site) as address:
        tab.goto(address)
        tab.locator("#photo-file").set_input_files(picture)
        expect(tab.locator(".painted").first).to_be_attached(timeout=MINUTE)
        tab.wait_for_function(
            "async name => (await navigator.serviceWorker.ready) && Boolean(await caches.match(name))", arg=WEIGHTS
        )
    tab.reload()  # nobody answers any more
    expect(tab.locator("#choose")).to_contain_text(load_words("de")["Choose a photo"])
    tab.locator("#samples button").first.click()
    expect(tab.locator(".painted").first).to_be_attached(timeout=MINUTE)
    context.close()


def test_without_a_gpu_the_site_says_what_it_needs(browser: Browser, url: str, picture: Path) -> None:
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=[*QUIET, *WITHOUT_GPU])
    tab = other.new_page(locale="en-US")
    tab.goto(url)
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
    tab.get_by_role("button", name="Ink Mountains").click()
    expect(tab.locator("#status")).to_contain_text("Done in", timeout=MINUTE)
    context.close()


def test_the_address_can_name_the_language(browser: Browser, url: str) -> None:
    context = browser.new_context(locale="en-US")
    tab = context.new_page()
    tab.goto(f"{url}?lang=ja")
    expect(tab.locator("#choose")).to_contain_text(load_words("ja")["Choose a photo"])
    assert tab.evaluate("document.documentElement.lang") == "ja"
    shown = tab.locator("body").inner_text()
    assert [text for text in load_words("ja") if len(text) > 12 and text in shown] == []
    context.close()


def test_the_camera_is_painted_live(tab: Tab) -> None:
    tab.get_by_role("button", name="Live camera").click()
    expect(tab.locator("#status")).to_contain_text("fps", timeout=MINUTE)
    tab.get_by_role("button", name="Ink Mountains").click()
    tab.get_by_role("button", name="Take this picture").click()
    expect(tab.locator("#status")).to_contain_text("Done in", timeout=MINUTE)
    expect(tab.locator("#title")).to_contain_text("Ink Mountains")
