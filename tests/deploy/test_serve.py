"""Painters behind replicas, by the real Ray Serve on this machine."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from nst.sharing import from_text

pytest.importorskip("ray", reason="Ray is not here: pip install -r deploy/requirements-ray.txt")

from deploy.sticky import COOKIE  # noqa: E402
from tests.serving import Served  # noqa: E402

from .ray_page import asked, painters, ray_page, visitor  # noqa: E402

PATIENCE = 120.0
SMALL = {"style": "gold_spirals", "size": 96}
VISITORS = range(16)

pytestmark = pytest.mark.xdist_group("ray")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with ray_page(tmp_path_factory.mktemp("ray"), painters=2, pages=2) as started:
        # A page that comes later takes visitors over from the first.
        _until(lambda: len({_process(started, number) for number in VISITORS}) == 2)
        yield started


def _pixels(file: str) -> bytes:
    with Image.open(file) as picture:
        return picture.convert("RGB").tobytes()


def test_a_picture_streams(page: Served, tmp_path: Path) -> None:
    pictures = list(visitor(page, tmp_path).submit(**asked(**SMALL, more="steps=24")))
    assert len(pictures) >= 2
    with Image.open(pictures[-1]) as last:
        remembered = from_text(last)
    assert remembered
    assert (remembered[0].step, remembered[0].backbone) == (24, "VGG-16")


def test_bad_input_gets_the_same_message(page: Served, tmp_path: Path) -> None:
    for wrong, message in (({"style": "nobody"}, "There is no style"), ({"size": 9}, "Size is")):
        with pytest.raises(Exception, match=message):
            visitor(page, tmp_path).predict(**asked(**(SMALL | wrong)))


def test_a_lost_painter_is_made_good(page: Served, tmp_path: Path) -> None:
    """Two visitors; the painter of one is killed in the middle of the run."""
    whole = visitor(page, tmp_path).predict(**asked(**SMALL, more="steps=40"))
    _two_painters(page, tmp_path)
    seen: list[list[str]] = [[], []]

    def visit(number: int) -> None:
        job = visitor(page, tmp_path).submit(**asked(**SMALL, more="steps=40"))
        for picture in job:
            seen[number].append(picture)

    threads = [threading.Thread(target=visit, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    _until(lambda: all(seen))
    os.kill(painters()[0], signal.SIGKILL)
    for thread in threads:
        thread.join(PATIENCE)
    assert [_pixels(pictures[-1]) == _pixels(whole) for pictures in seen] == [True, True]
    assert "Traceback" not in page.log.read_text()


def _process(page: Served, visitor: int) -> str:
    """The one that this visitor comes to."""
    cookie = {"cookie": f"{COOKIE}={visitor}"}
    return httpx.get(f"{page.url}/gradio_api/app_id", headers=cookie).text


def _until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _two_painters(page: Served, folder: Path) -> None:
    """Let visitors wait until there are two."""

    def visit(_: int) -> Any:
        return visitor(page, folder).predict(**asked(**SMALL, more="steps=40"))

    def crowded() -> bool:
        list(crowd.map(visit, range(3)))
        return len(painters()) == 2

    with ThreadPoolExecutor(3) as crowd:
        _until(crowded)


def test_visitors_come_back_to_the_process_that_knows_them(page: Served) -> None:
    homes = [_process(page, number) for number in VISITORS]
    assert len(set(homes)) == 2
    assert [_process(page, number) for number in VISITORS] == homes
    assert COOKIE in httpx.get(page.url).cookies
