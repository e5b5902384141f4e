"""A run that outlives its visitor's connection for a while, to be taken up again."""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from contextvars import copy_context

from nst.gallery import Plate
from nst.page.machine import Machine
from nst.page.running import Shown, follow
from nst.page.session import Run

GRACE = 30.0
"""Seconds that a run goes on when nobody watches it: a phone looks for its network."""

CLOSED = 4.0
"""The same where the page has said that it closes: perhaps it is only reloaded."""


class Lasting:
    """Paints a run in a thread of its own; whoever watches is told of the latest frame.

    When nobody has watched for `GRACE` seconds, the work ends, and nothing is kept.
    """

    def __init__(self, machine: Machine, run: Run, offered: Sequence[Plate], owner: str) -> None:
        self._run = run
        self._news = threading.Condition()
        self._latest: Shown | None = None
        self._error: Exception | None = None
        self._over = False
        self._watchers, self._left = 0, time.monotonic()
        context = copy_context()  # in which ZeroGPU finds whose run it is
        threading.Thread(
            target=context.run, args=[self._paint, machine, offered, owner], daemon=True
        ).start()

    def wait_for_watcher(self) -> None:
        """Somebody is about to watch, however long that takes."""
        self._left = math.inf

    def watch(self) -> Iterator[Shown]:
        """The frames as they come; one that is slow sees fewer. Raises what the work has raised."""
        seen: Shown | None = None
        self._watchers += 1
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
            self._watchers -= 1
            self._left = time.monotonic()

    def _paint(self, machine: Machine, offered: Sequence[Plate], owner: str) -> None:
        error = None
        try:
            with closing(follow(machine, self._run, offered, owner)) as frames:
                for shown in frames:
                    with self._news:
                        self._latest = shown
                        self._news.notify_all()
                    if not self._watchers and time.monotonic() > self._left + self._patience():
                        self._run.stop.set()
                        break
        except Exception as raised:  # it is whoever watches that has to hear of it
            error = raised
        with self._news:
            self._error, self._over = error, True
            self._news.notify_all()

    def _patience(self) -> float:
        return CLOSED if self._run.closed.is_set() else GRACE
