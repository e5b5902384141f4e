"""A run that outlives its visitor's connection for a while, to be taken up again."""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextvars import copy_context

from nst.gallery import Style
from nst.service.app_state import AppState
from nst.service.runs import Shown, follow
from nst.service.session import PaintTask

GRACE = 30.0
"""Seconds that a run goes on when nobody watches it: a phone looks for its network."""

CLOSED = 4.0
"""The same where the page has said that it closes: perhaps it is only reloaded."""


class ResumableRun:
    """Paints a run in a thread of its own; whoever watches is told of the latest frame.

    When nobody has come back `GRACE` seconds after the page has gone, the work ends, and nothing is
    kept.
    """

    def __init__(
        self, app_state: AppState, run: PaintTask, offered: Sequence[Style], owner: str
    ) -> None:
        self._run = run
        self._news = threading.Condition()
        self._latest: Shown | None = None
        self._error: Exception | None = None
        self._over = False
        self._watcher, self._ends = object(), math.inf
        context = copy_context()  # in which ZeroGPU finds whose run it is
        threading.Thread(
            target=context.run, args=[self._paint, app_state, offered, owner], daemon=True
        ).start()

    def watch(self) -> Iterator[Shown]:
        """The frames as they come; one that is slow sees fewer. Raises what the work has raised."""
        seen: Shown | None = None
        watcher = self._watcher
        try:
            while True:
                with self._news:
                    while self._latest is seen and not self._over:
                        self._news.wait()
                    latest, over = self._latest, self._over
                if latest is not seen and latest is not None:
                    seen = latest
                    yield latest
                elif self._error:
                    raise self._error
                elif over:
                    return
        finally:
            if watcher is self._watcher and not self._over:
                self.on_disconnect()

    def on_disconnect(self) -> None:
        """The page has gone: a watcher that waits for a frame has not noticed yet."""
        self._end_in(GRACE)

    def on_page_close(self) -> None:
        """The page has said that it closes."""
        self._end_in(CLOSED)

    def on_reconnect(self) -> None:
        """The page is about to watch again; whoever watched before counts no more."""
        self._watcher, self._ends = object(), math.inf

    def _end_in(self, seconds: float) -> None:
        self._ends = min(self._ends, time.monotonic() + seconds)
        timer = threading.Timer(seconds, self._end_if_gone)
        timer.daemon = True
        timer.start()

    def _end_if_gone(self) -> None:
        if not self._over and time.monotonic() >= self._ends:
            self._run.dropped = True
            self._run.stop.set()

    def _paint(self, app_state: AppState, offered: Sequence[Style], owner: str) -> None:
        error = None
        try:
            for shown in follow(app_state, self._run, offered, owner):
                self._tell(shown)
        except Exception as raised:  # it is whoever watches that has to hear of it
            error = raised
        self._over, self._error = True, error
        self._tell(self._latest)

    def _tell(self, shown: Shown | None) -> None:
        with self._news:
            self._latest = shown
            self._news.notify_all()
