"""The network in a browser without a GPU: a server of its scripts, and Chromium with software WebGL 2 or WebGPU."""

import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image
from playwright.sync_api import BrowserType, Page

from nst.web.files import WEIGHTS, scripts, weights_file
from tests.serving import HEADLESS, QUIET

WEBGPU = [
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
]

SCRIPT = """
window.decode = async (url) => {
    const image = Object.assign(new Image(), { src: url });
    await image.decode();
    return image;
};
window.open_painter = async (options) => {
    window.painter?.destroy();
    window.module = await import("/painter.js");
    window.painter = await module.createPainter(options);
    return painter.backend;
};
window.paint = async ({ photo, cin, ...options }) => {
    const canvas = document.createElement("canvas");
    await painter.paint(await decode(photo), canvas, { ...options, cin: Float32Array.from(cin) });
    return canvas.toDataURL("image/png");
};
"""


class Handler(BaseHTTPRequestHandler):
    """Answers with the scripts and weights, and an empty page."""

    def do_GET(self) -> None:  # noqa: N802
        name = self.path.lstrip("/")
        files = {
            **scripts(),
            WEIGHTS: weights_file(),
            "": b"<!doctype html><title>nst</title><link rel=icon href=data:,>",
        }
        data = files.get(name)
        self.send_response(404 if data is None else 200)
        kind = "text/javascript" if name.endswith(".js") else "application/octet-stream" if name else "text/html"
        self.send_header("content-type", kind)
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests short."""


@contextmanager
def page_with_painter(kind: BrowserType, backend: str, half: bool = False) -> Iterator[Page]:
    """An empty page whose `painter` uses this backend."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    gpu = WEBGPU if backend == "webgpu" else []
    arguments = [argument for argument in QUIET if not (gpu and argument == "--disable-gpu")]
    with kind.launch(executable_path=HEADLESS, args=arguments + gpu) as browser:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.evaluate(f"() => {{ {SCRIPT} }}")
        assert page.evaluate("open_painter", {"backend": backend, "half": half}) == backend
        yield page
    server.shutdown()
    server.server_close()


def as_url(image: Image.Image) -> str:
    """The image as a data URL."""
    data = io.BytesIO()
    image.save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def from_url(url: str) -> np.ndarray:
    """The pixels of a data URL, H x W x 3 in 0..255."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")).astype(int)
