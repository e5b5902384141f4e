"""The camera, painted in a real Chromium: its class alone, with a painter that costs nothing, and the page's tab."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

from nst.page.app import Page
from nst.service.session import Session
from tests.conftest import sent
from tests.serving import CHROMIUM, QUIET

from .fake_painter import replace_painter, script

PAGE = """<!doctype html><title>Live</title><canvas></canvas><script type="module">
    import { Live } from "/web/live.js";
    import { Painter, Unsupported } from "/web/painter.js";
    const media = navigator.mediaDevices, open = media?.getUserMedia.bind(media);
    if (media) media.getUserMedia = async (wanted) => {
        if (window.refusal) throw new DOMException("", window.refusal);
        window.stream = await open(wanted);
        return window.stream;
    };
    window.painters = [];
    const painter = async () => {
        if (window.unsupported) throw new Unsupported();
        if (window.offline) {
            await window.offline;
            throw new TypeError("Failed to fetch");
        }
        painters.push(new Painter());
        return painters.at(-1);
    };
    window.live = new Live(document.querySelector("canvas"), { painter });
    window.news = { state: [], message: [], fps: [], seconds: [], film: [] };
    for (const [name, list] of Object.entries(news)) live.addEventListener(name, ({ detail }) => list.push(detail));
</script>"""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A blank page with a camera; at /framed the same in a frame of another origin that allows what the query says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path.startswith("/web/"):
                text = script(path.removeprefix("/web/"))
            elif path == "/framed":
                text = f'<iframe src="http://localhost:{httpd.server_port}/" allow="{query}"></iframe>'
            else:
                text = PAGE
            self.send_response(200)
            self.send_header("content-type", "text/javascript" if path.endswith(".js") else "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Iterator[Tab]:
    """A tab for all tests of this file, which complains of uncaught errors."""
    errors: list[str] = []
    tab = browser.new_page()
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    tab.close()
    assert errors == []


@pytest.fixture
def blank(site: str, opened: Tab) -> Tab:
    """The blank page, loaded anew."""
    opened.goto(site)
    opened.wait_for_function("window.live")
    return opened


def start(tab: Tab) -> None:
    tab.evaluate("void live.start()")
    tab.wait_for_function("window.painted?.count > 3")


def news(tab: Tab, name: str) -> list[Any]:
    return tab.evaluate(f"news.{name}")


def test_the_style_changes_while_the_camera_runs_and_nothing_is_sent(blank: Tab) -> None:
    requests: list[str] = []
    blank.on("request", lambda request: requests.append(request.url))
    start(blank)
    assert blank.evaluate("[painted.cin, painted.strength, live.mirrored]") == [0, 0.5, True]
    assert blank.evaluate("document.querySelector('canvas').style.transform") == "scaleX(-1)"
    blank.evaluate("Object.assign(live, { cin: new Float32Array([7]), strength: 0.9, mirrored: false })")
    blank.wait_for_function("painted.cin === 7 && painted.strength === 0.9")
    blank.wait_for_function("document.querySelector('canvas').style.transform === ''")
    blank.wait_for_function("news.fps.at(-1)?.size === 512")
    size = "live.snapshot().then(createImageBitmap).then((image) => [image.width, image.height])"
    assert blank.evaluate(size) == [1280, 720]
    blank.evaluate("live.stop()")
    assert blank.evaluate("stream.getTracks()[0].readyState") == "ended"
    assert news(blank, "state") == ["running", "stopped"]
    assert news(blank, "message")[-1] == ""
    assert requests == []


MINUTE_OF_FRAMES = """async (cost) => {
    const { Resolution } = await import("/web/resolution.js");
    const resolution = new Resolution(), sizes = [];
    for (let now = 0; now < 60_000; ) {
        if (sizes.at(-1) !== resolution.size) sizes.push(resolution.size);
        const time = eval(cost)(resolution.size) * (0.95 + 0.1 * Math.random());
        now += Math.max(time, 1000 / 30);
        resolution.add(time, now);
    }
    return { sizes, slow: resolution.slow };
}"""


@pytest.mark.parametrize(
    ("cost", "sizes"),
    [
        ("(size) => 5", [256, 320, 384, 512]),
        ("(size) => 10 * (size / 256) ** 2", [256, 320, 384, 512, 384]),  # 40 ms at 512 pixels
        ("(size) => 16 + size / 100", [256, 320, 384, 512]),
        ("(size) => 27", [256]),  # most of it is not work of the GPU
        ("(size) => 200 * (size / 256) ** 2", [256, 192]),
    ],
)
def test_the_resolution_follows_the_device(blank: Tab, cost: str, sizes: list[int]) -> None:
    result = blank.evaluate(MINUTE_OF_FRAMES, cost)
    assert result["sizes"][: len(sizes)] == sizes
    assert len(result["sizes"]) < len(sizes) + 7  # it tries a larger size after 10, 30 and 70 seconds
    assert not result["slow"]


def test_a_device_that_is_too_slow(blank: Tab) -> None:
    blank.evaluate("window.cost = () => 400")
    start(blank)
    blank.wait_for_function("news.message.at(-1).includes('fewer than three')")
    assert blank.evaluate("painted.size") == 192
    blank.evaluate("window.cost = () => 0")
    blank.wait_for_function("news.message.at(-1) === ''")


def test_nothing_is_painted_out_of_view(blank: Tab) -> None:
    start(blank)
    hide = "(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    show = "(hidden) => { document.querySelector('canvas').hidden = hidden; }"
    for change in (hide, show):
        blank.evaluate(change, True)
        blank.wait_for_timeout(200)
        before = blank.evaluate("painted.count")
        blank.wait_for_timeout(400)
        assert blank.evaluate("painted.count") == before
        blank.evaluate(change, False)
        blank.wait_for_function("(before) => painted.count > before + 3", arg=before)


PLAYED = """async (film) => {
    const video = Object.assign(document.createElement("video"), { src: URL.createObjectURL(film), muted: true });
    await video.play();
    await new Promise((done) => video.addEventListener("ended", done));
    return [film.type, video.videoWidth, video.currentTime > 0.5];
}"""


def test_a_recording_plays(blank: Tab) -> None:
    start(blank)
    blank.wait_for_function("painted.size === 512")
    blank.evaluate("live.record()")
    blank.wait_for_function("news.seconds.at(-1) === 1")
    kind, width, long = blank.evaluate(f"live.finish().then({PLAYED})")
    assert kind in {"video/webm", "video/mp4"}
    assert (width, long) == (512, True)
    assert news(blank, "state") == ["running", "recording", "running"]
    assert blank.evaluate("live.finish().then((film) => film === news.film[0])")


def test_a_recording_has_a_minute_at_most(blank: Tab) -> None:
    start(blank)
    blank.evaluate("const real = setInterval; window.setInterval = (call, wait) => real(call, wait / 100)")
    blank.evaluate("live.record()")
    blank.wait_for_function("news.film.length === 1")
    assert news(blank, "seconds") == list(range(1, 61))
    blank.evaluate("live.record()")
    blank.evaluate("live.stop()")  # what was recorded is not lost
    blank.wait_for_function("news.film.length === 2")
    assert news(blank, "state")[-1] == "stopped"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("refusal = 'NotAllowedError'", "may not use the camera"),
        ("refusal = 'NotFoundError'", "There is no camera"),
        ("refusal = 'NotReadableError'", "Another program uses the camera"),
        ("unsupported = true", "needs WebGPU or WebGL2"),
        ("offline = true", "can't be loaded"),
    ],
)
def test_a_camera_that_cannot_be_painted(blank: Tab, setting: str, message: str) -> None:
    name = setting.partition(" ")[0]
    blank.evaluate(f"window.{setting}")
    blank.evaluate("live.start()")
    assert message in news(blank, "message")[-1]
    assert blank.evaluate("live.state") == "stopped"
    assert blank.evaluate("!window.stream || stream.getTracks()[0].readyState === 'ended'")
    blank.evaluate(f"delete window.{name}")
    start(blank)
    assert news(blank, "message")[-1] == ""


def test_a_network_that_fails_later_leaves_the_message_about_the_camera(blank: Tab) -> None:
    blank.evaluate("""() => {
        window.refusal = "NotAllowedError";
        window.offline = new Promise((fail) => { window.fail = fail; });
        window.prepared = live.prepare();
    }""")
    blank.evaluate("live.start()")
    blank.evaluate("fail()")
    assert blank.evaluate("prepared") is False
    assert "may not use the camera" in news(blank, "message")[-1]


def test_a_camera_that_is_unplugged(blank: Tab) -> None:
    start(blank)
    blank.evaluate("stream.getTracks()[0].dispatchEvent(new Event('ended'))")
    assert "The camera is gone" in news(blank, "message")[-1]
    assert blank.evaluate("live.state") == "stopped"


def test_a_camera_that_is_denied(site: str, browser: Browser) -> None:
    args = [*QUIET, "--use-fake-ui-for-media-stream=deny"]
    with browser.browser_type.launch(executable_path=CHROMIUM, args=args) as strict:
        tab = strict.new_page()
        tab.goto(site)
        tab.evaluate("live.start()")
        assert "may not use the camera" in news(tab, "message")[-1]


def test_a_page_without_https_has_no_cameras(blank: Tab) -> None:
    blank.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    blank.evaluate("live.start()")
    assert "open this page with https" in news(blank, "message")[-1]


@pytest.mark.parametrize("allowed", ["camera", "fullscreen"])
def test_a_camera_in_a_frame(site: str, opened: Tab, allowed: str) -> None:
    opened.goto(f"{site}/framed?{allowed}")
    frame = opened.frames[1]
    frame.wait_for_function("window.live")
    frame.evaluate("live.start()")
    if allowed == "camera":
        frame.wait_for_function("window.painted?.count > 3")
    else:
        assert "in a tab of its own" in frame.evaluate("news.message.at(-1)")


def test_a_lost_gpu_comes_back(blank: Tab) -> None:
    start(blank)
    blank.evaluate("window.cost = () => 1e9")  # its last frame never ends
    blank.wait_for_timeout(100)
    before = blank.evaluate("delete window.cost; painters[0].lose('lost'); painted.count")
    blank.wait_for_function("(before) => painted.count > before + 3", arg=before, timeout=2000)
    assert blank.evaluate("painters.length") == 2
    assert "is set up again" in news(blank, "message")[-2]
    assert news(blank, "state") == ["running"]
    blank.evaluate("window.failing = true")
    blank.wait_for_function("live.state === 'stopped'")
    assert "no longer answers" in news(blank, "message")[-1]


def test_two_thousand_frames_leave_nothing_behind(blank: Tab) -> None:
    blank.evaluate(
        """() => {
            const { port1, port2 } = new MessageChannel(), calls = []; // faster than any camera
            port2.onmessage = () => calls.shift()();
            HTMLVideoElement.prototype.requestVideoFrameCallback = (call) => port1.postMessage(calls.push(call));
        }"""
    )
    devtools = blank.context.new_cdp_session(blank)

    def used(after: int) -> float:
        """The least of three measurements: compiled code comes and goes."""
        sizes = []
        for more in (0, 100, 200):
            blank.wait_for_function(f"painted.count > {after + more}")
            devtools.send("HeapProfiler.collectGarbage")
            sizes.append(devtools.send("Runtime.getHeapUsage")["usedSize"])
        return float(min(sizes))

    start(blank)
    before = used(after=500)
    grown = used(after=2500) - before
    assert grown < 2000 * 100  # bytes; code that the browser compiles meanwhile has taken 120 kB


def test_a_snapshot_becomes_the_photo(page: Page, session: Session, photo_sent: dict[str, Any]) -> None:
    outputs = page.live.take_snapshot(session=session, picture=photo_sent)
    assert outputs[page.photo.image] == photo_sent["path"]
    assert outputs[page.result.tabs].selected == "painting"
    for shot in (None, sent("/etc/passwd")):
        with pytest.raises(gr.Error, match="did not arrive"):
            page.live.take_snapshot(session=session, picture=shot)


def test_the_tab_follows_the_page(tab: Tab) -> None:
    replace_painter(tab)
    tab.get_by_role("tab", name="Live").click()
    status = tab.locator("#scene [role=status]")
    expect(status).to_contain_text("Your camera, painted as it runs")
    buttons = {name: tab.locator(f"#live-{name}") for name in ("start", "snapshot", "record", "finish", "stop")}
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    buttons["start"].click()
    tab.wait_for_function("window.painted?.count > 3")
    assert [name for name, button in buttons.items() if button.is_visible()] == ["snapshot", "record", "stop"]
    expect(status).to_have_text("")
    tab.get_by_label("Mirror").uncheck()
    tab.wait_for_function("document.querySelector('#scene canvas').style.transform === ''")
    buttons["record"].click()
    expect(tab.locator("#scene")).to_contain_text("Recording, 1 s")
    assert [url for url in requests if not url.endswith(".js")] == []
    with tab.expect_download() as download:
        buttons["finish"].click()
    assert download.value.suggested_filename in {"painted.mp4", "painted.webm"}
    tab.get_by_label("Blend several styles").check()
    for number in (0, 1):
        tab.locator("#styles button").nth(number).click()
        tab.wait_for_function("(number) => wanted[0].length === number + 1", arg=number)
    tab.get_by_label("Style weights").fill("1,3")
    tab.wait_for_function("wanted[1] === '1,3'")
    tab.get_by_label("Wild").check()
    buttons["stop"].scroll_into_view_if_needed()
    tab.wait_for_function("painted.cin === 2 && painted.strength > 0.5")
    tab.get_by_role("tab", name="Clip").click()
    expect(buttons["stop"]).to_be_hidden()
    before = tab.evaluate("painted.count")
    tab.wait_for_timeout(300)
    assert tab.evaluate("painted.count") <= before + 1
    tab.get_by_role("tab", name="Live").click()
    buttons["snapshot"].click()
    expect(tab.locator("#photo img")).to_be_visible()
    expect(tab.locator("#canvas img")).to_be_visible()
    assert tab.evaluate("document.body.dataset.live") == "stopped"
