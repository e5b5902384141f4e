import base64
import io
import json
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from nst.page.app import Page
from nst.page.history import MAX_REMEMBERED, valid_memories
from nst.service.session import Session

from .conftest import named
from .test_painting import _asked


def _jpeg(size: tuple[int, int] = (40, 30), kind: str = "JPEG") -> str:
    data = io.BytesIO()
    Image.new("RGB", size, "teal").save(data, kind)
    return base64.b64encode(data.getvalue()).decode()


def _claiming(width: int, height: int) -> str:
    """A small JPEG that says it is of this size."""
    data = bytearray(base64.b64decode(_jpeg()))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = height.to_bytes(2) + width.to_bytes(2)
    return base64.b64encode(data).decode()


def _entry(**changed: Any) -> dict[str, Any]:
    entry = {"token": "t", "address": "style=gold_spirals&strength=0.8&v=1", "title": "a"}
    return entry | {"picture": _jpeg()} | changed


def _select(number: int) -> gr.SelectData:
    return gr.SelectData(None, {"index": number, "value": None})


def test_a_browsers_memory_is_believed_as_far_as_it_can_be_true() -> None:
    assert len(valid_memories([_entry()] * 50)) == MAX_REMEMBERED
    assert valid_memories([_entry()])[0].title == "a"


@pytest.mark.parametrize(
    "memory",
    [
        None,
        7,
        "x",
        {"token": "t"},
        [None, 3, [], {}],
        [_entry(picture=_jpeg(kind="PNG"))],
        [_entry(picture=_jpeg((4000, 4000)))],
        [_entry(picture=_claiming(30_000, 28_000))],
        [_entry(picture=_claiming(12_000, 9000))],
        [_entry(picture="A" * 400_000)],
        [_entry(picture="not base64!")],
        [_entry(picture=base64.b64encode(b"%!PS-Adobe-3.0 EPSF-3.0").decode())],
        [_entry(picture=None)],
        [_entry(picture={"a": 1})],
        [json.loads('{"token": 1e999}')],
    ],
)
def test_what_cannot_be_true_is_nothing_remembered(memory: Any, page: Page) -> None:
    assert valid_memories(memory) == []
    shown = page.history.load_history(remembered=memory)
    assert not shown[page.history.strip].visible


def test_a_painting_comes_back_with_its_settings(page: Page, session: Session, photo_sent: dict[str, Any]) -> None:
    page.painting.start_painting(session=session, **_asked(photo_sent, strength=0.8))
    assert list(page.painting.show_frames(session=session))
    kept = page.history.add(session=session, remembered=[_entry()])[page.history.remembered]
    assert [entry["title"] for entry in kept] == ["photo after gold_spirals", "a"]
    later = Session(loaded=True)
    brought = page.history.bring_back(_select(0), session=later, remembered=kept)
    assert named(page, brought)["strength"] == 0.8
    assert brought[page.result.go_on].interactive
    assert len(brought[page.result.losses]) > 1
    page.app_state.store.release(session.key)
    assert page.app_state.store.find(later.painting)
    left = page.history.remove_selected(session=later, remembered=kept)
    assert [entry["title"] for entry in left[page.history.remembered]] == ["a"]


def test_of_a_painting_that_is_gone_the_small_picture_is_left(page: Page, session: Session) -> None:
    brought = page.history.bring_back(_select(0), session=session, remembered=[_entry()])
    assert brought[page.result.losses].empty
    with Image.open(brought[page.result.image].value["path"]) as small:
        assert small.size == (40, 30)
    assert brought[page.result.image].show_label is False
    assert not brought[page.result.go_on].interactive
    assert not brought[page.result.download].interactive


@pytest.mark.parametrize("number", [-1, 1, 99])
def test_a_place_that_is_none(page: Page, session: Session, number: int) -> None:
    asked = {"session": session, "remembered": [_entry()]}
    assert page.history.bring_back(_select(number), **asked) == gr.skip()
