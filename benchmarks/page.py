"""How fast the page is, seen by a browser: `python -m benchmarks.page [SIZE]`.

Starts the app and paints a sample photo in alternating runs: in headless Chromium, over the API
with every picture fetched but not shown, and by `stylize` alone in this process. Prints: click to
first picture, pictures a second, and what streaming adds to the engine's own time. A headless
browser draws on the same processor: what it takes is in the page's time, and a visitor's own would
not take it.
"""

import io
import json
import statistics
import sys
import tempfile
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from nst import Settings, stylize
from nst.gallery import load_styles, sample
from nst.network.memory import tune_allocator
from nst.sharing import from_text
from tests.serving import chromium, served

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
    tune_allocator()
    in_page, streamed, alone = [], [], []
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as app, sync_playwright() as playwright:
        browser = chromium(playwright)
        for _ in range(rounds):
            in_page.append(_paint(browser.new_page(), app.url, size))
            streamed.append(_streamed(app.url, size))
            alone.append(_alone(size))
        browser.close()
    first, rate, whole, told = (statistics.median(run[i] for run in in_page) for i in range(4))
    engine, over_api = statistics.median(alone), statistics.median(streamed)
    print(f"{PHOTO} after {STYLE} at {size} pixels, medians of {rounds}")
    print(f"click to first picture   {first:.2f} s")
    print(f"pictures a second        {rate:.1f}")
    print(f"click to finished PNG    {whole:.1f} s")
    print(f"the engine's own clock   {engine:.1f} s alone")
    print(f"                         {over_api:.1f} s streaming, {over_api / engine - 1:+.1%}")
    print(f"                         {told:.1f} s with a browser here, {told / engine - 1:+.1%}")


def _paint(page: Page, url: str, size: int) -> tuple[float, float, float, float]:
    """Seconds to the first picture, pictures a second, seconds to the last, the engine's clock."""
    page.goto(f"{url}/?photo={PHOTO}&style={STYLE}&size={size}")
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


def _streamed(url: str, size: int) -> float:
    with httpx.Client(base_url=f"{url}/gradio_api", timeout=600) as web:
        (path,) = web.post("/upload", files={"files": sample(PHOTO).read_bytes()}).json()
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
    style = next(plate.path for plate in load_styles() if plate.name == STYLE)
    *_, frame = stylize(sample(PHOTO), [style], Settings(size=size))
    return frame.seconds


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
