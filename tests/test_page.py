"""The page, served by `python app.py` and driven in a real Chromium."""

import asyncio
import base64
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from gradio_client import Client, handle_file
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from nst.gallery import plates
from nst.images import fit, open_image
from nst.sharing import from_text

ROOT = Path(__file__).parent.parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
MINUTE = 60_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The address of the app and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("app") / "log"
    environment = os.environ | {
        "GRADIO_SERVER_PORT": str(port),
        "NO_PROXY": "127.0.0.1",
        # Gradio serves all of the temporary folder; the environment's packages may lie in it here,
        # where the samples are, but not on a Space.
        "TMPDIR": str(tmp_path_factory.mktemp("temporary")),
    }
    with log.open("w") as file:
        command = [sys.executable, "app.py"]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.2)
        else:
            pytest.fail(f"the app did not start: {log.read_text()}")
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(20)
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        missing = "no Chromium on this machine: install Debian's package chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)


@pytest.fixture
def page(server: tuple[str, int], browser: Browser) -> Iterator[Page]:
    """A page that complains of any console error and of any request to another host."""
    url, _ = server
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
    _choose(page, 256, "normal")
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
    assert (painting.format, max(painting.size)) == ("PNG", 256)
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


def test_a_closed_tab_stops_the_work(server: tuple[str, int], browser: Browser) -> None:
    url, process = server
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


def _animation(path: Path) -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def _turned(path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (60, 40), "red").save(path, exif=exif)


def _transparent(path: Path) -> None:
    Image.new("P", (60, 40)).save(path, transparency=0)


ODD = [
    ("animated.gif", _animation, (64, 43)),
    ("cmyk.jpg", lambda path: Image.new("CMYK", (60, 40)).save(path), (64, 43)),
    ("grey16.png", lambda path: Image.new("I;16", (60, 40), 30000).save(path), (64, 43)),
    ("palette.png", _transparent, (64, 43)),
    ("turned.jpg", _turned, (43, 64)),
]


@pytest.mark.parametrize(("name", "make", "size"), ODD, ids=[name for name, _, _ in ODD])
def test_odd_photos_are_painted_as_a_person_sees_them(
    page: Page, tmp_path: Path, name: str, make: Callable[[Path], None], size: tuple[int, int]
) -> None:
    make(tmp_path / name)
    _choose(page, 64, "quick")
    page.locator("#styles button").first.click()
    page.locator("#photo input[type=file]").set_input_files(tmp_path / name)
    expect(page.locator("#photo img")).to_be_visible()
    painting = page.request.get(_paint(page)[-1]).body()
    assert Image.open(io.BytesIO(painting)).size == size


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


def test_a_recipe_survives_a_reload_by_its_link(page: Page, server: tuple[str, int]) -> None:
    _open(page, server[0], "photo=lion&style=gold_spirals")
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
    page: Page, browser: Browser, server: tuple[str, int], tmp_path: Path
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    _open(page, server[0], f"photo=tower&style=roman_mosaic&colour=matched&{SMALL}")
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
    photo = next(path for path in _samples() if path.stem == "tower")
    like = ["--like", str(tmp_path / "first.png"), "-o", str(tmp_path / "again.png")]
    subprocess.run([sys.executable, "-m", "nst", str(photo), *like], check=True, cwd=ROOT)
    assert Image.open(tmp_path / "again.png").tobytes() == first.tobytes()


def _info(picture: Image.Image) -> PngInfo:
    info = PngInfo()
    for key, value in picture.text.items():  # type: ignore[attr-defined]
        info.add_text(key, value)
    return info


def _samples() -> list[Path]:
    return [Path(gr.get_image(f"{name}.jpg")) for name in ("tower", "lion", "cheetah1")]


def test_a_bad_link_is_told_and_the_rest_of_it_counts(page: Page, server: tuple[str, int]) -> None:
    _open(page, server[0], "photo=lion&style=nobody,gold_spirals&strength=9&size=128")
    expect(page.get_by_text("Strength is '9'")).to_be_visible()
    expect(page.get_by_text("Style 'nobody' is not here")).to_be_visible()
    expect(page).to_have_url(re.compile("photo=lion&style=gold_spirals&size=128"))


def test_film_slider_and_a_strip_that_survives_a_reload(
    page: Page, server: tuple[str, int]
) -> None:
    _open(page, server[0], f"photo=lion&style=stained_glass&{SMALL}")
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
    page: Page, browser: Browser, server: tuple[str, int], tmp_path: Path
) -> None:
    before = browser.new_page()
    _open(before, server[0], f"photo=lion&style=gold_spirals&strength=0.8&{SMALL}")
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


def test_only_the_part_under_the_brush_is_painted(page: Page, server: tuple[str, int]) -> None:
    _open(page, server[0], f"photo=lion&style=stained_glass&{SMALL}")
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
    lion = next(path for path in _samples() if path.stem == "lion")
    photo = np.asarray(fit(open_image(lion), 128), dtype=int)
    changed = np.abs(np.asarray(painting.convert("RGB"), dtype=int) - photo).max(axis=2) > 0
    assert 0.01 < changed.mean() < 0.6
    assert not changed[:10].any()
    assert not changed[-10:].any()


