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

MAX_PAGES = 32  # keys of a run's pages; a page takes a new one each time it is loaded


class Resumable(Protocol):
    """A run that goes on for a while without its visitor (`nst.service.resumable`)."""

    def watch(self, page: str) -> Iterator[Any]: ...
    def on_disconnect(self, page: str) -> None: ...
    def on_page_close(self, page: str) -> None: ...
    def on_reconnect(self, page: str) -> None: ...


@dataclass(eq=False, kw_only=True)
class QueuedTask:
    """A run that waits for the engine or has it; set `stop` to end it."""

    session_hash: str = ""  # Gradio's name of the open page or program
    work: float = 0.0  # in pixel-steps
    seconds_left: float | None = None  # an estimate, while it runs
    slowdown: float = 1.0  # duration, relative to the expected one
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    stop: threading.Event = field(default_factory=threading.Event)
    resumable: Resumable | None = None


@dataclass(eq=False, kw_only=True)
class PaintTask(QueuedTask):
    """A painting."""

    request: Request
    photo: Upload
    size: int  # pixels on the longest side
    pages: dict[str, str] = field(default_factory=dict)  # key of each page that has shown it -> its session hash
    abandoned: bool = False  # its visitor has not come back for it
    timed_out: bool = False  # the time limit has ended it

    def add_page(self, session_hash: str) -> str:
        """The key by which a page finds the run after a reload: a tab's duplicate has another one."""
        key = secrets.token_hex(16)
        self.pages[key] = session_hash
        if len(self.pages) > MAX_PAGES:
            del self.pages[next(iter(self.pages))]
        return key


@dataclass(eq=False, kw_only=True)
class ClipTask(QueuedTask):
    """A film to paint frame by frame."""

    clip: Clip
    paint: OnePass
    fine_tuning: bool = False  # whether the network is being fine-tuned for the styles
    name: str = "painted.mp4"  # file name of the painted film
    warnings: list[str] = field(default_factory=list)  # what is wrong with the film
