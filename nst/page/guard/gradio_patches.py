"""Changes to Gradio's own behaviour; the only place that uses its private API.

Tests check that the parts of Gradio that are used here are still as expected.
"""

import asyncio
import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

import gradio as gr
import gradio.mcp
from gradio import http_server, route_utils, routes
from gradio.mcp import GradioMCPServer
from gradio.state_holder import SessionState
from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException

from nst.config import Config
from nst.messages import sentence
from nst.page.events import ENGINE
from nst.page.guard.client_ip import client_ip
from nst.page.guard.connections import Connection, raise_file_limit
from nst.page.guard.request_filter import MAX_FILES, OpenStreams, summary
from nst.page.ui.html import user_error

log = logging.getLogger("nst")

POLL_INTERVAL, PROGRESS_POLL_INTERVAL = 0.05, 0.1
"""Seconds between two looks at the queue. Gradio's own millisecond takes 6 % of a core from the optimiser; on Windows
it uses the first value itself."""

MAX_QUICK_EVENTS = 12  # events beside runs that one address may have in the queue at once

DATA_URL = "as a data: URL (data:image/jpeg;base64,... or data:video/mp4;base64,...)"

NO_UPLOAD = 'a file is not sent as {"path": "...", "meta": {"_type": "gradio.FileData"}}; upload it first'

TOO_BUSY = "You ask for a lot at once; wait a moment and try again."

LISTEN_SECONDS = 15.0  # time for a client to open the stream of an event's results

MAX_UPLOAD_NAMES = 1000  # uploads whose progress is kept; the oldest is forgotten first

BACKLOG = 128  # connections that are accepted before the server looks at how many there are


def apply(blocks: gr.Blocks, config: Config, streams: OpenStreams) -> None:
    """Make all changes below to a page, before it is launched."""
    poll_slowly(blocks)
    limit_queue(blocks, config, streams)
    hide_tracebacks(blocks)
    keep_no_values()
    gradio.mcp.GradioMCPServer = DataUrlServer  # type: ignore[misc]
    limit_uploads()
    limit_connections()


def poll_slowly(blocks: gr.Blocks) -> None:
    """Let Gradio look at its queue twenty times a second, which is as quick to the eye."""
    queue = blocks._queue
    queue.sleep_when_free = POLL_INTERVAL
    queue.progress_update_sleep_when_free = PROGRESS_POLL_INTERVAL


def limit_queue(blocks: gr.Blocks, config: Config, streams: OpenStreams) -> None:
    """Reject events that would crowd out others, and drop events that nobody listens to.

    Gradio's own limit counts all events together, so that waiting runs would keep the page itself from loading.
    """
    queue = blocks._queue
    push = queue.push

    async def limited_push(body: Any, request: Any, username: Any) -> Any:
        fn = blocks.fns.get(body.fn_index)
        if fn is None:
            return False, "There is no such event.", "error"
        if body.session_hash == "":  # Gradio would look for its results under another name
            return False, "There is no such session.", "error"
        ip = client_ip(request, config)
        if fn.concurrency_id == ENGINE:
            engine = queue.event_queue_per_concurrency_id.get(ENGINE)
            events = engine.queue if engine else []
            waiting = [(event.session_hash, client_ip(event.request, config)) for event in events]
            # All assistants share the session of the MCP server.
            mcp = request.headers.get("x-gradio-user") == "mcp"
            rejection = queue_rejection(waiting, None if mcp else body.session_hash, ip, config)
        else:
            events = [e for e in queue.event_ids_to_events.values() if e.concurrency_id != ENGINE]
            count = sum(client_ip(event.request, config) == ip for event in events)
            rejection = TOO_BUSY if count >= MAX_QUICK_EVENTS else ""
        if rejection:
            return False, rejection, "queue_full"
        success, message, state = await push(body=body, request=request, username=username)
        if success:
            event_id = str(message)
            session = body.session_hash or event_id
            task = asyncio.create_task(drop_if_unread(queue, event_id, session, streams))
            queue._asyncio_tasks.add(task)
            task.add_done_callback(queue._asyncio_tasks.discard)
        return success, message, state

    queue.push = limited_push  # type: ignore[method-assign]


def queued_sessions(blocks: gr.Blocks) -> list[str]:
    """The session hashes that wait for the engine, in their order."""
    engine = blocks._queue.event_queue_per_concurrency_id.get(ENGINE)
    return [str(event.session_hash) for event in (engine.queue if engine else [])]


def queue_rejection(waiting: list[tuple[str, str]], session: str | None, ip: str, config: Config) -> str:
    """Why the browser tab or the IP address may not queue another run; empty if it may.

    `waiting` are the sessions and addresses in the queue.
    """
    if len(waiting) >= config.max_queue:
        return "Too many paintings are waiting; try again in some minutes."
    count = max(sum(s == session for s, _ in waiting), sum(a == ip for _, a in waiting))
    if count >= config.max_queue_each:
        return f"{count} of your paintings wait already; let one be done first."
    return ""


