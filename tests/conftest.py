"""Real parts at small sizes: the bundled network, a style, a photo drawn here."""

import gc
import hashlib
import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from nst.config import Config
from nst.gallery import load_styles
from nst.network import weights
from nst.network.vgg import Backbone, load_backbone
from nst.network.weights import bundled_weights
from nst.service.app_state import AppState, open_app_state
from tests.driving import MINUTE
from tests.serving import CHROMIUM, Served, chromium, served

expect.set_options(timeout=2 * MINUTE)  # a busy machine is no fault of the page

Files = dict[str, bytes | Callable[[bytes], bytes]]


def pytest_configure(config: pytest.Config) -> None:
    """Processes that test side by side share the cores, and so do the programs that they start."""
    config.option.loadscopereorder = False  # pytest-xdist would begin with the most tests, not with the slowest
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    if processes > 1:
        threads = max(1, torch.get_num_threads() // processes)
        torch.set_num_threads(threads)
        os.environ["OMP_NUM_THREADS"] = str(threads)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stay in one process. Those that share a server do, too, and begin, as they take longest.

    The pages in a browser are two such groups, with a server and a browser each, all attacks are one.
    """
    groups = {item.path: str(item.path) for item in items}
    sizes: Counter[Path] = Counter()
    for item in items:
        if item.path.parent.name != "attacks" and _needs(item, "server", "browser"):
            sizes[item.path] += 10 if _needs(item, "browser") else 1
    halves = [0, 0]
    for path, size in sizes.most_common():
        half = halves.index(min(halves))
        groups[path] = f"pages {half}"
        halves[half] += size
    chosen = {item: "attacks" if _needs(item, "stranger") else groups[item.path] for item in items}
    for item, group in chosen.items():
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: chosen[item] == str(item.path))


def pytest_collection_finish() -> None:
    gc.freeze()  # later collections skip the modules and the tests


def _needs(item: pytest.Item, *fixtures: str) -> bool:
    return not {*fixtures}.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session", autouse=True)
def _signals() -> None:
    """As in a terminal: what runs the tests may ignore some, as nohup does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    return load_backbone(bundled_weights())


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A landscape with a house, 120 x 96."""
    down = np.linspace(0, 1, 96)[:, None, None]
    sky = np.array([110, 160, 220]) * (1 - down) + np.array([240, 220, 190]) * down
    image = Image.fromarray(np.broadcast_to(sky, (96, 120, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.polygon([(0, 70), (60, 55), (120, 74), (120, 96), (0, 96)], fill=(80, 120, 60))
    draw.rectangle((40, 40, 75, 72), fill=(180, 80, 60))
    draw.polygon([(35, 42), (57, 22), (80, 42)], fill=(90, 50, 40))
    return image


@pytest.fixture(scope="session")
def style() -> Image.Image:
    return Image.open(load_styles()[0].path)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Files]:
    """A web server on this machine: put a file in, and it is served; all else is 404.

    What is posted to an address is kept under "posted " and that address; a function that lies
    there makes the answer of it.
    """
    files: Files = {}

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            posted = self.rfile.read(length)
            files["posted " + self.path] = posted
            self._answer(body=True, posted=posted)

        def _answer(self, body: bool, posted: bytes = b"") -> None:
            data = files.get(self.path.partition("?")[0])
            data = data(posted) if callable(data) else data
            self.send_response(404 if data is None else 200)
            data = data or b""
            self.send_header("Content-Length", str(len(data)))
            own = hashlib.sha1(data).hexdigest()
            self.send_header("ETag", f'"{files.get("etag", own.encode()).decode()}"')  # type: ignore[union-attr]
            self.send_header("X-Repo-Commit", "0" * 40)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{httpd.server_port}"
    monkeypatch.setattr(weights, "OXFORD_URL", f"{root}/vgg19.pth")
    monkeypatch.setattr(constants, "ENDPOINT", root)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", root + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NST_VGG19", raising=False)
    yield files
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(scope="session")
def app_state() -> Iterator[AppState]:
    """The state of a process that serves the page, without a server."""
    state = open_app_state(Config())
    yield state
    state.store.close()


@pytest.fixture
def uploads(app_state: AppState) -> Iterator[Path]:
    """A folder whose files count as uploaded."""
    folder = app_state.store.root / "uploads"
    folder.mkdir(exist_ok=True)
    yield folder
    shutil.rmtree(folder)


def sent(file: Path | str) -> dict[str, Any]:
    """A file as a browser sends it."""
    return {"path": str(file), "meta": {"_type": "gradio.FileData"}}


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app as README starts it; its log must stay free of tracebacks."""
    with served(tmp_path_factory.mktemp("app")) as app:
        yield app
    assert "Traceback" not in app.log.read_text()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        missing = "no Chromium on this machine: install Debian's package chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with sync_playwright() as playwright:
        yield chromium(playwright)


@pytest.fixture(scope="session")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """What most pages share, and with it the cache: a page loads in half the time."""
    shared = browser.new_context(viewport={"width": 1280, "height": 900})
    shared.set_default_timeout(2 * MINUTE)
    yield shared
    shared.close()
