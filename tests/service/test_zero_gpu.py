"""ZeroGPU: its own package, with its service answered by a stand-in on this machine.

What is real: the package's decorator, its emulation of CUDA in the process of the page, its call
for a GPU, the worker process that it forks, pictures going there and frames coming back. What is
not: the GPU. The worker's start on one is left out, and it paints on the CPU.
"""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from gradio_client import Client, handle_file
from PIL import Image

from nst.gallery import sample
from nst.sharing import from_text
from tests.serving import ROOT, served

WITHOUT_A_GPU = """
import gc, os, sys
sys.path.insert(0, ROOT)
os.chdir(ROOT)
import spaces.zero.torch as emulation
import app, torch
from nst.network.vgg import Backbone

def on_the_cpu(uuid):
    gc.unfreeze()  # frozen objects are not listed
    for backbone in gc.get_objects():
        if isinstance(backbone, Backbone):
            backbone.device = torch.device("cpu")
            backbone._mean = torch.tensor(backbone._weights.mean).view(1, 3, 1, 1)

emulation.init = on_the_cpu
emulation.size = lambda: 0
emulation.move = lambda callback=None: None
sys.exit(app.serve())
"""


@pytest.fixture
def service() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a stand-in for ZeroGPU's service, and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            address = urlparse(self.path)
            asked.append({"path": address.path} | parse_qs(address.query))
            granted = {"idle": False, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "token"}
            body = b""
            if address.path == "/schedule":
                body = json.dumps(granted).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}", asked
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def client(service: tuple[str, list[dict[str, Any]]], tmp_path: Path) -> Iterator[Client]:
    """A page on ZeroGPU."""
    (tmp_path / "home").mkdir()
    entry = tmp_path / "entry.py"
    entry.write_text(WITHOUT_A_GPU.replace("ROOT", repr(str(ROOT))))
    variables = {"SPACES_ZERO_GPU": "1", "SPACES_ZERO_DEVICE_API_URL": service[0]}
    with served(tmp_path, entry, HOME=str(tmp_path / "home"), **variables) as app:
        yield Client(app.url, download_files=str(tmp_path), verbose=False)
        assert "Traceback" not in app.log.read_text()


def test_a_run_has_a_gpu_for_as_long_as_it_lasts(service: tuple[str, list[dict[str, Any]]], client: Client) -> None:
    _, asked = service
    asked_for = {"size": 64, "more": "steps=3"}
    first = client.predict(handle_file(sample("lion")), "gold_spirals", **asked_for, api_name="/paint")
    with Image.open(first) as painting:
        assert painting.size == (64, 64)
        remembered = from_text(painting)
    assert remembered
    assert remembered[0].steps == 3
    assert [question["path"] for question in asked] == ["/startup-report", "/schedule", "/allow", "/release"]
    assert 20 <= int(asked[1]["durationSeconds"][0]) <= 120
    endless = client.submit(handle_file(sample("lion")), "gold_spirals", size=64, more="steps=9000", api_name="/paint")
    next(iter(endless))
    endless.cancel()
    for _ in range(100):
        if [question["path"] for question in asked].count("/release") == 2:
            break
        time.sleep(0.1)
    assert asked[-1]["path"] == "/release"