async def drop_if_unread(queue: Any, event_id: str, session: str, streams: OpenStreams) -> None:
    """End an event whose results nobody listens to, and drop the results."""
    await asyncio.sleep(LISTEN_SECONDS)
    if streams.is_open(event_id, session):
        return
    await queue.clean_events(event_id=event_id)
    pending = queue.pending_event_ids_session.get(session, set())
    pending.discard(event_id)
    if not pending:
        queue.pending_event_ids_session.pop(session, None)
        queue.pending_messages_per_session.pop(session, None)


def hide_tracebacks(blocks: gr.Blocks) -> None:
    """Turn an unexpected error into a message for the visitor and one line in the log.

    Anybody may send anything to every event, and Gradio fails on most of it before a handler runs. A traceback each
    time would fill the disk and hide what matters.
    """
    process = blocks.process_api

    async def process_quietly(*args: Any, **kwargs: Any) -> Any:
        try:
            return await process(*args, **kwargs)
        except gr.Error:
            raise
        except ValidationError:  # of a value that has to hold a file
            raise user_error(NO_UPLOAD) from None
        except Exception as error:
            log.error("an event failed: %s", summary(error))
            message = "This could not be done; reload the page and try once more"
            raise user_error(message) from None

    blocks.process_api = process_quietly  # type: ignore[method-assign]


def keep_no_values() -> None:
    """Let Gradio keep no values of a session's components, which only its deep links read.

    Megabytes in each of a thousand sessions would fill the memory.
    """
    SessionState._update_value_in_config = _ignore_value  # type: ignore[method-assign]


def _ignore_value(self: SessionState, key: int, value: Any) -> None:
    pass


class DataUrlServer(GradioMCPServer):
    """An MCP server that takes files as data: URLs. Gradio's own asks for web addresses, which are rejected here."""

    @property
    def _file_data_tool_description(self) -> str:
        return f" Send a file {DATA_URL}."

    def simplify_filedata_schema(self, schema: dict[str, Any]) -> tuple[dict[str, Any], list[list[str | int]]]:
        """The schema of a tool's arguments, and the places of files in it."""
        simple, places = super().simplify_filedata_schema(schema)
        for name in {str(name) for name, *_ in places}:
            kinds = "string" if name in simple.get("required", ()) else ["string", "null"]
            help = f"{simple['properties'][name].get('description', '')}, {DATA_URL}"
            simple["properties"][name] = {"type": kinds, "description": help}
        return simple, places

    def convert_strings_to_filedata(self, value: Any, filedata_positions: list[list[str | int]]) -> Any:
        """A tool's arguments with their files saved; ValueError for what is no data: URL."""
        for name in {str(name) for name, *_ in filedata_positions} & value.keys():
            if value[name] is not None and not value[name].startswith("data:"):
                raise ValueError(sentence(f"{name} is no file but an address or a name; send the file {DATA_URL}"))
        try:
            return super().convert_strings_to_filedata(value, filedata_positions)
        except ValueError:  # of base64
            raise ValueError(sentence(f"a data: URL is damaged; send the file once more, {DATA_URL}")) from None


class _Newest(defaultdict[str, Any]):
    """The newest MAX_UPLOAD_NAMES entries."""

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        if len(self) > MAX_UPLOAD_NAMES:
            del self[next(iter(self))]


class _FileParser(route_utils.GradioMultiPartParser):
    """Reads an upload that consists of files, no more than MAX_FILES, with names in UTF-8."""

    def on_headers_finished(self) -> None:
        """Reject what is no file, before its data come."""
        self.max_files = MAX_FILES  # all of them are open at once
        self._charset = "utf-8"  # some codecs take a minute for a megabyte
        super().on_headers_finished()
        if self._current_part.file is None or self._current_part.field_name != "files":
            raise MultiPartException("An upload consists of files only: send each in a field with the name files.")

    async def parse(self) -> FormData:
        """The files; MultiPartException if they can't be read."""
        try:
            return await super().parse()
        except FormParserError:
            raise MultiPartException("This upload can't be read: send it as multipart/form-data.") from None
        finally:
            if self.upload_progress:
                self.upload_progress.set_done(str(self.upload_id))


def limit_uploads() -> None:
    """Let Gradio read files alone, and forget the progress of old uploads.

    It keeps each name that a client has given to an upload, or has only asked for.
    """
    route_utils.GradioMultiPartParser = _FileParser  # type: ignore[misc]
    progress = routes.file_upload_statuses
    progress._statuses, progress._signals = _Newest(), _Newest(asyncio.Event)


def limit_connections() -> None:
    """Serve each connection by `Connection`, in a process that may have enough of them."""
    raise_file_limit()
    http_server.Server = _Server  # type: ignore[misc]


class _Server(http_server.Server):
    def __init__(self, config: Any, *args: Any, **more: Any) -> None:
        config.http, config.backlog = Connection, BACKLOG
        super().__init__(config, *args, **more)


def forget_removed_files(blocks: gr.Blocks) -> None:
    """Let Gradio forget the names of files that have been removed.

    It keeps the name of every file it has shown in order to remove it by age. Our files are removed earlier, and the
    list of names would grow without end.
    """
    for names in blocks.temp_file_sets:
        names.difference_update([name for name in list(names) if not Path(name).exists()])
