"""Runs whose visitor is cut off, and those who wait for theirs."""

import asyncio
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from nst.clip import Clip
from nst.instant import OnePass
from nst.job import Request
from nst.page import clips, lasting, line, painting
from nst.page.context import Page
from nst.page.machine import MOST_EXPECTED
from nst.page.running import follow
from nst.page.serve import left_route
from nst.page.session import Run, Session

from .conftest import controls
from .serving import awaited


def _begun(page: Page, photo: Any, **changed: Any) -> tuple[Session, Run, Iterator[Any]]:
    """A visitor whose run has shown a frame."""
    session = Session(welcomed=True, browser=f"browser of {photo['path']} {time.monotonic()}")
    asked = {"photo": photo, "chosen": ["gold_spirals"], "mask": None, "recipe": "atelier"}
    painting.begin(page, session=session, **asked, **controls(size=64) | changed)
    frames = painting.show_frames(page, session=session, remembered=None)
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
    again = Session(welcomed=True)
    return again, painting.take_up(page, session=again, key=key, remembered=None)


def test_a_page_that_is_cut_off_comes_back_for_its_run(
    page: Page, photo_sent: dict[str, Any]
) -> None:
    session, run, frames = _begun(page, photo_sent, steps=60)
    frames.close()
    page.machine.left(session.browser)
    again, outputs = _back(page, run.key)
    assert outputs[page.photo.image] == photo_sent["path"]
    assert outputs[page.canvas.stop].visible
    *_, last = painting.show_frames(page, session=again, remembered=None)
    assert "Done in" in last[page.canvas.status]
    assert again.painting
    assert page.machine.runs == []


def test_what_was_finished_meanwhile_is_there(page: Page, photo_sent: dict[str, Any]) -> None:
    session, run, frames = _begun(page, photo_sent, steps=12)
    frames.close()
    _until(lambda: page.machine.store.find_run(run.key) is not None)
    again, outputs = _back(page, run.key)
    file = Path(outputs[page.canvas.image])
    assert file.suffix == ".png"
    assert outputs[page.after.download].interactive
    found = page.machine.store.find(again.painting)
    assert found
    assert (found.file, found.owner) == (file, again.key)


@pytest.mark.parametrize("key", ["", None, "0" * 32, ["a"], {"path": 1}])
def test_nobody_else_finds_it(page: Page, key: Any) -> None:
    with pytest.raises(gr.Error) as told:
        _back(page, key)
    assert not told.value.visible


def test_a_run_that_nobody_comes_back_for_ends(
    page: Page, photo_sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting, "GRACE", 0.1)
    session, run, frames = _begun(page, photo_sent, steps=2000)
    time.sleep(0.3)
    next(frames)  # it is watched, however long that takes
    assert not run.stop.is_set()
    frames.close()
    _until(lambda: page.machine.runs == [])
    assert page.machine.store.find_run(run.key) is None
    assert run.key not in page.machine.expected


def test_a_page_that_closes_says_so(
    page: Page, photo_sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting, "CLOSED", 0.1)
    _, run, frames = _begun(page, photo_sent, steps=2000)
    frames.close()
    client = TestClient(Starlette(routes=[left_route(page.machine)]))
    assert client.post(f"/left/{'0' * 32}").status_code == 204
    assert not run.stop.is_set()
    client.post(f"/left/{run.key}")
    _until(lambda: page.machine.runs == [])
    assert run.stop.is_set()


def test_the_next_one_waits_until_the_easel_is_free(page: Page, photo_sent: dict[str, Any]) -> None:
    _, first, frames = _begun(page, photo_sent, steps=20)
    frames.close()
    _, second, others = _begun(page, photo_sent, steps=40)
    assert [run.key for run in page.machine.runs] == [second.key]
    assert page.machine.store.find_run(first.key)
    *_, last = others
    assert "Done in" in last[page.canvas.status]