def test_painting_on_from_what_is_there(page: Page, server: tuple[str, int]) -> None:
    _open(page, server[0], f"photo=lion&style=stained_glass&{SMALL}")
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


def test_again_with_another_seed_where_the_start_is_noise(
    page: Page, server: tuple[str, int]
) -> None:
    expect(page.locator("#again")).to_be_hidden()
    _open(page, server[0], "photo=lion&style=gold_spirals&recipe=texture&size=64&steps=5")
    _paint(page)
    first = _source(page)
    page.locator("#again").click()
    expect(page).to_have_url(re.compile("seed="))
    expect(page.locator("#canvas img")).not_to_have_attribute("src", first)
    expect(page.locator("#status")).to_contain_text("Done in", timeout=MINUTE)
    remembered = from_text(_finished(page))
    assert remembered
    assert f"seed={remembered[0].shared.settings.seed}&" in page.url


def test_steering_on_a_phone(browser: Browser, server: tuple[str, int]) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    phone = context.new_page()
    _open(phone, server[0], f"photo=lion&style=stained_glass&{SMALL}")
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


def test_the_api_streams_a_painting(server: tuple[str, int], tmp_path: Path) -> None:
    url, _ = server
    client = Client(url, download_files=str(tmp_path), verbose=False)
    assert {"/paint", "/list_styles"} == set(
        client.view_api(return_format="dict")["named_endpoints"]
    )
    styles = client.predict(api_name="/list_styles")
    assert [style["name"] for style in styles] == [plate.name for plate in plates()]
    lion = next(path for path in _samples() if path.stem == "lion")
    painting = client.submit(
        handle_file(lion), "gold_spirals", strength=0.7, size=256, api_name="/paint"
    )
    pictures = list(painting)
    assert len(pictures) >= 6
    with Image.open(pictures[-1]) as last:
        assert last.size == (256, 256)
        remembered = from_text(last)
    assert remembered
    assert remembered[0].shared.settings.strength == 0.7
    mask = tmp_path / "mask.png"
    half = Image.new("L", (256, 256))
    half.paste(255, (0, 0, 128, 256))
    half.save(mask)
    larger = client.predict(
        handle_file(lion),
        "gold_spirals",
        size=384,
        colour="matched",
        style_scale=2,
        detail=0.5,
        start=handle_file(pictures[-1]),
        mask=handle_file(mask),
        more="steps=2",
        api_name="/paint",
    )
    with Image.open(larger) as on:
        assert on.size == (384, 384)
        told = from_text(on)
    assert told
    assert told[0].also == ("mask", "start")
    assert told[0].shared.settings.detail == 0.5
    for wrong, complaint in (
        ({"style": "nobody"}, "There is no style"),
        ({"more": "x=1"}, "More has x"),
    ):
        with pytest.raises(Exception, match=complaint):
            client.predict(handle_file(lion), size=64, api_name="/paint", **wrong)


def test_the_readmes_own_lines(server: tuple[str, int], tmp_path: Path) -> None:
    lion = next(path for path in _samples() if path.stem == "lion")
    shutil.copy(lion, tmp_path / "photo.jpg")
    told = (ROOT / "README.md").read_text().partition("## From other programs")[2]
    told = told.replace("http://127.0.0.1:7860", server[0])
    told = told.replace("strength=0.7", "strength=0.7, size=64")
    told = told.replace('"strength": 0.7', '"strength": 0.7, "size": 64')
    in_python = told.partition("```python\n")[2].partition("```")[0]
    in_shell = "URL=" + told.partition("```\nURL=")[2].partition("```")[0]
    for command in ([sys.executable, "-c", in_python], ["bash", "-c", in_shell]):
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert "photo after gold_spirals.png" in ran.stdout.replace("%20", " "), ran.stdout
        assert "error" not in ran.stdout


def test_an_assistant_can_paint(server: tuple[str, int]) -> None:
    lion = next(path for path in _samples() if path.stem == "lion")

    uploaded = "data:image/jpeg;base64," + base64.b64encode(lion.read_bytes()).decode()

    async def ask() -> tuple[list[str], str]:
        async with (
            streamablehttp_client(f"{server[0]}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            asked = {"photo": uploaded, "size": 64, "effort": "quick"}
            answer = await session.call_tool("paint", asked)
            kinds = [part.type for part in answer.content]
            return [tool.name for tool in tools], json.dumps(kinds) + str(answer.content)[:300]

    with ThreadPoolExecutor() as pool:  # Playwright has a loop in this thread
        tools, answer = pool.submit(asyncio.run, ask()).result()
    assert set(tools) == {"paint", "list_styles"}
    assert "image" in answer, answer
