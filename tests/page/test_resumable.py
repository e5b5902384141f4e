"""Runs whose visitor is cut off, and those who wait for theirs."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from nst.one_pass import OnePass
from nst.page import queue_status as line
from nst.page.app import Page, left_route, release
from nst.service import resumable
from nst.service.app_state import MAX_QUEUED
from nst.service.runs import follow
from nst.service.session import Session
from nst.service.tasks import MAX_PAGES, ClipTask, PaintTask
from nst.video import Clip
from tests.serving import awaited

from .conftest import controls, paint_task


def _begun(page: Page, photo: Any, **changed: Any) -> tuple[Session, PaintTask, Iterator[Any]]:
    """A visitor whose run has shown a frame."""
    session = Session(loaded=True, session_hash=f"browser of {photo['path']} {time.monotonic()}")
    asked = {"photo": photo, "chosen": ["gold_spirals"], "mask": None, "recipe": "atelier"}
    page.painting.start_painting(session=session, **asked, **controls(size=64) | changed)
    frames = page.painting.show_frames(session=session)
    next(frames)
    assert session.run
    return session, session.run, frames


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _back(page: Page, key: str) -> tuple[Session, dict[Any, Any]]:
    """The page, loaded once more."""
    again = Session(loaded=True)
    return again, page.painting.reattach_run(session=again, key=key)


def test_a_page_that_is_cut_off_comes_back_for_its_run(page: Page, photo_sent: dict[str, Any]) -> None:
    session, run, frames = _begun(page, photo_sent, steps=30)
    frames.close()
    page.app_state.on_session_closed(session.session_hash)
    again, outputs = _back(page, session.run_key)
    assert outputs[page.photo.image] == photo_sent["path"]
    assert outputs[page.painting.stop].visible
    *_, last = page.painting.show_frames(session=again)
    assert "Done in" in last[page.painting.status]
    assert again.painting
    assert page.app_state.runs == []


def test_what_was_finished_meanwhile_is_there(page: Page, photo_sent: dict[str, Any]) -> None:
    session, run, frames = _begun(page, photo_sent, steps=6)
    frames.close()
    _until(lambda: page.app_state.store.find_run(session.run_key) is not None)
    again, outputs = _back(page, session.run_key)
    assert outputs[page.result.losses]["step"].max() == 6  # also of steps that no page has seen
    file = Path(outputs[page.result.image])
    assert file.suffix == ".png"
    assert outputs[page.result.download].interactive
    found = page.app_state.store.find(again.painting)
    assert found
    assert (found.file, found.owner) == (file, again.key)


@pytest.mark.parametrize("key", ["", None, "0" * 32, ["a"], {"path": 1}])
def test_nobody_else_finds_it(page: Page, key: Any) -> None:
    with pytest.raises(gr.Error) as caught:
        _back(page, key)
    assert not caught.value.visible


def test_a_run_that_nobody_comes_back_for_ends(
    page: Page, photo_sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable, "RECONNECT_SECONDS", 0.1)
    session, run, frames = _begun(page, photo_sent, steps=2000)
    time.sleep(0.3)
    next(frames)  # it is watched, however long that takes
    assert not run.stop.is_set()
    frames.close()
    _until(lambda: page.app_state.runs == [])
    assert page.app_state.store.find_run(session.run_key) is None
    assert run.key not in page.app_state.queued


def test_a_page_that_closes_says_so(page: Page, photo_sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumable, "RELOAD_SECONDS", 0.1)
    session, run, frames = _begun(page, photo_sent, steps=2000)
    frames.close()
    client = TestClient(Starlette(routes=[left_route(page.app_state)]))
    assert client.post(f"/left/{'0' * 32}").status_code == 204
    assert not run.stop.is_set()
    client.post(f"/left/{session.run_key}")
    _until(lambda: page.app_state.runs == [])
    assert run.stop.is_set()


def test_a_run_goes_on_while_one_page_of_several_watches(
    page: Page, photo_sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable, "RELOAD_SECONDS", 0.1)
    monkeypatch.setattr(resumable, "RECONNECT_SECONDS", 0.1)
    session, run, frames = _begun(page, photo_sent, steps=2000)
    client = TestClient(Starlette(routes=[left_route(page.app_state)]))
    pages = [_back(page, session.run_key)[0] for _ in range(3)]
    others = [page.painting.show_frames(session=other) for other in pages]
    for watched in others:
        next(watched)
    assert len({session.run_key, *(other.run_key for other in pages)}) == 4
    client.post(f"/left/{pages[0].run_key}")  # one reports that it closes, one is cut off, one is forgotten
    others[1].close()
    release(page.app_state, pages[2])
    time.sleep(0.3)
    next(frames)
    assert not run.stop.is_set()
    client.post(f"/left/{session.run_key}")
    _until(lambda: page.app_state.runs == [])


def test_a_run_has_the_keys_of_its_latest_pages(page: Page, photo_sent: dict[str, Any]) -> None:
    session, run, frames = _begun(page, photo_sent, steps=2000)
    key = session.run_key
    for _ in range(2 * MAX_PAGES):
        key = _back(page, key)[0].run_key
    assert len(run.pages) == MAX_PAGES
    run.stop.set()
    list(frames)


def test_the_next_one_waits_until_the_engine_is_free(page: Page, photo_sent: dict[str, Any]) -> None:
    session, first, frames = _begun(page, photo_sent, steps=8)
    frames.close()
    _, second, others = _begun(page, photo_sent, steps=20)
    assert [run.key for run in page.app_state.runs] == [second.key]
    assert page.app_state.store.find_run(session.run_key)
    assert first not in page.app_state.runs
    *_, last = others
    assert "Done in" in last[page.painting.status]


def _told(page: Page, session: Session) -> list[Any]:
    async def first_two() -> list[Any]:
        statuses = []
        async for outputs in page.painting.show_queue_position(session=session):
            statuses.append(outputs[page.painting.status])
            if len(statuses) == 2 or session.run is None:
                break
        return statuses

    return awaited(asyncio.wait_for(first_two(), 10))


def test_a_waiting_visitor_sees_the_place_in_the_queue(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    app_state = page.app_state
    work = 20 / app_state.engine.pace.seconds(1.0)
    ahead, mine = (paint_task(session_hash=name, work=work) for name in ("another's", "mine"))
    for run in (ahead, mine):
        app_state.enqueue(run)
    painted = paint_task(seconds_left=10.0)
    monkeypatch.setattr(app_state, "runs", [painted])
    monkeypatch.setattr(app_state, "queued_sessions", lambda: ["another's", "mine"])
    monkeypatch.setattr(line, "POLL_INTERVAL", 0.01)
    session = Session(session_hash="mine", run=mine)
    assert "Number 2 in line, about 30 s until it begins" in _told(page, session)[0]
    painted.slowdown = 1.5  # so will be those that follow
    assert "Number 2 in line, about 40 s until it begins" in _told(page, session)[0]
    app_state.on_session_closed("another's")
    assert ahead.stop.is_set()
    monkeypatch.setattr(app_state, "queued_sessions", lambda: ["mine"])
    assert "Next in line, about 10 s until it begins" in _told(page, session)[1]
    monkeypatch.setattr(app_state, "queued_sessions", list)
    assert app_state.queue_position(mine) is None
    mine.stop.set()
    assert _told(page, session) == [gr.skip()]  # what Gradio shows last must not come over "Done"
    app_state.dequeue(mine)


def test_films_count_in_the_queue_and_show_their_place(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    app_state, clip = (
        page.app_state,
        Clip(path=Path("film.mp4"), rate=Fraction(10), pictures=60, seconds=6.0, size=(64, 48)),
    )
    paint = OnePass(app_state.styles[0].path, size=64, device="cpu")
    painted, mine = (
        ClipTask(clip=clip, paint=paint, session_hash=name, seconds_left=left)
        for name, left in (("another's", 12.0), ("mine", 8.0))
    )
    app_state.enqueue(mine)
    monkeypatch.setattr(app_state, "runs", [painted])
    monkeypatch.setattr(app_state, "queued_sessions", lambda: ["mine", "next"])
    session = Session(session_hash="mine", clip=mine)

    async def first() -> str:
        positions = page.clip.show_queue_position(session=session)
        return str((await anext(positions))[page.clip.status])

    assert "Next in line, about 12 s until it begins" in awaited(first())
    later = paint_task(session_hash="mine", seconds_left=5.0)  # the same visitor's painting
    last = paint_task(session_hash="next")
    for run in (later, last):
        app_state.enqueue(run)
    monkeypatch.setattr(app_state, "queued_sessions", lambda: ["mine", "mine", "next"])
    assert [app_state.queue_position(turn) for turn in (mine, later, last)] == [(1, 12), (2, 20), (3, 25)]
    app_state.dequeue(mine)  # stopped, but it still stands in the line
    assert [app_state.queue_position(turn) for turn in (mine, later, last)] == [None, (2, 12), (3, 17)]
    app_state.queued.clear()


def test_a_run_that_ends_does_not_forget_the_next(page: Page) -> None:
    app_state, first, second = (page.app_state, paint_task(session_hash="mine"), paint_task(session_hash="mine"))
    app_state.enqueue(first)
    app_state.enqueue(second)
    app_state.dequeue(first)
    app_state.on_session_closed("mine")
    assert second.stop.is_set()
    assert second.key not in app_state.queued


def test_what_is_refused_is_forgotten(page: Page, session: Session) -> None:
    photo = replace(paint_task().photo, path=Path("/nowhere/photo.png"))
    run = paint_task(photo=photo, session_hash="stranger")
    page.app_state.enqueue(run)
    with pytest.raises(ValueError, match="can't be read|no such|not"):
        next(follow(page.app_state, run, page.app_state.styles, "owner"))
    assert page.app_state.queued == {}


def test_what_is_expected_does_not_grow(page: Page) -> None:
    for number in range(MAX_QUEUED + 50):
        page.app_state.enqueue(paint_task(session_hash=f"stranger {number}"))
    assert len(page.app_state.queued) == MAX_QUEUED
    page.app_state.queued.clear()
