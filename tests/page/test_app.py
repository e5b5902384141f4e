import inspect
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio import route_utils
from gradio.queueing import Event, EventQueue
from gradio.state_holder import SessionState
from gradio_client import Client, handle_file
from starlette.datastructures import Headers

from nst.config import Config
from nst.errors import InputError
from nst.page.app import Page, build, launch
from nst.page.guard import gradio_patches
from nst.page.guard.client_ip import client_ip
from nst.page.guard.request_filter import OpenStreams
from nst.page.social_card import PATH, TITLE, public_address
from tests.serving import ROOT, Served, awaited, served


def test_gradio_still_has_what_we_reach_into() -> None:
    blocks = gr.Blocks()
    queue = blocks._queue
    assert 0 < queue.sleep_when_free < gradio_patches.POLL_INTERVAL
    assert 0 < queue.progress_update_sleep_when_free <= gradio_patches.PROGRESS_POLL_INTERVAL
    gradio_patches.poll_slowly(blocks)
    assert blocks._queue.sleep_when_free == gradio_patches.POLL_INTERVAL


def test_gradio_still_has_a_queue_that_can_be_kept_in_order() -> None:
    queue = gr.Blocks()._queue
    assert list(inspect.signature(queue.push).parameters) == ["body", "request", "username"]
    assert list(inspect.signature(queue.clean_events).parameters) == ["session_hash", "event_id"]
    for held in (
        queue.event_ids_to_events,
        queue.event_queue_per_concurrency_id,
        queue.pending_event_ids_session,
        queue.pending_messages_per_session,
    ):
        assert isinstance(held, dict)
    assert queue._asyncio_tasks == set()
    assert EventQueue("engine", 1).queue == []
    event = Event("session", SimpleNamespace(concurrency_id="engine"), None, None)  # type: ignore[arg-type]
    assert (event.session_hash, event.concurrency_id, event.request) == ("session", "engine", None)


def test_gradio_still_keeps_values_in_one_place_and_reads_them_for_links_alone() -> None:
    source = inspect.getsource(SessionState)
    assert source.count("_update_value_in_config") == 1
    assert list(inspect.signature(SessionState._update_value_in_config).parameters) == ["self", "key", "value"]


