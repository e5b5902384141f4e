"""The expected time, and the address of the present settings."""

from typing import Any

import gradio as gr

from nst.page.app import Page
from nst.service.session import Session
from tests.conftest import sent

from .conftest import controls, paint_task


def _plan(page: Page, session: Session, **changed: Any) -> dict[Any, Any]:
    asked: dict[str, Any] = {"number": 0, "photo": None, "chosen": [], "recipe": "atelier"}
    asked |= controls() | changed
    return page.estimate.estimate(session=session, **asked)


def test_the_address_contains_the_settings(page: Page, session: Session) -> None:
    assert _plan(page, session)[page.estimate.address] == ""
    lion = sent(next(photo.path for photo in page.app_state.photos if photo.name == "lion"))
    outputs = _plan(page, session, photo=lion, chosen=["gold_spirals"], strength=0.7)
    assert outputs[page.estimate.address] == "photo=lion&style=gold_spirals&strength=0.7&v=1"
    assert "Ready when you are" in outputs[page.painting.status]


def test_the_status_of_a_run_stays(page: Page, session: Session) -> None:
    session.run = paint_task()
    outputs = _plan(page, session, chosen=["gold_spirals"], strength=0.7)
    assert page.painting.status not in outputs
    assert "strength=0.7" in outputs[page.estimate.address]


def test_a_late_request_leaves_the_status_of_a_finished_run(
    page: Page, session: Session, photo_sent: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {"photo": photo_sent, "chosen": ["gold_spirals"], "size": 64, "effort": "one-pass"}
    page.painting.start_painting(session=session, mask=None, recipe="atelier", **controls() | asked)
    *_, last = page.painting.show_frames(session=session)
    assert "Done in" in last[page.painting.status]
    assert page.painting.status not in _plan(page, session, **asked)
    for changed in ({"strength": 0.7}, {}, {"chosen": []}, {}, {"photo": None}, {}, {"content_layers": "none=1"}, {}):
        assert page.painting.status in _plan(page, session, **asked | changed)


def test_the_address_waits_for_the_settings_of_the_link(page: Page) -> None:
    assert page.estimate.address not in _plan(page, Session())


def test_an_overtaken_request_is_not_answered(page: Page, session: Session) -> None:
    latest = _plan(page, session, number=20.5, chosen=["gold_spirals"])
    assert latest[page.estimate.number] == 20.5
    assert _plan(page, session, number=20.0) == gr.skip()
    for nonsense in (None, "x", [], {"a": 1}):
        assert _plan(page, session, number=nonsense) == gr.skip()
    assert page.estimate.address in _plan(page, session, number=21)


def test_a_wrong_setting_is_reported_and_keeps_the_address(page: Page, session: Session) -> None:
    outputs = _plan(page, session, content_layers="nonsense=1")
    assert "layers are named conv1_1" in outputs[page.painting.status]
    assert page.estimate.address not in outputs


def test_controls_are_visible_only_where_they_have_an_effect(page: Page, session: Session) -> None:
    outputs = _plan(page, session, chosen=["a", "b"], init="noise")
    assert outputs[page.settings.controls["style_weights"]].visible
    assert outputs[page.result.again].visible
