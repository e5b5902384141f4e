"""How a process ends and starts again, and what it does where there is no room: the app as README starts it."""

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from PIL import Image
from playwright.sync_api import BrowserContext, expect

from nst.service.store import CROWDED

from .driving import SMALL, open_link, paint
from .serving import Served, free_port, served, until


def _lion(app: Served) -> dict[str, object]:
    """The sample photo, as a browser sends it."""
    (folder,) = (app.log.parent / "temporary").glob("nst-*")
    return {"path": str(folder / "site" / "photos" / "lion.jpg"), "meta": {"_type": "gradio.FileData"}}


def _told(app: Served, **asked: object) -> Iterator[str]:
    """What the server tells of a run; Gradio's own client would upload the photo once more."""
    address = f"{app.url}/gradio_api/call/v2/paint"
    values = {"photo": _lion(app), "style": "gold_spirals", **asked}
    number = httpx.post(address, json=values).json()["event_id"]
    with httpx.stream("GET", f"{address}/{number}", timeout=120) as answer:
        yield from answer.iter_lines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def small_disk(folder: Path) -> Iterator[bool]:
    """Whether a disk of 8 MB is at `temporary`, where the app will look for it: only root can mount one."""
    (folder / "temporary").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder / "temporary")]
    mounted = not subprocess.run(mount, capture_output=True).returncode
    yield mounted
    if mounted:
        subprocess.run(["umount", "-l", str(folder / "temporary")], check=True)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def app(folder: Path, port: int, small_disk: bool) -> Iterator[Served]:
    with served(folder, port=port) as started:
        yield started


def test_an_end_delivers_the_picture_and_ones_own_paintings_outlive_it(
    folder: Path, port: int, small_disk: bool, context: BrowserContext, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tab = context.new_page()
    with served(folder, port=port) as before:
        open_link(tab, before.url, f"photo=lion&style=gold_spirals&{SMALL}")
        paint(tab)
        expect(tab.locator("#strip img")).to_have_count(1)
        client = Client(before.url, download_files=str(tmp_path), verbose=False)
        run = client.submit(_lion(before), "gold_spirals", size=128, more="steps=5000", api_name="/paint")
        until(lambda: len(run.outputs()) >= 2)
        before.process.send_signal(signal.SIGTERM)
        until(lambda: run.done() and str(run.outputs()[-1]).endswith(".png"))
        with Image.open(run.outputs()[-1]) as picture:
            assert max(picture.size) == 128
        assert before.process.wait(60) == 0
        left = (folder / "temporary").rglob("*")  # Gradio makes two empty folders
        assert [path for path in left if path.is_file() or path.name.startswith("nst-")] == []
        assert "Traceback" not in before.log.read_text()
    app: Served = request.getfixturevalue("app")
    assert app.url == before.url
    tab.goto(app.url)
    strip = tab.locator("#strip img")
    expect(strip).to_have_count(1)
    tab.wait_for_function("document.querySelector('#strip img').naturalWidth > 0")
    strip.click()
    expect(tab.locator("#canvas img")).to_be_visible()
    expect(tab).to_have_url(re.compile("style=gold_spirals"))
    tab.close()


def test_a_full_disk_is_reported_in_a_sentence(folder: Path, small_disk: bool, app: Served) -> None:
    if not small_disk:
        pytest.skip("only root can mount a small disk")
    response = httpx.post(f"{app.url}/gradio_api/upload", files={"files": b"x" * 1000})
    assert (response.status_code, response.text) == (507, CROWDED)
    run = _told(app, size=128, more="steps=5000")
    assert next(line for line in run if line == "event: generating")
    filler = folder / "temporary" / "filler"
    with pytest.raises(OSError), filler.open("wb", 0) as file:
        while True:
            file.write(bytes(4096))
    end = "".join(run)
    assert "event: error" in end
    assert "disk of this machine is full" in end
    filler.unlink()
    assert ".png" in "".join(_told(app, size=64, more="steps=2"))
    assert "Traceback" not in app.log.read_text()
