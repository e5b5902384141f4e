import math
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from nst.config import Config
from nst.gallery import load_styles, sample
from nst.job import Stopped
from nst.optimise import recorder
from nst.service import engine as service
from nst.service.engine import Engine, Pace, warm_up
from nst.service.runs import seconds_left
from nst.settings import Settings

PATIENCE = 60.0  # seconds after which a test that waits has failed


def test_a_machine_that_is_done_before_a_frame_is_due_is_measured_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "FRAME_INTERVALS", (math.inf, math.inf))
    monkeypatch.setattr(service, "WARM_UP_SIZE", 64)
    engine = Engine(Config())
    warm_up(engine, sample("lion"), load_styles()[0].path, threading.Event())
    assert engine.pace.seconds(1.0) != Pace().seconds(1.0)


def _held(frames_before: int) -> tuple[Any, threading.Event, list[str]]:
    """A job, what lets its step after so many frames end, and what became of it."""
    events: list[str] = []
    release = threading.Event()

    def frames() -> Iterator[str]:
        try:
            for _ in range(frames_before):
                yield "frame"
            assert release.wait(PATIENCE), "somebody waited for this step"
            yield "frame"
        finally:
            events.append("closed")

    return SimpleNamespace(frames=frames(), stop=threading.Event()), release, events


def test_nobody_waits_for_a_step_that_nobody_wants() -> None:
    engine = Engine(Config())
    job, release, events = _held(0)
    threading.Timer(0.2, job.stop.set).start()
    assert list(engine.frames(job)) == []  # it was in the set-up, so to say
    assert not events
    release.set()
    job, release, events = _held(1)
    frames = engine.frames(job)
    assert next(frames)
    frames.close()
    assert not events
    release.set()
    assert engine._thread.submit(lambda: list(events)).result(PATIENCE) == ["closed"]


def test_a_run_that_hears_of_the_stop_first_ends_as_quietly() -> None:
    stop = threading.Event()

    def frames() -> Iterator[str]:
        stop.wait()
        raise Stopped
        yield "never"

    threading.Timer(0.05, stop.set).start()
    assert list(Engine(Config()).frames(SimpleNamespace(frames=frames(), stop=stop))) == []  # type: ignore[arg-type]


class _At:
    def __init__(self, seconds: float, progress: float) -> None:
        self.seconds, self.progress = seconds, progress


class _Job:
    work = 1000.0

    def __init__(self, settings: Settings) -> None:
        self.settings = settings


def test_the_pace_is_a_guess_then_measured_then_a_median() -> None:
    pace, job = Pace(guess=5), _Job(Settings())
    assert pace.seconds(10) == pytest.approx(2.0)
    pace.calibrate(job, [_At(5.0, 0.1), _At(9.0, 0.2), _At(10.0, 0.7)])  # type: ignore[arg-type, list-item]
    assert pace.seconds(1000) == pytest.approx(2.0)
    pace.learn(job, _At(9.0, 0.01), _At(19.0, 0.02))  # type: ignore[arg-type]
    for seconds in (1.0, 1.0, 500.0):
        pace.learn(job, _At(5.0, 0.1), _At(5.0 + seconds, 0.6))  # type: ignore[arg-type]
    assert pace.seconds(1000) == pytest.approx(2.0)
    shallow = _Job(Settings(style_layers="relu1_1=1"))  # type: ignore[arg-type]
    for _ in range(9):
        pace.learn(shallow, _At(0.0, 0.0), _At(0.1, 1.0))  # type: ignore[arg-type]
    assert pace.seconds(1000) == pytest.approx(2.0)


@pytest.mark.parametrize(("seconds", "expected"), [(1000.0, 4.0), (3.0, 3.0), (0.5, 0.5)])
def test_a_slow_visitor_counts_within_bounds(seconds: float, expected: float) -> None:
    pace, job = Pace(), _Job(Settings())
    pace.calibrate(job, [_At(5.0, 0.1), _At(6.0, 0.6)])  # type: ignore[arg-type, list-item]
    for _ in range(9):
        pace.learn(job, _At(0.0, 0.0), _At(seconds, 1.0))  # type: ignore[arg-type]
    assert pace.seconds(1000) == pytest.approx(expected)


def test_a_slow_beginning_does_not_rule_the_estimate() -> None:
    slow, later = _At(8.0, 0.2), _At(30.0, 0.75)  # as they go, 40 s in all; 25 were expected
    assert seconds_left(slow, 25.0) == pytest.approx(0.8 * 31)  # type: ignore[arg-type]
    assert seconds_left(later, 25.0) == pytest.approx(10)  # type: ignore[arg-type]
