"""How a process ends, and what it does where there is no room: the app as README starts it."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from PIL import Image
from playwright.sync_api import Browser, expect

from nst.service.store import CROWDED

from .driving import MINUTE, SMALL, open_link, paint
from .serving import Served, served, until


def _lion(app: Served) -> dict[str, object]:
    """The sample photo, as a browser sends it."""
    (folder,) = (app.log.parent / "temporary").glob("nst-*")
    return {"path": str(folder / "site" / "photos" / "lion.jpg"), "meta": {"_type": "gradio.FileData"}}


def test_sigterm_delivers_the_picture_and_leaves_nothing(tmp_path: Path) -> None:
    with served(tmp_path) as app:
        client = Client(app.url, download_files=str(tmp_path / "got"), verbose=False)
        run = client.submit(_lion(app), "gold_spirals", size=256, api_name="/paint")
        until(lambda: len(run.outputs()) >= 2)
        app.process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        until(lambda: run.done() and str(run.outputs()[-1]).endswith(".png"))
        with Image.open(run.outputs()[-1]) as picture:
            assert max(picture.size) == 256
        assert app.process.wait(30) == 0
        assert time.monotonic() - asked < 30
        left = (tmp_path / "temporary").rglob("*")  # Gradio makes two empty folders
        assert [path for path in left if path.is_file() or path.name.startswith("nst-")] == []
        assert "Traceback" not in app.log.read_text()


def _told(app: Served, **asked: object) -> Iterator[str]:
    """What the server tells of a run; Gradio's own client would upload the photo once more."""
    address = f"{app.url}/gradio_api/call/v2/paint"
    values = {"photo": _lion(app), "style": "gold_spirals", **asked}
    number = httpx.post(address, json=values).json()["event_id"]
    with httpx.stream("GET", f"{address}/{number}", timeout=60) as answer:
        yield from answer.iter_lines()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB at `temporary`, where the app will look for it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield tmp_path
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_reported_in_a_sentence(tiny: Path) -> None:
    with served(tiny) as app:
        response = httpx.post(f"{app.url}/gradio_api/upload", files={"files": b"x" * 1000})
        assert (response.status_code, response.text) == (507, CROWDED)
        run = _told(app, size=256)
        assert next(line for line in run if line == "event: generating")
        filler = tiny / "temporary" / "filler"
        with pytest.raises(OSError), filler.open("wb", 0) as file:
            while True:
                file.write(bytes(4096))
        end = "".join(run)
        assert "event: error" in end
        assert "disk of this machine is full" in end
        filler.unlink()
        assert ".png" in "".join(_told(app, size=64))
        assert "Traceback" not in app.log.read_text()


def test_ones_own_paintings_outlive_a_restart(browser: Browser, tmp_path: Path) -> None:
    visitor = browser.new_context()
    visitor.set_default_timeout(2 * MINUTE)
    tab = visitor.new_page()
    with served(tmp_path) as app:
        open_link(tab, app.url, f"photo=lion&style=gold_spirals&{SMALL}")
        paint(tab)
        expect(tab.locator("#strip img")).to_have_count(1)
    with served(tmp_path, port=int(app.url.rpartition(":")[2])) as again:
        assert again.url == app.url
        tab.goto(app.url)
        strip = tab.locator("#strip img")
        expect(strip).to_have_count(1)
        tab.wait_for_function("document.querySelector('#strip img').naturalWidth > 0")
        strip.click()
        expect(tab.locator("#canvas img")).to_be_visible()
        expect(tab).to_have_url(re.compile("style=gold_spirals"))
    visitor.close()
