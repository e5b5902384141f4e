"""The network in a browser gives the same pictures as in PyTorch: WebGL 2 and WebGPU, both in software here."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page

from nst.gallery import load_photos, load_styles
from nst.images import fit, open_image
from nst.images.tensors import to_image, to_tensor
from nst.one_pass_network.styles import encode, load_weights, stylize
from nst.optimise.targets import without_edge
from tests.web.gpu import as_url, from_url, page_with_painter

CPU = torch.device("cpu")
STYLES = [load_styles()[number] for number in (0, 3, 6, 10)]


@pytest.fixture(autouse=True)
def _float32(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """PyTorch's pictures in float32 on every machine."""
    monkeypatch.setenv("NST_PRECISION", "float32")
    load_weights.cache_clear()
    yield
    load_weights.cache_clear()


@pytest.fixture(scope="module", params=["webgl2", "webgpu"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    with page_with_painter(browser.browser_type, request.param) as opened:
        yield opened


def unseen(number: int) -> Image.Image:
    """A style without fine-tuned parameters: part of a built-in one, in other colours."""
    style = open_image(load_styles()[number].path).crop((300, 200, 700, 500))
    return style.transpose(Image.Transpose.ROTATE_180).convert("L").convert("RGB")


def difference(page: Page, photo: Image.Image, cin: torch.Tensor, strength: float = 0.5) -> np.ndarray:
    """Differences of the browser's picture from PyTorch's, in levels of 255."""
    options = {"photo": as_url(photo), "cin": cin[0].tolist(), "size": max(photo.size), "strength": strength}
    expected = np.asarray(to_image(stylize(to_tensor(photo), cin, strength))).astype(int)
    return np.abs(from_url(page.evaluate("paint", options)) - expected)


def check(differences: np.ndarray) -> None:
    """The mean is at most one level, and 99.9 % of the values are within six."""
    assert differences.mean() <= 1
    assert np.percentile(differences, 99.9) <= 6


CASES = [(0, 256, 0), (1, 256, 1), (2, 256, 2), (3, 384, 0), (4, 256, 1), (5, 384, 2)]


@pytest.mark.parametrize("style, size, photo", CASES)
def test_photos_look_as_in_pytorch(page: Page, style: int, size: int, photo: int) -> None:
    image = open_image(STYLES[style].path) if style < len(STYLES) else unseen(style)
    cin = encode([(image, 1.0)], 1.0, CPU)
    check(difference(page, fit(open_image(load_photos()[photo].path), size), cin))


@pytest.mark.parametrize("size", [(64, 64), (97, 71), (160, 33)])
def test_odd_sizes_look_as_in_pytorch(page: Page, photo: Image.Image, size: tuple[int, int]) -> None:
    check(difference(page, photo.resize(size), encode([(open_image(STYLES[0].path), 1.0)], 1.0, CPU)))


@pytest.mark.parametrize("colour", ["white", "black", "orange"])
def test_a_photo_of_one_colour_looks_as_in_pytorch(page: Page, colour: str) -> None:
    cin = encode([(open_image(STYLES[1].path), 1.0)], 1.0, CPU)
    check(difference(page, Image.new("RGB", (96, 64), colour), cin))


@pytest.mark.parametrize("strength", [0.0, 0.25, 0.9])
def test_every_strength_looks_as_in_pytorch(page: Page, photo: Image.Image, strength: float) -> None:
    check(difference(page, photo, encode([(open_image(STYLES[2].path), 1.0)], 1.0, CPU), strength))


def test_a_large_photo_is_painted_twice_as_in_pytorch(page: Page, photo: Image.Image) -> None:
    cin = encode([(open_image(STYLES[0].path), 1.0)], 1.0, CPU)
    # In between there are pictures of 8 bits, whose rounding the second painting amplifies in places.
    assert difference(page, photo.resize((784, 80)), cin).mean() <= 1


@pytest.mark.parametrize("kind", ["built in", "unseen", "one colour"])
def test_styles_are_encoded_as_in_pytorch(page: Page, kind: str) -> None:
    if kind == "one colour":
        style = Image.new("RGB", (300, 200), "teal")
    else:
        style = unseen(8) if kind == "unseen" else open_image(STYLES[3].path)
    style.thumbnail((1024, 1024))
    expected = encode([(without_edge(style), 1.0)], 1.0, CPU)[0].numpy()
    url = as_url(style)
    cin = np.array(page.evaluate("async (url) => Array.from(await painter.encode(await decode(url)))", url))
    assert np.linalg.norm(cin - expected) <= 1e-2 * np.linalg.norm(expected)


def test_a_built_in_style_needs_no_picture(page: Page) -> None:
    expected = encode([(without_edge(open_image(load_styles()[5].path)), 1.0)], 1.0, CPU)[0].numpy()
    cin = np.array(page.evaluate("Array.from(painter.builtIn(5))"))
    assert np.linalg.norm(cin - expected) <= 1e-4 * np.linalg.norm(expected)


def test_half_precision_is_good_enough(page: Page, photo: Image.Image) -> None:
    backend = page.evaluate("painter.backend")
    page.evaluate("open_painter", {"backend": backend, "half": True})
    check(difference(page, photo, encode([(open_image(STYLES[0].path), 1.0)], 1.0, CPU)))


def test_a_lost_gpu_is_reported_and_replaced(page: Page, photo: Image.Image) -> None:
    backend = page.evaluate("painter.backend")
    page.evaluate("async () => { painter.destroy(); await painter.lost; }")
    page.evaluate("open_painter", {"backend": backend})
    check(difference(page, photo, encode([(open_image(STYLES[0].path), 1.0)], 1.0, CPU)))


def test_pictures_that_are_wanted_at_once_do_not_mix(page: Page, photo: Image.Image) -> None:
    cins = [encode([(open_image(style.path), 1.0)], 1.0, CPU)[0].tolist() for style in STYLES[:3]]
    sizes = [(64, 64), (97, 71), (64, 64)]
    wanted = [
        {"photo": as_url(photo.resize(size)), "cin": cin, "size": max(size), "strength": 0.5}
        for size, cin in zip(sizes, cins, strict=True)
    ]
    expected = [page.evaluate("paint", options) for options in wanted]
    assert page.evaluate("wanted => Promise.all(wanted.map(paint))", wanted) == expected
