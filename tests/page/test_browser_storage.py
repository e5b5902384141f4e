"""Pages in browsers that keep nothing, or forbid much, and pages of several tabs."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Route, expect
from playwright.sync_api import Page as Tab

from tests.driving import MINUTE, open_link
from tests.serving import CHROMIUM, QUIET, Served, until

from .fake_painter import replace_painter

LINK = "photo=lion&style=gold_spirals&size=64&effort=one-pass"


@pytest.fixture(scope="module")
def private(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A Chromium whose settings block all site data."""
    profile = tmp_path_factory.mktemp("profile")
    (profile / "Default").mkdir()
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (profile / "Default" / "Preferences").write_text(json.dumps(blocked))
    context = browser.browser_type.launch_persistent_context(str(profile), executable_path=CHROMIUM, args=QUIET)
    context.set_default_timeout(2 * MINUTE)
    yield context
    context.close()


def _errors(tab: Tab) -> list[str]:
    """The uncaught errors of the page's scripts, as they come."""
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def _framed(tab: Tab, address: str) -> FrameLocator:
    """The address in a frame of another origin, as on the Hub, which our headers allow."""

    class Around(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(f'<iframe src="{address}" width="1200" height="900"></iframe>'.encode())

        def log_message(self, *_: object) -> None:
            pass

    def allow(route: Route) -> None:
        answer = route.fetch()
        headers = {name: value for name, value in answer.headers.items() if name != "content-security-policy"}
        route.fulfill(response=answer, headers=headers)

    around = ThreadingHTTPServer(("127.0.0.1", 0), Around)
    Thread(target=around.serve_forever, daemon=True).start()
    tab.route(address, allow)
    tab.goto(f"http://localhost:{around.server_port}/", wait_until="commit")
    return tab.frame_locator("iframe")


@pytest.mark.parametrize("framed", [False, True])
def test_a_page_without_site_data_paints(private: BrowserContext, server: Served, framed: bool) -> None:
    tab = private.new_page()
    errors = _errors(tab)
    address = f"{server.url}/?{LINK}"
    page: Tab | FrameLocator = tab
    if framed:
        page = _framed(tab, address)
    else:
        tab.goto(address)
    expect(page.locator("#status")).to_contain_text("Ready")
    page.locator("#paint").click()
    expect(page.locator("#status")).to_contain_text("Done in")
    expect(page.locator("#strip img")).to_have_count(1)
    if not framed:
        tab.reload()  # it remembers nothing
        expect(page.locator("#status")).to_contain_text("Ready")
        expect(page.locator("#strip img")).to_have_count(0)
    tab.close()
    assert errors == []


def test_a_full_storage_is_no_obstacle(server: Served, context: BrowserContext) -> None:
    tab = context.new_page()
    errors = _errors(tab)
    tab.add_init_script("Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }")
    open_link(tab, server.url, LINK)
    tab.locator("#paint").click()
    expect(tab.locator("#status")).to_contain_text("Done in")
    tab.close()
    assert errors == []


def test_a_browser_that_denies_much_gets_messages(server: Served, context: BrowserContext) -> None:
    """As on an address without HTTPS, and in a frame that allows nothing."""
    tab = context.new_page()
    errors = _errors(tab)
    tab.add_init_script("""
        for (const name of ["clipboard", "share", "mediaDevices", "sendBeacon"])
            Object.defineProperty(navigator, name, {value: undefined, configurable: true});
        Element.prototype.requestFullscreen = () => Promise.reject(new TypeError("denied"));
        document.execCommand = () => false;
    """)
    open_link(tab, server.url, LINK)
    replace_painter(tab)
    tab.get_by_role("tab", name="Live").click()
    tab.locator("#live-start").click()
    expect(tab.get_by_text("Browsers give cameras only to pages at https")).to_be_visible()
    tab.locator("#paint").click()
    expect(tab.locator("#status")).to_contain_text("Done in")
    tab.locator("#copy").click()
    expect(tab.get_by_text("copy it from the address bar instead")).to_be_visible()
    tab.locator("#canvas button").first.click()
    tab.goto("about:blank")
    tab.close()
    assert errors == []


def test_a_closed_duplicate_leaves_the_run_to_the_original_and_that_ends_it(
    server: Served, context: BrowserContext
) -> None:
    original = context.new_page()
    open_link(original, server.url, "photo=lion&style=gold_spirals&size=64&steps=20000")
    written = server.log.stat().st_size
    original.locator("#paint").click()
    expect(original.locator("#status")).to_contain_text("Painting, about")
    with context.expect_page() as opened:  # it begins with a copy of this tab's storage, as a duplicate does
        original.evaluate("void window.open(location.href)")
    duplicate = opened.value
    expect(duplicate.locator("#status")).to_contain_text("Painting, about")
    duplicate.close(run_before_unload=True)
    original.wait_for_timeout(6000)  # more than the time in which a page may reload
    expect(original.locator("#status")).to_contain_text("Painting, about")
    original.close(run_before_unload=True)
    until(lambda: b'"outcome": "left"' in server.log.read_bytes()[written:])


def test_paintings_of_two_tabs_stay(browser: Browser, server: Served) -> None:
    with browser.new_context() as context:
        tabs = [context.new_page() for _ in range(2)]
        for tab in tabs:
            open_link(tab, server.url, LINK)
        for number, tab in enumerate(tabs, 1):
            tab.locator("#paint").click()
            for other in tabs:
                expect(other.locator("#strip img")).to_have_count(number)
        first, second = tabs
        second.locator("#strip .thumbnail-item").last.click()
        second.get_by_role("button", name="Remove this one").click()
        for tab in tabs:
            expect(tab.locator("#strip img")).to_have_count(1)
        first.reload()
        expect(first.locator("#strip img")).to_have_count(1)
