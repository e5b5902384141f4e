"""Runs that wait for the engine or have it."""

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from nst.job import Request
from nst.one_pass import OnePass
from nst.service.uploads import Upload
from nst.video import Clip


class Resumable(Protocol):
    """A run that goes on for a while without its visitor (`nst.service.resumable`)."""

    def watch(self) -> Iterator[Any]: ...
    def on_disconnect(self) -> None: ...
    def on_page_close(self) -> None: ...
    def on_reconnect(self) -> None: ...


@dataclass(eq=False, kw_only=True)
class QueuedTask:
    """A run that waits for the engine or has it; set `stop` to end it."""

    session_hash: str = ""  # Gradio's name of the open page or program
    work: float = 0.0  # in pixel-steps
    seconds_left: float | None = None  # an estimate, while it runs
    slowdown: float = 1.0  # duration, relative to the expected one
    key: str = field(default_factory=lambda: secrets.token_hex(16))  # finds the run after a reload
    stop: threading.Event = field(default_factory=threading.Event)
    resumable: Resumable | None = None


@dataclass(eq=False, kw_only=True)
class PaintTask(QueuedTask):
    """A painting."""

    request: Request
    photo: Upload
    size: int  # pixels on the longest side
    abandoned: bool = False  # its visitor has not come back for it
    timed_out: bool = False  # the time limit has ended it


@dataclass(eq=False, kw_only=True)
class ClipTask(QueuedTask):
    """A film to paint frame by frame."""

    clip: Clip
    paint: OnePass
    name: str = "painted.mp4"  # file name of the painted film
    warnings: list[str] = field(default_factory=list)  # what is wrong with the film
