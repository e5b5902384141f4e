"""The one place that reaches into Gradio where it has no door; tests fail where a new one differs.

`calm` quietens its clockwork, `line_up` keeps order in its queue, `spare_log` spares its log, and
`forget_what_was_sent` its memory.
"""

import asyncio
import logging
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.state_holder import SessionState

from nst.config import Config
from nst.page.guard.client_ip import address
from nst.page.guard.request_filter import OpenStreams, brief
from nst.page.ui.html import user_error

log = logging.getLogger("nst")

PAUSE, PROGRESS_PAUSE = 0.05, 0.1

ENGINE = "engine"
"""The line of those who wait for a painting."""

MAX_QUICK = 12
"""Events beside paintings that one address may have in the queue at once."""

TOO_BUSY = "You ask for a lot at once; wait a moment and try again."

GRACE = 15.0
"""Seconds in which somebody has to listen to what becomes of an event."""


def calm(blocks: gr.Blocks) -> None:
    """Let Gradio look for work twenty times a second instead of a thousand times.

    Looking so often takes 6 % of a core from the painter. Twenty times, as Gradio itself does on
    Windows, is as quick to the eye.
    """
    queue = blocks._queue
    queue.sleep_when_free, queue.progress_update_sleep_when_free = PAUSE, PROGRESS_PAUSE


def line_up(blocks: gr.Blocks, config: Config, open_streams: OpenStreams) -> None:
    """Refuse what would crowd out others, and drop what nobody listens to.

    Gradio's own limit counts all events in one: with it, those who wait for the engine keep the
    page itself from loading.
    """
    queue = blocks._queue
    push = queue.push

    async def orderly(body: Any, request: Any, username: Any) -> Any:
        fn = blocks.fns.get(body.fn_index)
        if fn is None:
            return False, "There is no such event.", "error"
        if body.session_hash == "":  # Gradio would answer it under a name, and not find that
            return False, "There is no such session.", "error"
        where = address(request, config)
        if fn.concurrency_id == ENGINE:
            line = queue.event_queue_per_concurrency_id.get(ENGINE)
            events = line.queue if line else []
            waiting = [(event.session_hash, address(event.request, config)) for event in events]
            # All assistants share a session, which is the MCP server's own.
            seat = None if request.headers.get("x-gradio-user") == "mcp" else body.session_hash
            refusal = _no_place(waiting, seat, where, config)
        else:
            events = [e for e in queue.event_ids_to_events.values() if e.concurrency_id != ENGINE]
            theirs = sum(address(event.request, config) == where for event in events)
            refusal = TOO_BUSY if theirs >= MAX_QUICK else ""
        if refusal:
            return False, refusal, "queue_full"
        success, told, state = await push(body=body, request=request, username=username)
        if success:
            event = str(told)
            seat = body.session_hash or event
            task = asyncio.create_task(_drop_if_unheard(queue, event, seat, open_streams))
            queue._asyncio_tasks.add(task)
            task.add_done_callback(queue._asyncio_tasks.discard)
        return success, told, state

    queue.push = orderly  # type: ignore[method-assign]


def in_line(blocks: gr.Blocks) -> list[str]:
    """Who waits for the engine: sessions, in their order."""
    line = blocks._queue.event_queue_per_concurrency_id.get(ENGINE)
    return [str(event.session_hash) for event in (line.queue if line else [])]


def _no_place(waiting: list[tuple[str, str]], seat: str | None, where: str, config: Config) -> str:
    """Why this seat, at this address, may not have a place at the easel, too; or nothing."""
    if len(waiting) >= config.max_queue:
        return "Too many wait for the easel; try again in some minutes."
    theirs = max(sum(s == seat for s, _ in waiting), sum(w == where for _, w in waiting))
    if theirs >= config.max_queue_each:
        return f"{theirs} of your paintings wait already; let one be done first."
    return ""


async def _drop_if_unheard(queue: Any, event_id: str, seat: str, open_streams: OpenStreams) -> None:
    """End an event that nobody has come to listen to, and forget what would be told of it."""
    await asyncio.sleep(GRACE)
    if open_streams.is_open(event_id, seat):
        return
    await queue.clean_events(event_id=event_id)
    pending = queue.pending_event_ids_session.get(seat, set())
    pending.discard(event_id)
    if not pending:
        queue.pending_event_ids_session.pop(seat, None)
        queue.pending_messages_per_session.pop(seat, None)


def spare_log(blocks: gr.Blocks) -> None:
    """Make what fails unexpectedly a visitor's error, and one line in the log.

    Strangers may send anything to every event, and Gradio trips over most of it before a handler
    is asked: a traceback each time would fill the disk and bury what matters.
    """
    process = blocks.process_api

    async def spared(*args: Any, **kwargs: Any) -> Any:
        try:
            return await process(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            log.error("an event failed: %s", brief(error))
            told = "This could not be done; reload the page and try once more"
            raise user_error(told) from None

    blocks.process_api = spared  # type: ignore[method-assign]


def forget_what_was_sent() -> None:
    """Let Gradio keep no values of a session's components, which only its deep links read.

    With megabytes in each of a thousand sessions, whoever sends them fills the memory.
    """
    SessionState._update_value_in_config = _forget  # type: ignore[method-assign]


def _forget(self: SessionState, key: int, value: Any) -> None:
    pass


def forget_what_is_gone(blocks: gr.Blocks) -> None:
    """Let Gradio forget the files that are not there any more.

    It keeps the name of every picture it has ever shown, to remove it by age, and drops only the
    names of those that it has removed itself: ours, which go earlier, would be listed for ever.
    """
    for names in blocks.temp_file_sets:
        names.difference_update([name for name in list(names) if not Path(name).exists()])
