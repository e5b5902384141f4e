"""ZeroGPU: its own package, with its service answered by a stand-in on this machine.

What is real: the package's decorator, its emulation of CUDA in the process of the page, its call
for a GPU, the worker process that it forks, pictures going there and frames coming back. What is
not: the GPU. The worker's start on one is left out, and it paints on the CPU.
"""

import json
import threading
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

from .serving import ROOT, served

WITHOUT_A_GPU = """
import os, sys
sys.path.insert(0, ROOT)
os.chdir(ROOT)
import spaces.zero.torch as emulation
emulation.init = lambda uuid: None
emulation.size = lambda: 0
emulation.move = lambda callback=None: None
import app, torch
from nst.network import vgg
from spaces.zero import wrappers

honest = vgg.Backbone.walk

def walk(self, *asked):
    if wrappers.forked:
        self.device = torch.device("cpu")
        self._mean = self._mean.cpu()
    return honest(self, *asked)

vgg.Backbone.walk = walk
sys.exit(app.main())
"""


@pytest.fixture
def service() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a stand-in for ZeroGPU's service, and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            address = urlparse(self.path)
            asked.append({"path": address.path} | parse_qs(address.query))
            granted = {
                "idle": False,
                "nvidiaIndex": 0,
                "nvidiaUUID": "GPU-0",
                "allowToken": "token",
            }
            told = b""
            if address.path == "/schedule":
                told = json.dumps(granted).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}", asked
    httpd.shutdown()
    httpd.server_close()


def test_a_run_has_a_gpu_and_the_page_has_none(
    service: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    address, asked = service
    entry = tmp_path / "entry.py"
    entry.write_text(WITHOUT_A_GPU.replace("ROOT", repr(str(ROOT))))
    variables = {"SPACES_ZERO_GPU": "1", "SPACES_ZERO_DEVICE_API_URL": address}
    (tmp_path / "home").mkdir()
    with served(tmp_path, entry, HOME=str(tmp_path / "home"), **variables) as app:
        client = Client(app.url, download_files=str(tmp_path), verbose=False)
        first = client.predict(
            handle_file(sample("lion")),
            "gold_spirals",
            size=64,
            more="steps=3",
            api_name="/paint",
        )
        with Image.open(first) as painting:
            assert painting.size == (64, 64)
            remembered = from_text(painting)
        log = app.log.read_text()
    assert remembered
    assert remembered[0].steps == 3
    assert "Traceback" not in log
    paths = [question["path"] for question in asked]
    assert paths[0] == "/startup-report"
    assert "/schedule" in paths
    assert "/release" in paths
    schedule = next(question for question in asked if question["path"] == "/schedule")
    assert 20 <= int(schedule["durationSeconds"][0]) <= 120
