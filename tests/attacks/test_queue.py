"""One visitor alone can't close the house."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.serving import Served

from .conftest import clear
from .stranger import LIMIT, Stranger, messages, picture, sent

SHALLOW = "style_layers=relu1_1%3D1&content_layers=&coherence=0"
"""Cheap layers: of a small picture there may be many steps."""


@pytest.fixture(scope="module")
def long(server: Served) -> str:
    """Settings of a run that takes nearly as long as is allowed."""
    someone = Stranger(server, address="198.51.100.202")
    photo = sent(someone.upload(picture()))
    assert "event: complete" in someone.paint(photo, more="steps=6")  # it tells the pace
    offer = re.search(r"choose (\d+) steps", someone.paint(photo, more=f"steps=20000&{SHALLOW}"))
    assert offer
    return f"steps={int(offer[1]) * 9 // 10}&{SHALLOW}"


def submitted(someone: Stranger, photo: str, long: str) -> httpx.Response:
    """A run that waits, or is refused; nobody listens to it yet."""
    values = {"photo": sent(photo), "style": "gold_spirals", "size": 64, "more": long}
    return someone.post("/call/v2/paint", values)


def leave(someone: Stranger, answer: httpx.Response) -> None:
    """Listen to a run that was submitted, and go."""
    if answer.status_code == 200:
        with someone.http.stream("GET", f"/call/v2/paint/{answer.json()['event_id']}"):
            pass


@contextmanager
def crowd(stranger: Stranger, long: str) -> Iterator[tuple[int, httpx.Response]]:
    """As many others as there are places, each with a run that waits and a stream that listens.

    Yields their number, and the answer to the one for whom there is no place.
    """
    photo = stranger.upload(picture())
    with ExitStack() as streams:
        for number in range(100):
            someone = Stranger(stranger.served, address=f"192.0.2.{number + 1}")
            answer = submitted(someone, photo, long)
            if answer.status_code != 200:
                break
            path = f"/call/v2/paint/{answer.json()['event_id']}"
            streams.enter_context(someone.http.stream("GET", path))
        yield number, answer


def wait_until_idle(someone: Stranger) -> None:
    """Until nobody waits any more."""
    deadline = time.monotonic() + 30
    while someone.http.get("/queue/status").json()["queue_size"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_two_of_an_address_may_wait(stranger: Stranger, long: str) -> None:
    photo = stranger.upload(picture())
    answers = [submitted(stranger, photo, long) for _ in range(33)]
    taken = [answer.status_code for answer in answers].count(200)
    assert 2 <= taken <= 12  # some of them may have begun meanwhile
    assert answers[-1].status_code == 503
    assert "2 of your paintings wait already" in answers[-1].text
    # Another session at the same address is no way around it, nor the page's own events.
    other = Stranger(stranger.served, address=stranger.address)
    assert submitted(other, photo, long).status_code == 503
    assert stranger.join("show_frames", stranger.filled("show_frames")).status_code == 503
    for answer in answers:
        leave(stranger, answer)


def test_two_of_a_visitor_may_wait_wherever_they_are(stranger: Stranger, long: str) -> None:
    values = {"photo": sent(stranger.upload(picture())), "style": "gold_spirals", "Size": 64}
    body = {
        "fn_index": stranger.number("paint"),
        "session_hash": stranger.session_hash,
        "data": stranger.filled("paint", **values, more=long),
    }
    answers = [
        stranger.post("/queue/join", body, headers={"x-forwarded-for": f"198.18.0.{number}"}) for number in range(8)
    ]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused
    assert "2 of your paintings wait already" in refused[0].text
    with stranger.http.stream("GET", "/queue/data", params={"session_hash": stranger.session_hash}):
        pass


def test_the_page_opens_while_the_line_is_full(stranger: Stranger, long: str) -> None:
    with crowd(stranger, long) as (size, refused):
        assert 5 <= size <= 12
        visitor = Stranger(stranger.served, address="198.51.100.200")
        began = time.monotonic()
        assert (refused.status_code, refused.json()["detail"]) == (
            503,
            "Too many paintings are waiting; try again in some minutes.",
        )
        assert visitor.get("/").status_code == 200
        reply = visitor.ask("load_page", [])
        assert messages(reply)[-2]["success"]
        assert "swirling_night" in reply
        assert visitor.run("load_history", [[]]).status_code == 200
        photo = visitor.upload(picture())
        checked = visitor.ask("check_photo", visitor.filled("check_photo", photo=sent(photo)))
        assert messages(checked)[-2]["success"]
        assert time.monotonic() - began < 25
    wait_until_idle(stranger)


def test_runs_that_everybody_has_left_release_the_engine(stranger: Stranger, long: str) -> None:
    with crowd(stranger, long):
        pass
    began = time.monotonic()
    reply = stranger.paint(sent(stranger.upload(picture())))
    assert "event: complete" in reply
    assert time.monotonic() - began < 40


@pytest.mark.parametrize("handler", ["paint", "show_frames", "start_painting", "make_film"])
def test_nothing_goes_around_the_queue(stranger: Stranger, handler: str) -> None:
    answer = stranger.run(handler, stranger.filled(handler))
    assert answer.status_code == 404
    clear(answer.text)


def test_a_flood_of_quick_events(stranger: Stranger) -> None:
    data = stranger.filled("check_photo", photo=sent(stranger.upload(picture())))
    codes = {stranger.join("check_photo", data).status_code for _ in range(60)}
    assert codes <= {200, 503}
    visitor = Stranger(stranger.served, address="198.51.100.201")
    assert messages(visitor.ask("load_page", []))[-2]["success"]


@pytest.mark.parametrize("path", ["/cancel", "/reset"])
def test_nobody_ends_the_events_of_others(stranger: Stranger, path: str) -> None:
    for event in ("", "a" * 32, None, 7):
        body = {"session_hash": "a", "fn_index": 0, "event_id": event}
        answer = stranger.post(path, body)
        assert answer.status_code < 500
        clear(answer.text)


def test_a_stream_of_a_session_that_there_is_not(stranger: Stranger) -> None:
    reply = stranger.listen("nobody")
    clear(reply)
    assert "session_not_found" in reply or "404" in reply


def test_a_run_ends_at_the_limit_with_its_picture(stranger: Stranger, long: str) -> None:
    """Shallow layers of a small picture: cheap to believe, and slow."""
    began = time.monotonic()
    reply = stranger.paint(sent(stranger.upload(picture())), more=long)
    assert time.monotonic() - began < LIMIT + 15
    assert "event: complete" in reply


def test_what_takes_too_long_is_refused_and_set_up_counts(stranger: Stranger) -> None:
    photo = sent(stranger.upload(picture()))
    broad = {"size": 2048, "style_scale": 4, "more": "steps=1"}
    four = "gold_spirals,swirling_night,stained_glass,roman_mosaic"
    for values in ({"size": 2048}, broad, broad | {"style": four}, {"more": "steps=20000"}):
        assert f"and {LIMIT} s are allowed here" in stranger.paint(photo, **values)


def test_misleading_runs_close_the_house_to_nobody(stranger: Stranger) -> None:
    photo = sent(stranger.upload(picture()))
    four = "gold_spirals,swirling_night,stained_glass,roman_mosaic"
    for _ in range(4):
        assert "event: complete" in stranger.paint(photo, style=four, more="steps=2")
    assert "event: complete" in stranger.paint(photo, effort="quick", more="steps=10")
    assert "are allowed here" in stranger.paint(photo, size=2048)
