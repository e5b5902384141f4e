"""Runs that wait for the engine or have it."""

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from nst.clip import Clip
from nst.job import Request
from nst.one_pass import OnePass
from nst.service.uploads import Upload


class Resumable(Protocol):
    """A run that goes on for a while without its visitor (`nst.service.resumable`)."""

    def watch(self) -> Iterator[Any]: ...
    def on_disconnect(self) -> None: ...
    def on_page_close(self) -> None: ...
    def on_reconnect(self) -> None: ...


@dataclass(eq=False, kw_only=True)
class QueuedTask:
    """A run that waits for the engine or has it; set `stop` to end it.

    `session_hash` is Gradio's name of the open page or program it belongs to. `key` is a secret of
    that page, by which it finds the run again after a reload. `work` is in pixel-steps.
    `seconds_left` is an estimate while it runs, and `slowdown` its duration by the expected one.
    """

    session_hash: str = ""
    work: float = 0.0
    seconds_left: float | None = None
    slowdown: float = 1.0
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    stop: threading.Event = field(default_factory=threading.Event)
    resumable: Resumable | None = None


@dataclass(eq=False, kw_only=True)
class PaintTask(QueuedTask):
    """A painting of `photo`, `size` pixels on the longest side. `abandoned`: its visitor has not come back for it."""

    request: Request
    photo: Upload
    size: int
    abandoned: bool = False


@dataclass(eq=False, kw_only=True)
class ClipTask(QueuedTask):
    """A film and what paints its frames; `name` is the file name of the painted film."""

    clip: Clip
    paint: OnePass
    name: str = "painted.mp4"
