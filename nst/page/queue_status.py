"""The place in the queue, for a visitor who waits."""

import asyncio
from collections.abc import AsyncIterator

import gradio as gr

from nst.messages import duration
from nst.page.events import Outputs
from nst.page.ui.html import status_html
from nst.service.app_state import AppState
from nst.service.tasks import QueuedTask

POLL_INTERVAL = 1.0  # seconds between two looks at the queue


async def queue_positions(app_state: AppState, task: QueuedTask, status: gr.HTML) -> AsyncIterator[Outputs]:
    """The place and the expected wait, in `status`, until the task begins or is stopped."""
    while task.key in app_state.queued and task not in app_state.runs and not task.stop.is_set():
        if position := app_state.queue_position(task):
            place, seconds = position
            message = f"Next in line, about {duration(seconds)} until it begins"
            if place > 1:
                message = f"Number {place} in line, about {duration(seconds)} until it begins"
            yield {status: status_html(message)}
        await asyncio.sleep(POLL_INTERVAL)
    # Gradio repeats the last update when the generator ends, and by then the run may have begun.
    yield {status: gr.skip()}
