"""A camera, painted as it runs."""

import io
import time
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from nst.config import Config
from nst.gallery import find_style, sample
from nst.images import open_image
from nst.one_pass import OnePass
from nst.page.app import Page
from nst.page.live import BUSY, EXPIRED, live_route
from nst.service import cameras
from nst.service.cameras import MAX_CAMERAS, Cameras
from nst.service.previews import MAX_WAITING
from nst.service.session import Session
from tests.conftest import sent

from .conftest import one_pass_controls


def _opened(page: Page, session: Session, **changed: Any) -> dict[Any, Any]:
    asked = {"denied": False, "chosen": ["gold_spirals"]} | one_pass_controls() | changed
    return page.live.open_camera(session=session, **asked)


def _seen(name: str = "lion", size: tuple[int, int] = (256, 192)) -> bytes:
    data = io.BytesIO()
    open_image(sample(name)).resize(size).save(data, "JPEG")
    return data.getvalue()


def _client(page: Page) -> TestClient:
    app_state = page.app_state
    route = live_route(app_state)
    return TestClient(Starlette(routes=[route]))


def _painted(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), dtype=float)


def test_a_picture_comes_back_painted_and_follows_the_style(page: Page, session: Session) -> None:
    token = _opened(page, session)[page.live.token]
    address, client = f"/live/{token}", _client(page)
    first = _painted(client.post(address, content=_seen()))
    assert first.shape == (192, 256, 3)
    style = find_style("gold_spirals", page.app_state.styles).path
    alone = OnePass(style, size=256, device="cpu")(Image.open(io.BytesIO(_seen())))
    assert np.abs(first - np.asarray(alone, dtype=float)).mean() < 10  # WebP's own
    page.live.follow(session, ["swirling_night"], one_pass_controls())
    assert np.abs(_painted(client.post(address, content=_seen())) - first).mean() > 20
    page.live.follow(session, ["nobody"], one_pass_controls())
    page.live.follow(session, ["gold_spirals"], one_pass_controls() | {"strength": 9})
    assert client.post(address, content=_seen()).status_code == 200
    page.live.close_camera(session=session)
    over = client.post(address, content=_seen())
    assert (over.status_code, over.text) == (EXPIRED, "The camera has run for 2 min.")


def test_a_missing_camera_and_a_missing_style_are_reported(page: Page, session: Session) -> None:
    for changed, message in (
        ({"denied": True}, "There is no camera"),
        ({"chosen": []}, "Choose a style first"),
        ({"strength": "much"}, "Strength is 'much'"),
    ):
        with pytest.raises(gr.Error, match=message):
            _opened(page, session, **changed)
    assert session.camera == ""


def test_an_owner_can_switch_cameras_off(page: Page, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page.app_state, "config", Config(live_seconds=0))
    with pytest.raises(gr.Error, match="switched cameras off"):
        _opened(page, session)


def test_a_painting_comes_first(page: Page, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    token = _opened(page, session)[page.live.token]
    monkeypatch.setattr(page.app_state.engine, "busy", lambda: 1.0)
    answer = _client(page).post(f"/live/{token}", content=_seen())
    assert (answer.status_code, answer.text[:26]) == (BUSY, "A painting is being made: ")
    page.live.close_camera(session=session)


@pytest.mark.parametrize(
    "junk", [b"", b"nothing", _seen()[:200], _seen(size=(1000, 10))], ids=["", "text", "cut", "large"]
)
def test_what_is_no_picture_of_a_camera(page: Page, session: Session, junk: bytes) -> None:
    token = _opened(page, session)[page.live.token]
    assert _client(page).post(f"/live/{token}", content=junk).status_code == 422
    page.live.close_camera(session=session)


def test_too_many_pictures_at_once_are_left_out(page: Page, session: Session) -> None:
    token, room = _opened(page, session)[page.live.token], page.app_state.previewer._places
    for _ in range(MAX_WAITING):
        assert room.acquire(blocking=False)
    answer = _client(page).post(f"/live/{token}", content=_seen())
    assert (answer.status_code, answer.content) == (BUSY, b"")
    room.release(MAX_WAITING)
    page.live.close_camera(session=session)


def test_places_before_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    style, opened = OnePass("gold_spirals", size=64, device="cpu"), Cameras()
    tokens = [opened.open(style, 60) for _ in range(MAX_CAMERAS)]
    with pytest.raises(ValueError, match="others are before their cameras"):
        opened.open(style, 60)
    opened.close(tokens[0])
    brief = opened.open(style, 0.05)
    time.sleep(0.1)
    assert opened.find(brief) is None
    assert opened.open(style, 60)
    monkeypatch.setattr(cameras, "IDLE_SECONDS", 0.0)  # nobody has sent anything for longer
    assert opened.find(tokens[1])
    assert opened.open(style, 60)


def test_a_snapshot_becomes_the_photo(page: Page, session: Session, photo_sent: dict[str, Any]) -> None:
    outputs = page.live.take_snapshot(session=session, picture=photo_sent)
    assert outputs[page.photo.image] == photo_sent["path"]
    assert outputs[page.result.tabs].selected == "painting"
    for shot, message in ((None, "Start the camera first"), (sent("/etc/passwd"), "did not arrive")):
        with pytest.raises(gr.Error, match=message):
            page.live.take_snapshot(session=session, picture=shot)
