"""The request filter alone; `tests/attacks` try it on the app."""

import json
from pathlib import Path
from typing import Any

import pytest

from nst.images import ImageError
from nst.page.guard.request_filter import MAX_DEPTH, OpenStreams, RequestFilter, check_value, summary
from nst.service.app_state import AppState
from tests.conftest import sent
from tests.serving import awaited


def test_what_a_page_sends_passes(app_state: AppState, uploads: Path) -> None:
    (uploads / "a.png").write_bytes(b"x" * 100)
    photo = sent(uploads / "a.png")
    check_value({"fn_index": 1, "data": [photo, None, 0.5, ["gold_spirals"], photo]}, 100, app_state.uploads.file)
    with pytest.raises(ImageError, match="0 MB together, and 0 MB are allowed"):
        check_value([photo], 99, app_state.uploads.file)


def test_files_are_found_however_deep(app_state: AppState, uploads: Path) -> None:
    node: Any = {"path": "/etc/passwd"}
    for _ in range(MAX_DEPTH // 2 - 1):
        node = [{"a": node}]
    with pytest.raises(ImageError, match="did not arrive"):
        check_value(node, 1, app_state.uploads.file)
    with pytest.raises(ValueError, match="too deep"):
        check_value([[{"a": [node]}]], 1, app_state.uploads.file)


def test_somebody_listens_until_the_last_stream_has_ended() -> None:
    open_streams = OpenStreams()
    with open_streams.opened("a"):
        with open_streams.opened("a"):
            assert open_streams.is_open("b", "a")
        assert open_streams.is_open("a")
    assert not open_streams.is_open("a")


def test_an_error_is_summarised_in_a_line() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        text = summary(error)
    assert text.startswith("JSONDecodeError: Expecting")
    assert "\n" not in text
    assert "line" in text.rpartition("(")[2]


def _reject(value: Any) -> Path | None:
    raise ImageError("the picture did not arrive")


def _through(method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes, Any]:
    """Status, body of the answer, and what the app behind the filter was given, if it was asked."""
    given: list[Any] = []
    messages: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        given.append((await receive())["body"])
        if path.endswith("trips"):
            raise KeyError("anything")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"yes"})

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    headers = {"content-length": str(len(body))} | headers
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": raw}
    awaited(RequestFilter(app, 1000, OpenStreams(), _reject)(scope, receive, send))
    return messages[0]["status"], messages[1]["body"], given[0] if given else None


def test_what_was_judged_is_what_goes_on() -> None:
    twice = b'{"data": 1, "data": "\\ud800", "fn_index" : 2}'
    status, _, given = _through("POST", "/gradio_api/queue/join", twice)
    assert (status, given) == (200, b'{"data": "\\ud800", "fn_index": 2}')


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/gradio_api/file=/tmp/a b.png", 200),
        ("GET", "/gradio_api/queue/data", 200),
        ("POST", "/gradio_api/mcp/", 200),
        ("DELETE", "/gradio_api/mcp/", 200),
        ("GET", "/gradio_api/deep_link", 404),
        ("GET", "/monitoring", 404),
        ("POST", "/", 404),
        ("POST", "/gradio_api/component_server", 404),
        ("PATCH", "/", 404),
        ("POST", "/gradio_api/call/trips", 400),
    ],
)
def test_what_is_served(method: str, path: str, status: int) -> None:
    assert _through(method, path, b"{}")[0] == status


@pytest.mark.parametrize(
    ("body", "length", "status"),
    [(b"{}", "", 411), (b"{}", "-2", 411), (b"{}", "9" * 30, 413), (b"{", "1", 400), (b'{"path": 1}', "11", 422)],
)
def test_what_is_refused(body: bytes, length: str, status: int) -> None:
    headers = {"content-length": length}
    found, answer, given = _through("POST", "/gradio_api/queue/join", body, **headers)
    assert (found, given) == (status, None)
    assert json.loads(answer)["detail"]


@pytest.mark.parametrize(("path", "length", "status"), [("left", 0, 200), ("left", 2000, 413), ("live", 0, 404)])
def test_what_scripts_may_send(path: str, length: int, status: int) -> None:
    assert _through("POST", f"/{path}/{'0' * 32}", b"x" * length)[0] == status