def test_what_fails_unexpectedly_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Every way to an event leads through `process_api`."""
    assert ".process_api(" in inspect.getsource(route_utils.call_process_api)
    with gr.Blocks() as blocks:
        gr.Button().click(lambda: {}["secret"], api_name="fails")
    gradio_patches.hide_tracebacks(blocks)
    with pytest.raises(gr.Error, match="could not be done") as refused:
        awaited(blocks.process_api(0, []))
    assert not refused.value.print_exception
    [record] = caplog.records
    assert "KeyError: 'secret' (" in record.getMessage()
    assert record.exc_info is None


WAITING = [("a", "1.1.1.1"), ("a", "2.2.2.2"), ("b", "1.1.1.1"), ("c", "3.3.3.3")]


@pytest.mark.parametrize(
    ("session", "ip", "message"),
    [
        ("d", "4.4.4.4", ""),
        ("c", "3.3.3.3", ""),
        ("a", "4.4.4.4", "2 of your paintings wait already"),
        ("d", "1.1.1.1", "2 of your paintings wait already"),
        (None, "4.4.4.4", ""),
    ],
)
def test_who_may_wait_for_the_engine(session: str | None, ip: str, message: str) -> None:
    assert gradio_patches.queue_rejection(WAITING, session, ip, Config()).startswith(message)
    assert bool(gradio_patches.queue_rejection(WAITING, session, ip, Config())) == bool(message)
    full = gradio_patches.queue_rejection(WAITING, session, ip, Config(max_queue=4))
    assert full.startswith("Too many paintings are waiting")


def test_what_nobody_listens_to_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradio_patches, "LISTEN_SECONDS", 0)
    queue, line, open_streams = gr.Blocks()._queue, EventQueue("engine", 1), OpenStreams()
    event = Event("session", SimpleNamespace(concurrency_id="engine"), None, None)  # type: ignore[arg-type]
    line.queue.append(event)
    queue.event_queue_per_concurrency_id["engine"] = line
    queue.event_ids_to_events[event._id] = event
    queue.pending_event_ids_session["session"] = {event._id}

    async def wait() -> None:
        await gradio_patches.drop_if_unread(queue, event._id, "session", open_streams)

    for listening in ("session", event._id):
        with open_streams.opened(listening):
            awaited(wait())
        assert line.queue == [event]
    awaited(wait())
    assert (line.queue, queue.event_ids_to_events, queue.pending_event_ids_session) == ([], {}, {})


def _asked_from(peer: str, listed: str = "") -> Any:
    headers = {"x-forwarded-for": listed} if listed else {}
    return SimpleNamespace(headers=headers, client=SimpleNamespace(host=peer))


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("1.2.3.4, 8.8.8.8, 10.0.0.1", "8.8.8.8"),
        ("nonsense, 192.168.0.1", "10.20.30.40"),
        ("", "10.20.30.40"),
    ],
)
def test_where_a_visitor_of_a_space_is(listed: str, expected: str) -> None:
    asked = _asked_from("10.20.30.40", listed)
    assert client_ip(asked, Config(space="somebody/nst")) == expected
    assert client_ip(asked, Config()) == "10.20.30.40"


def test_gradio_forgets_files_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "here.png").write_bytes(b"x")
    blocks = gr.Blocks()
    names = {str(tmp_path / "here.png"), str(tmp_path / "gone.png")}
    blocks.temp_file_sets.append(names)
    gradio_patches.forget_removed_files(blocks)
    assert names == {str(tmp_path / "here.png")}
    with blocks:
        shown = gr.Image()
    assert shown.temp_files in blocks.temp_file_sets


def test_every_private_event_is_private_and_judges_what_it_is_sent(page: Page) -> None:
    blocks, _ = build(page.app_state)
    named = {fn.api_name for fn in blocks.fns.values() if fn.api_visibility == "public"}
    assert named == {"paint", "preview", "paint_clip", "list_styles"}
    # What Gradio's own components would open, they would open before anybody has looked at it.
    opening = [fn for fn in blocks.fns.values() if fn.fn and fn.inputs and fn.preprocess]
    assert [fn.name for fn in opening if "load_example" not in str(fn.fn)] == []


def test_a_link_has_our_card_first(server: Served) -> None:
    outside = {
        "x-forwarded-host": "nst.example, inner:7860",
        "x-forwarded-proto": "https,http",
        "x-forwarded-prefix": "/art/",
    }
    body = httpx.get(server.url, headers=outside).text
    first = body.index("og:title")
    assert TITLE in body[first : first + 100]
    assert f'og:image" content="https://nst.example/art{PATH}"' in body
    picture = httpx.get(server.url + PATH)
    assert picture.headers["content-type"] == "image/jpeg"
    assert httpx.head(server.url).status_code == 200


def test_a_taken_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst.page.app.termination_event", threading.Event)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken: Any = SimpleNamespace(config=Config(port=port))
        with pytest.raises(InputError, match=f"port {port} of 127.0.0.1 can't be had .*; set GRADIO_SERVER_PORT to"):
            launch(gr.Blocks(), taken)


STRANGER = 12345
"""A user that nobody has entered anywhere: there is no home."""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start it as somebody else")
def test_it_paints_without_a_home_or_a_folder_of_its_own(tmp_path: Path) -> None:
    """What it may write to is /tmp alone: pytest's folder is closed to strangers."""
    reading = [sys.executable, "-c", "import gradio, app"]
    try:
        subprocess.run(reading, user=STRANGER, cwd=ROOT, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("others may not read what Python needs here")
    theirs = {"NST_MAX_SECONDS": "60", "PYTHONDONTWRITEBYTECODE": "1"}
    with served(tmp_path, user=STRANGER, **theirs) as app:
        client = Client(app.url, verbose=False, download_files=str(tmp_path))
        photo = handle_file(str(ROOT / "examples" / "photos" / "lion.jpg"))
        picture = client.predict(photo=photo, size=64, more="steps=2", api_name="/paint")
        assert Path(picture).is_file()
    assert "Traceback" not in app.log.read_text()


@pytest.mark.parametrize(
    ("headers", "root", "expected"),
    [
        ({"host": "a:1"}, "", "http://a:1"),
        ({"host": "a:1"}, "/sub", "http://a:1/sub"),
        ({"host": "a:1", "x-forwarded-proto": "https"}, "", "https://a:1"),
    ],
)
def test_where_the_page_is(headers: dict[str, str], root: str, expected: str) -> None:
    scope = {"type": "http", "scheme": "http", "root_path": root, "headers": Headers(headers).raw}
    assert public_address(scope) == expected
