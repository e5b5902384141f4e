"""How events are wired: what all of them have in common."""

from collections.abc import Callable
from types import MethodType
from typing import Any

from gradio.blocks import Block

from nst.page.context import Page
from nst.page.guard.gradio_patches import ENGINE

QUIET: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "preprocess": False,
    "concurrency_limit": 16,
    "concurrency_id": "quick",
}
"""Handlers get what was sent as it is, and judge it (see uploads.py). They never wait for a run,
and leave threads to runs and to pages that open."""

AT_ONCE = QUIET | {"queue": False}
"""For what is quick and has nothing to say in a toast, which comes through the queue."""

WAITING = QUIET | {"concurrency_limit": None, "concurrency_id": "waiting"}
"""For what lasts as long as somebody waits in the line, and computes nothing."""

TAKING_UP: dict[str, Any] = {"concurrency_limit": 8, "concurrency_id": "taking up"}
"""A run that goes on has its place already."""

Inputs = dict[str, Block]
"""What a handler is sent, by the names of its parameters."""


def engine_line(page: Page) -> dict[str, Any]:
    """As many runs at a time as there are workers."""
    return {"concurrency_limit": page.app_state.engine.workers, "concurrency_id": ENGINE}


def bound(handler: Callable[..., Any], page: Page) -> Callable[..., Any]:
    """The handler as Gradio is to see it, without its first parameter."""
    return MethodType(handler, page)
