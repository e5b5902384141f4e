"""A run ends soon in whatever it is doing, when its visitor has left or its time is up."""

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nst.job import Request
from nst.optimise import pictures, start, stylize, targets
from nst.service.app_state import AppState
from nst.service.runs import NothingPainted, create_task, follow
from nst.service.tasks import PaintTask
from tests.conftest import sent

PATIENCE = 30.0  # seconds after which a test that waits has failed

PARTS: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "pictures": (pictures, "open_image", {"seed": 1}),
    "colours": (stylize, "match_colours", {"seed": 2, "colour": "matched"}),
    "lightness": (stylize, "match_lightness", {"seed": 3, "colour": "photo"}),
    "targets": (targets, "fit_style", {"seed": 4}),
    "start of a scale": (start, "fit_style", {"seed": 5, "scales": 2, "size": 256, "steps": 4}),
}
"""What a run calls for each of its styles: module, function, and the settings it takes. Targets of another seed are
not in the cache."""


@pytest.fixture
def make_task(app_state: AppState, uploads: Path, photo: Image.Image) -> Callable[..., PaintTask]:
    """Makes a run of a small photo in four styles, which has not begun."""
    photo.save(uploads / "photo.png")
    upload = app_state.uploads.photo(sent(uploads / "photo.png"))
    assert upload

    def make(**settings: Any) -> PaintTask:
        overrides = {"size": 64, "scales": 1, "steps": 2} | settings
        request = Request(upload.path, [style.name for style in app_state.styles[:4]], overrides=overrides)
        return create_task(app_state, request, upload, app_state.styles, "somebody")

    return make


def _interrupt(monkeypatch: pytest.MonkeyPatch, part: str, act: Callable[[], object]) -> list[str]:
    """Act during each call of a part; the calls so far."""
    module, name, _ = PARTS[part]
    real, calls = getattr(module, name), []

    def called(*arguments: Any) -> Any:
        calls.append(name)
        act()
        return real(*arguments)

    monkeypatch.setattr(module, name, called)
    return calls


def _outcome(caplog: pytest.LogCaptureFixture) -> str:
    return str(json.loads(caplog.messages[-1])["outcome"])


@pytest.mark.parametrize("part", PARTS)
def test_a_run_whose_visitor_has_left_ends_within_a_part_of_its_set_up(
    app_state: AppState,
    make_task: Callable[..., PaintTask],
    part: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "nst.runs")
    task = make_task(**PARTS[part][2])

    def leave() -> None:
        task.abandoned = True
        task.stop.set()

    calls = _interrupt(monkeypatch, part, leave)
    with pytest.raises(NothingPainted):
        list(follow(app_state, task, app_state.styles, "somebody"))
    app_state.engine._thread.submit(int).result(PATIENCE)  # type: ignore[union-attr]  # it is free again
    assert len(calls) == 1
    assert _outcome(caplog) == "left"
    assert task not in app_state.runs


@pytest.mark.parametrize("part", [part for part in PARTS if part != "start of a scale"])
def test_the_time_limit_ends_the_set_up(
    app_state: AppState,
    make_task: Callable[..., PaintTask],
    part: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "nst.runs")
    task = make_task(**PARTS[part][2] | {"seed": 9})
    monkeypatch.setattr(app_state, "config", replace(app_state.config, max_seconds=0.5))
    calls = _interrupt(monkeypatch, part, lambda: task.stop.wait(PATIENCE))
    with pytest.raises(ValueError, match="1 s are allowed here, and nothing was painted by then: choose a smaller"):
        list(follow(app_state, task, app_state.styles, "somebody"))
    app_state.engine._thread.submit(int).result(PATIENCE)  # type: ignore[union-attr]
    assert len(calls) <= 1
    assert _outcome(caplog) == "late"


def test_the_wait_for_the_engine_does_not_count(app_state: AppState, make_task: Callable[..., PaintTask]) -> None:
    def limits() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]

    before, task, free, deadline = limits(), make_task(), threading.Event(), time.monotonic() + PATIENCE
    app_state.engine._thread.submit(free.wait, PATIENCE)  # type: ignore[union-attr]
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(lambda: list(follow(app_state, task, app_state.styles, "somebody")))
        try:
            while task not in app_state.runs or {*limits()} - {*before}:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        finally:
            free.set()
        assert run.result(PATIENCE)[-1].frame.done
