"""Files of the server, and of others: nobody gets at them, whichever way they are asked for."""

from pathlib import Path
from typing import Any

import pytest

from tests.serving import ROOT

from .conftest import clear
from .stranger import Stranger, picture, sent

PRIVATE = str(ROOT / "examples" / "results" / "page.jpg")

PATHS: dict[str, Any] = {
    "a picture of the server": PRIVATE,
    "a file of the system": "/etc/passwd",
    "an open file of the process": "/proc/self/fd/1",
    "another open file": "/proc/self/fd/7",
    "memory": "/proc/self/mem",
    "a device": "/dev/zero",
    "a pipe": "/dev/stdin",
    "a folder": "/tmp",
    "no file": "/nowhere/picture.png",
    "a relative path": "examples/results/page.jpg",
    "a web address": "http://127.0.0.1:9/photo.png",
    "a file's address": f"file://{PRIVATE}",
    "an address of another kind": "ftp://127.0.0.1/photo.png",
    "data as an address": "data:image/png;base64,aaaa",
    "a NUL": "a\0b.png",
    "half a character": "\ud800.png",
    "nothing": "",
    "a number": 7,
    "a list": [PRIVATE],
    "too long a name": "/" + "a" * 5000,
}

META = {"with meta": {"meta": {"_type": "gradio.FileData"}}, "without": {}}


@pytest.mark.parametrize("meta", META.values(), ids=META)
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_path_is_no_photo(stranger: Stranger, path: Any, meta: dict[str, Any]) -> None:
    reply = stranger.paint({"path": path} | meta)
    assert "did not arrive" in reply or "is an address" in reply
    clear(reply)


def test_no_way_out_of_the_folder_of_uploads(stranger: Stranger) -> None:
    own = stranger.upload(picture())
    up = "/".join([".."] * 12)
    reply = stranger.paint(sent(f"{Path(own).parent}/{up}{PRIVATE}"))
    assert "did not arrive" in reply
    clear(reply)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a.png", "http://169.254.169.254/latest"])
def test_an_address_beside_a_path_is_not_fetched(stranger: Stranger, url: str) -> None:
    reply = stranger.paint(sent(url, url=url))
    assert "is an address, and only files are taken" in reply


@pytest.mark.parametrize("part", ["photo", "mask", "start"])
@pytest.mark.parametrize("path", [PRIVATE, "/proc/self/fd/1", "https://example.com/a.png"])
def test_every_part_of_a_call_is_judged(stranger: Stranger, part: str, path: str) -> None:
    asked = {"photo": sent(stranger.upload(picture()))} | {part: sent(path)}
    reply = stranger.paint(**asked)
    assert "did not arrive" in reply or "is an address" in reply
    clear(reply)


@pytest.mark.parametrize("way", ["queue", "past the queue", "nested", "in the event"])
def test_every_component_of_every_event_is_judged(stranger: Stranger, way: str) -> None:
    """A walk over all that the page has, by number."""
    passed = []
    for event in stranger.config["dependencies"]:
        bad: Any = {"path": PRIVATE, "orig_name": "a.png"}
        bad = {"layers": [bad]} if way == "nested" else bad
        data = [bad] * len(event["inputs"])
        more = {}
        if way == "in the event":
            data, more = [None] * len(data), {"event_data": {"index": 0, "value": bad}}
        elif not data:
            continue
        ask = stranger.run if way == "past the queue" else stranger.join
        answer = ask(event["id"], data, **more)
        clear(answer.text)
        if answer.status_code != 422:
            passed.append((event["api_name"], answer.status_code))
    assert passed == []


def test_assistants_get_no_files_of_the_server(stranger: Stranger) -> None:
    for photo in (sent(PRIVATE), {"path": PRIVATE}):
        reply = stranger.call_tool(photo=photo, size=64, more="steps=1")
        assert "did not arrive" in reply
        clear(reply)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.png", "https://example.com/a.png"])
def test_assistants_send_pictures_and_no_addresses(stranger: Stranger, address: str) -> None:
    reply = stranger.call_tool(photo=address, size=64, more="steps=1")
    assert "is no file but an address" in reply
    clear(reply)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", PRIVATE, "/proc/self/environ", "app.py", "../app.py", "%2e%2e/app.py"]
)
def test_files_are_not_served(stranger: Stranger, path: str) -> None:
    for way in ("/file=", "/file/", "/proxy=", "/custom_component/1/client/component/"):
        answer = stranger.http.get(way + path)
        assert answer.status_code in {400, 403, 404}, answer.text
        assert b"import" not in answer.content


UNSERVED = [
    ("POST", "/component_server"),
    ("POST", "/component_server/"),
    ("GET", "/deep_link?session_hash=a"),
    ("POST", "/process_recording"),
    ("POST", "/vibe-edit"),
    ("POST", "/stream/a"),
    ("GET", "/run-history/buckets"),
    ("GET", "/dev/reload"),
    ("POST", "/api/paint"),
    ("GET", "/proxy=http://127.0.0.1/"),
    ("PUT", "/upload"),
]


@pytest.mark.parametrize(("method", "path"), UNSERVED)
def test_what_the_page_does_not_need_is_not_served(stranger: Stranger, method: str, path: str) -> None:
    answer = stranger.http.request(method, path, json={} if method == "POST" else None)
    assert (answer.status_code, answer.json()) == (404, {"detail": "There is nothing here."})


def test_the_mask_editor_keeps_no_layers(stranger: Stranger) -> None:
    editor = next(c["id"] for c in stranger.config["components"] if c["type"] == "imageeditor")
    before = stranger.memory()
    form = {"component_id": editor, "session_hash": "a", "fn_name": "accept_blobs", "id": "a"}
    answer = stranger.http.post(
        "/component_server", data=form | {"index": "40000000", "type": "layer"}, files={"file": ("a.png", picture())}
    )
    assert answer.status_code == 404
    assert stranger.memory() < before + 50


@pytest.mark.parametrize("path", ["/monitoring", "/monitoring/summary", "/monitoring/abc"])
def test_nobody_looks_at_the_owners_numbers(stranger: Stranger, path: str) -> None:
    assert stranger.get(path).status_code == 404