def _told(page: Page, session: Session) -> list[Any]:
    async def first_two() -> list[Any]:
        told = []
        async for outputs in painting.tell_place(page, session=session):
            told.append(outputs[page.canvas.status])
            if len(told) == 2 or session.run is None:
                break
        return told

    return awaited(asyncio.wait_for(first_two(), 10))


def test_who_waits_is_told_the_place(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = page.machine
    work = 20 / machine.engine.pace.seconds(1.0)
    ahead, mine = (Run(Request("photo"), browser=name, work=work) for name in ("another's", "mine"))
    for run in (ahead, mine):
        machine.expect(run)
    painted = Run(Request("photo"), left=10.0)
    monkeypatch.setattr(machine, "runs", [painted])
    monkeypatch.setattr(machine, "line", lambda: ["another's", "mine"])
    monkeypatch.setattr(line, "LOOK", 0.01)
    session = Session(browser="mine", run=mine)
    assert "Number 2 in line, about 30 s until it begins" in _told(page, session)[0]
    painted.slower = 1.5  # so will be those that follow
    assert "Number 2 in line, about 40 s until it begins" in _told(page, session)[0]
    machine.left("another's")
    assert ahead.stop.is_set()
    monkeypatch.setattr(machine, "line", lambda: ["mine"])
    assert "Next in line, about 10 s until it begins" in _told(page, session)[1]
    monkeypatch.setattr(machine, "line", list)
    assert machine.place(mine) is None
    mine.stop.set()
    assert _told(page, session) == [gr.skip()]  # what Gradio shows last must not come over "Done"
    machine.forget(mine)


def test_films_count_and_are_told_their_place(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, clip = page.machine, Clip(Path("film.mp4"), Fraction(10), 60)
    paint = OnePass(machine.plates[0].path, size=64, where="cpu")
    painted, mine = (
        clips.Filming(clip, paint, browser=name, left=left)
        for name, left in (("another's", 12.0), ("mine", 8.0))
    )
    machine.expect(mine)
    monkeypatch.setattr(machine, "runs", [painted])
    monkeypatch.setattr(machine, "line", lambda: ["mine", "next"])
    session = Session(browser="mine", filming=mine)

    async def first() -> str:
        told = clips.tell_place(page, session=session)
        return str((await anext(told))[page.clip.status])

    assert "Next in line, about 12 s until it begins" in awaited(first())
    later = Run(Request("photo"), browser="mine", left=5.0)  # the same visitor's painting
    last = Run(Request("photo"), browser="next")
    for run in (later, last):
        machine.expect(run)
    monkeypatch.setattr(machine, "line", lambda: ["mine", "mine", "next"])
    assert [machine.place(turn) for turn in (mine, later, last)] == [(1, 12), (2, 20), (3, 25)]
    machine.forget(mine)  # stopped, but it still stands in the line
    assert [machine.place(turn) for turn in (mine, later, last)] == [None, (2, 12), (3, 17)]
    machine.expected.clear()


def test_a_run_that_ends_does_not_forget_the_next(page: Page) -> None:
    machine, first, second = (
        page.machine,
        Run(Request("photo"), browser="mine"),
        Run(Request("photo"), browser="mine"),
    )
    machine.expect(first)
    machine.expect(second)
    machine.forget(first)
    machine.left("mine")
    assert second.stop.is_set()
    assert second.key not in machine.expected


def test_what_is_refused_is_forgotten(page: Page, session: Session) -> None:
    run = Run(Request("/nowhere/photo.png"), browser="stranger")
    page.machine.expect(run)
    with pytest.raises(ValueError, match="can't be read|no such|not"):
        next(follow(page.machine, run, page.machine.plates, "owner"))
    assert page.machine.expected == {}


def test_what_is_expected_does_not_grow(page: Page) -> None:
    for number in range(MOST_EXPECTED + 50):
        page.machine.expect(Run(Request("photo"), browser=f"stranger {number}"))
    assert len(page.machine.expected) == MOST_EXPECTED
    page.machine.expected.clear()
