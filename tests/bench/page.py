"""How fast the page is, seen by a browser: `python -m tests.bench.page [SIZE]`.

Starts the app and paints a sample photo in alternating runs: in headless Chromium, over the API
with every picture fetched but not shown, and by `stylize` alone in this process. Prints: click to
first picture, pictures a second, and what streaming adds to the engine's own time. A headless
browser draws on the same processor: what it takes is in the page's time, and a visitor's own would
not take it.
"""

import io
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from examples.__main__ import PHOTOS
from nst import Settings, stylize
from nst.gallery import plates
from nst.sharing import from_text
from tests.test_page import CHROMIUM, QUIET, ROOT

URL = "http://127.0.0.1:7899"
PHOTO, STYLE = "lion", "swirling_night"

WATCH = """() => {
    window.seen = [];
    let last = "";
    const look = () => {
        const image = document.querySelector("#canvas img");
        if (image && image.src !== last) {
            last = image.src;
            window.seen.push(performance.now());
        }
    };
    const all = {subtree: true, childList: true, attributes: true, attributeFilter: ["src"]};
    new MutationObserver(look).observe(document.body, all);
    document.querySelector("#paint").addEventListener("click",
        () => { window.clicked = performance.now(); }, {capture: true});
}"""


def main(size: int = 512, rounds: int = 3) -> None:
    """Print the table of one size, medians of some rounds."""
    environment = os.environ | {"GRADIO_SERVER_PORT": URL.rpartition(":")[2]}
    app = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment)
    try:
        while not _answers():
            time.sleep(0.3)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            in_page, streamed, alone = [], [], []
            for _ in range(rounds):
                in_page.append(_paint(browser.new_page(), size))
                streamed.append(_streamed(size))
                alone.append(_alone(size))
            browser.close()
    finally:
        app.terminate()
        app.wait()
    first, rate, whole, told = (statistics.median(run[i] for run in in_page) for i in range(4))
    engine, over_api = statistics.median(alone), statistics.median(streamed)
    print(f"{PHOTO} after {STYLE} at {size} pixels, medians of {rounds}")
    print(f"click to first picture   {first:.2f} s")
    print(f"pictures a second        {rate:.1f}")
    print(f"click to finished PNG    {whole:.1f} s")
    print(f"the engine's own clock   {engine:.1f} s alone")
    print(f"                         {over_api:.1f} s streaming, {over_api / engine - 1:+.1%}")
    print(f"                         {told:.1f} s with a browser here, {told / engine - 1:+.1%}")


def _paint(page: Page, size: int) -> tuple[float, float, float, float]:
    """Seconds to the first picture, pictures a second, seconds to the last, the engine's clock."""
    page.goto(f"{URL}/?photo={PHOTO}&style={STYLE}&size={size}")
    page.get_by_text("Ready").wait_for(timeout=60_000)
    page.evaluate(WATCH)
    page.locator("#paint").click()
    page.get_by_text("Done in").wait_for(timeout=600_000)
    page.wait_for_timeout(5000)  # its film is made meanwhile
    seen = page.evaluate("window.seen.map(time => (time - window.clicked) / 1000)")
    finished = page.request.get(str(page.locator("#canvas img").get_attribute("src"))).body()
    remembered = from_text(Image.open(io.BytesIO(finished)))
    assert remembered
    page.close()
    rate = (len(seen) - 1) / (seen[-1] - seen[0])
    return seen[0], rate, seen[-1], remembered[0].seconds


def _streamed(size: int) -> float:
    with httpx.Client(base_url=f"{URL}/gradio_api", timeout=600) as web:
        (path,) = web.post("/upload", files={"files": PHOTOS[PHOTO].read_bytes()}).json()
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        asked = {"photo": file, "style": STYLE, "size": size}
        run = web.post("/call/v2/paint", json=asked).json()["event_id"]
        with web.stream("GET", f"/call/v2/paint/{run}") as lines:
            for line in lines.iter_lines():
                if line.startswith("data: ["):
                    picture = web.get(json.loads(line[6:])[0]["url"]).content
    remembered = from_text(Image.open(io.BytesIO(picture)))
    assert remembered
    return remembered[0].seconds


def _alone(size: int) -> float:
    style = next(plate.path for plate in plates() if plate.name == STYLE)
    *_, frame = stylize(PHOTOS[PHOTO], [style], Settings(size=size))
    return frame.seconds


def _answers() -> bool:
    try:
        urllib.request.urlopen(URL, timeout=2).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
