"""What those are told who wait for the easel."""

import asyncio
from collections.abc import AsyncIterator

import gradio as gr

from nst.page.context import Outputs
from nst.page.ui.html import duration, status_html
from nst.service.app_state import AppState
from nst.service.session import QueuedTask

LOOK = 1.0
"""Seconds between two looks at the line."""


async def places(app_state: AppState, turn: QueuedTask, status: gr.HTML) -> AsyncIterator[Outputs]:
    """The place in the line, and how long it will be, again and again until its turn has come."""
    while turn.key in app_state.queued and turn not in app_state.runs and not turn.stop.is_set():
        if line := app_state.place(turn):
            place, seconds = line
            told = f"Next in line, about {duration(seconds)} until it begins"
            if place > 1:
                told = f"Number {place} in line, about {duration(seconds)} until it begins"
            yield {status: status_html(told)}
        await asyncio.sleep(LOOK)
    # Gradio shows the last of these once more when there are no others: by then, the painting may
    # have begun, or be finished.
    yield {status: gr.skip()}
