"""Numbers, names and bodies that make no sense: a sentence each, and nothing in the log."""

import json
from typing import Any

import pytest

from .conftest import clear
from .stranger import Stranger, messages, picture, sent

OUT_OF_RANGE: list[tuple[dict[str, Any], str]] = [
    ({"size": 10**9}, "Size is 1000000000"),
    ({"size": -64}, "Size is -64"),
    ({"size": 1e308}, "Size is 1e+308"),
    ({"size": "64; ls"}, "Size is"),
    ({"strength": [0.5]}, "Strength is"),
    ({"more": "steps=-1"}, "Steps is"),
    ({"more": "steps=1e9"}, "Steps is"),
    ({"more": "steps=nan"}, "Steps is"),
    ({"more": "scales=1e999"}, "Scales is"),
    ({"more": "style_weights=1e999"}, "Style_weights is"),
    ({"more": "style_layers=relu9_9"}, "Style_layers has"),
    ({"more": "__class__=x"}, "There is no setting"),
    ({"style": ",".join(["gold_spirals"] * 200)}, "200 styles are too many"),
    ({"style": "../../x"}, "There is no style"),
    ({"style": "<script>alert(1)</script>"}, "There is no style"),
    ({"recipe": "../x"}, "Recipe is"),
    ({"seed": 2**64}, "Seed is"),
]


@pytest.mark.parametrize(("parameters", "reply"), OUT_OF_RANGE, ids=[str(case[0])[:40] for case in OUT_OF_RANGE])
def test_values_out_of_range_are_rejected(stranger: Stranger, parameters: dict[str, Any], reply: str) -> None:
    answer = stranger.paint(sent(stranger.upload(picture())), **parameters)
    assert reply in answer
    clear(answer)


def test_the_page_takes_four_styles_too(stranger: Stranger) -> None:
    photo = sent(stranger.upload(picture()))
    data = stranger.filled("start_painting", photo=photo, chosen=["gold_spirals"] * 200)
    assert "200 styles are too many" in stranger.ask("start_painting", data)


JUNK: dict[str, Any] = {
    "a large number": 10**300,
    "an object": {"a": {"b": []}},
    "a list of lists": [[[]]] * 9,
    "an update": {"__type__": "update", "value": 1},
    "half a character": "\ud800",
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
@pytest.mark.parametrize("way", ["queue", "past the queue"])
def test_junk_for_every_event(stranger: Stranger, junk: Any, way: str) -> None:
    for event in stranger.config["dependencies"]:
        data = [junk] * len(event["inputs"])
        more = {"event_data": junk}
        if way == "queue":
            answer = stranger.ask(event["id"], data, **more) if event["queue"] else ""
        else:
            answer = stranger.run(event["id"], data, **more).text
        clear(answer)


@pytest.mark.parametrize("number", [-1, 10_000, 10**30, "start_painting", None, 1.5])
def test_events_that_there_are_not(stranger: Stranger, number: Any) -> None:
    body = {"fn_index": number, "data": [], "session_hash": stranger.session_hash}
    for path in ("/queue/join", "/run/predict"):
        answer = stranger.post(path, body)
        assert answer.status_code >= 400
        clear(answer.text)


@pytest.mark.parametrize("name", ["nobody", "start_painting", "show_frames", "__init__", "a" * 3000])
def test_calls_by_names_that_there_are_not(stranger: Stranger, name: str) -> None:
    hidden = name in ("start_painting", "show_frames")  # the page's own: they have a name, and no values came
    for path, status in ((f"/call/{name}", 200 if hidden else 400), (f"/call/v2/{name}", 400), (f"/run/{name}", 404)):
        answer = stranger.post(path, {"data": []})
        assert answer.status_code == status
        clear(answer.text)


@pytest.mark.parametrize("length", [0, 1])
def test_too_few_values(stranger: Stranger, length: int) -> None:
    for handler in ("estimate", "check_photo", "start_painting"):
        assert "could not be done" in stranger.ask(handler, [None] * length)


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b"\xff\xfe\xfd",
    "a list": b"[]",
    "a number": b"1e999",
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep in the data": json.dumps({"data": "x"}).replace('"x"', "[" * 60 + "]" * 60).encode(),
    "no data": b'{"fn_index": 0}',
    "data of the wrong type": b'{"fn_index": 0, "data": "abc", "session_hash": "a"}',
    "a session of the wrong type": b'{"fn_index": 0, "data": [], "session_hash": [1]}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", ["/queue/join", "/run/predict", "/call/paint", "/mcp/", "/cancel"])
def test_bodies_that_make_no_sense(stranger: Stranger, path: str, body: bytes) -> None:
    answer = stranger.http.post(path, content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    clear(answer.text)


def test_a_session_without_a_name(stranger: Stranger) -> None:
    answer = stranger.join("load_page", [], session_hash="")
    assert 400 <= answer.status_code < 500
    clear(answer.text)


@pytest.mark.parametrize("index", [None, -1, 10**20, 1.5, "a", [0, 1], {}])
@pytest.mark.parametrize("handler", ["choose_style", "bring_back", "choose_sample"])
def test_places_that_there_are_not(stranger: Stranger, handler: str, index: Any) -> None:
    data = stranger.filled(handler)
    answer = stranger.ask(handler, data, event_data={"index": index, "value": None})
    assert messages(answer)[-2]["msg"] == "process_completed"
    clear(answer)


def test_headers_that_are_not_ascii(stranger: Stranger) -> None:
    for name in ("x-forwarded-host", "x-forwarded-proto", "accept-language", "cookie"):
        assert stranger.get("/", headers={name: b"\xe9\xff"}).status_code == 200
