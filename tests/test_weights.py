"""Sources of VGG-19, against a stand-in for the web and the Hub on this machine."""

import hashlib
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save
from torch import Tensor

from nst import weights

Files = dict[str, bytes]


def _state(blocks: tuple[int, ...]) -> dict[str, Tensor]:
    """A state dict of the right shapes, numbered as torchvision does, with a classifier to drop."""
    state, channels, number = {"classifier.0.weight": torch.ones(2, 2)}, 3, 0
    generator = torch.Generator().manual_seed(0)
    for block, length in enumerate(blocks, 1):
        width = 64 * 2 ** min(block - 1, 3)
        for _ in range(length):
            shape = (width, channels, 3, 3)
            state[f"features.{number}.weight"] = torch.randn(shape, generator=generator) * 0.02
            state[f"features.{number}.bias"] = torch.zeros(width)
            channels, number = width, number + 2
        number += 1
    return state


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return _state(weights.ARCHITECTURES["VGG-19"])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Files]:
    """A web server on this machine: put a file in, and it is served; all else is 404."""
    files: Files = {}

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            data = files.get(self.path)
            self.send_response(404 if data is None else 200)
            data = data or b""
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{files.get("etag", b"").decode()}"')
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
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", root + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NST_VGG19", raising=False)
    yield files
    httpd.shutdown()
    httpd.server_close()


HUB_PATH = "/timm/vgg19.tv_in1k/resolve/main/model.safetensors"


def _pth(state: dict[str, Tensor], path: Path) -> bytes:
    torch.save(state, path)
    return path.read_bytes()


def test_oxfords_file_is_verified_turned_to_rgb_and_cached(
    server: Files, state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = server["/vgg19.pth"] = _pth(state, tmp_path / "a.pth")
    monkeypatch.setattr(weights, "OXFORD_SHA256", hashlib.sha256(data).hexdigest()[:8])
    fetched = weights.fetch_vgg19()
    assert fetched is not None
    assert (fetched.name, len(fetched.layers)) == ("VGG-19", 16)
    assert fetched.mean == pytest.approx((0.48502, 0.45796, 0.40760), abs=1e-5)
    first = fetched.layers["conv1_1"][0]
    assert torch.allclose(first, state["features.0.weight"].flip(1), atol=1e-4)
    server.clear()  # from now on the cache alone must do
    again = weights.local()
    assert all(torch.equal(again.layers[k][0], fetched.layers[k][0]) for k in fetched.layers)
    (kept,) = (tmp_path / "cache" / "nst").iterdir()
    assert kept.stat().st_size < 45e6


def test_a_file_that_is_not_the_one_named_falls_through_to_the_hub(
    server: Files, state: dict[str, Tensor], tmp_path: Path
) -> None:
    server["/vgg19.pth"] = _pth(state, tmp_path / "a.pth")  # not the SHA-256 that is asked for
    server[HUB_PATH] = save(state)
    server["etag"] = hashlib.sha256(server[HUB_PATH]).hexdigest().encode()
    fetched = weights.fetch_vgg19()
    assert fetched is not None
    assert fetched.std == (0.229, 0.224, 0.225)
    first = fetched.layers["conv1_1"][0]
    assert torch.allclose(first, state["features.0.weight"], atol=1e-4)
    assert weights.local().name == "VGG-19"


def test_a_damaged_file_from_the_hub_is_not_used(
    server: Files, state: dict[str, Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    server[HUB_PATH] = save(state)
    server["etag"] = hashlib.sha256(b"something else").hexdigest().encode()
    with caplog.at_level(logging.INFO, "nst"):
        assert weights.fetch_vgg19() is None
    assert "arrived damaged" in caplog.text
    assert weights.local().name == "VGG-16"


def test_out_of_reach_costs_one_line(
    monkeypatch: pytest.MonkeyPatch, server: Files, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(weights, "OXFORD_URL", "http://127.0.0.1:9/vgg19.pth")
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        "http://127.0.0.1:9/{repo_id}/{revision}/{filename}",
    )
    with caplog.at_level(logging.INFO):
        assert weights.fetch_vgg19() is None
    assert len(caplog.records) == 1
    assert "out of reach" in caplog.text


def test_a_named_file_comes_first(
    server: Files, state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.pth"
    _pth(state, path)
    monkeypatch.setenv("NST_VGG19", str(path))
    assert weights.local().name == "VGG-19"


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04junk"])
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "gone.pth"])
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, name: str, content: bytes) -> None:
    if name != "gone.pth":
        (tmp_path / name).write_bytes(content)
    with pytest.raises(weights.WeightsError, match=name):
        weights.read(tmp_path / name)


def test_wrong_shapes_and_numbers_are_refused(state: dict[str, Tensor]) -> None:
    how = {"mean": [0.5] * 3, "std": [1.0] * 3}
    with pytest.raises(weights.WeightsError, match="15 convolutions"):
        short = {key: value for key, value in state.items() if not key.startswith("features.0.")}
        weights.from_state_dict(short, how, flip=False)
    with pytest.raises(weights.WeightsError, match="has the shape"):
        bad = state | {"features.0.weight": torch.zeros(64, 3, 5, 5)}
        weights.from_state_dict(bad, how, flip=False)
    with pytest.raises(weights.WeightsError, match="not finite"):
        bad = state | {"features.0.bias": torch.full((64,), float("nan"))}
        weights.from_state_dict(bad, how, flip=False)


def test_a_broken_cache_is_thrown_away(server: Files) -> None:
    path = weights._cache_file("oxford")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"junk")
    assert weights.local().name == "VGG-16"
    assert not path.exists()
