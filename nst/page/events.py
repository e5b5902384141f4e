"""Options and types that all events of the page share.

Handlers are methods of the feature whose components they belong to. They receive what the event sends by name
(`inputs_kwargs`) and return `{component: value or update}`; a component that is left out stays as it is, and
`gr.skip()` leaves all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

from nst.service.app_state import AppState

Outputs = dict[Any, Any]  # component -> its new value, or an update of it

Inputs = dict[str, Block]  # the components whose values a handler receives, by the names of its parameters

QUEUED: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "preprocess": False,
    "concurrency_limit": 16,
    "concurrency_id": "quick",
}
"""Handlers receive what was sent unprocessed and check it themselves (`nst.service.uploads`). They never wait for a
run, and leave threads to runs and to pages that load."""

DIRECT = QUEUED | {"queue": False}  # for quick handlers that show no toast: a toast needs the queue

WAITING = QUEUED | {"concurrency_limit": None, "concurrency_id": "waiting"}
"""For handlers that last as long as a visitor waits in the queue, and compute nothing."""

FINE_TUNING = QUEUED | {"concurrency_limit": 1, "concurrency_id": "fine-tuning"}
"""For a handler that computes for seconds: one visitor's at a time."""

REATTACHING: dict[str, Any] = {"concurrency_limit": 8, "concurrency_id": "reattaching"}
"""A run that goes on already has the engine."""

ENGINE = "engine"  # the concurrency id of events that wait for the engine


@dataclass(frozen=True)
class Context:
    """The process's state and the visitor's session, for every feature of the page."""

    app_state: AppState
    session: gr.State

    @property
    def engine_queue(self) -> dict[str, Any]:
        """As many runs at a time as the engine has workers."""
        return {"concurrency_limit": self.app_state.engine.workers, "concurrency_id": ENGINE}


def selected_index(event: gr.SelectData, items: Sequence[Any]) -> int | None:
    """The index of the item that was clicked in a gallery; None for any other value that a browser sends."""
    index = event.index
    return index if isinstance(index, int) and 0 <= index < len(items) else None


def run_script(trigger: Callable[..., Any], script: str, inputs: Any = None, outputs: Any = None) -> Any:
    """Run JavaScript on an event, without the server."""
    return trigger(None, inputs, outputs, js=script, preprocess=False, api_visibility="private")
