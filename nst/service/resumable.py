"""A run that goes on for a while after its visitor has disconnected."""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextvars import copy_context

from nst.gallery import Style
from nst.service.app_state import AppState
from nst.service.runs import Progress, follow
from nst.service.tasks import PaintTask

RECONNECT_SECONDS = 30.0  # if you reload the page or lose the connection, the run waits so long for you
RELOAD_SECONDS = 4.0  # the same after the page has reported that it closes: perhaps it is only reloaded


class ResumableRun:
    """Paints in a thread of its own; `watch` yields the latest frame to each page.

    If no page watches within RECONNECT_SECONDS of a disconnect, the run ends and nothing is kept.
    """

    def __init__(self, app_state: AppState, task: PaintTask, styles: Sequence[Style], owner: str) -> None:
        self._task = task
        self._changed = threading.Condition()
        self._latest: Progress | None = None
        self._error: Exception | None = None
        self._ended = False
        self._pages: set[str] = set()  # keys of those that watch
        self._deadline = math.inf
        context = copy_context()  # ZeroGPU finds the visitor in it
        threading.Thread(target=context.run, args=[self._paint, app_state, styles, owner], daemon=True).start()

    def watch(self, page: str) -> Iterator[Progress]:
        """The frames as they come; a slow page misses some. Raises what the run has raised."""
        seen: Progress | None = None
        self.on_reconnect(page)
        try:
            while True:
                with self._changed:
                    while self._latest is seen and not self._ended:
                        self._changed.wait()
                    latest, ended = self._latest, self._ended
                if latest is not seen and latest is not None:
                    seen = latest
                    yield latest
                elif self._error:
                    raise self._error
                elif ended:
                    return
        finally:
            self.on_disconnect(page)

    def on_disconnect(self, page: str) -> None:
        """The connection is gone; a page that waits for a frame has not noticed yet."""
        self._leave(page, RECONNECT_SECONDS)

    def on_page_close(self, page: str) -> None:
        """The page has reported that it closes."""
        self._leave(page, RELOAD_SECONDS)

    def on_reconnect(self, page: str) -> None:
        """The page watches, or is about to."""
        self._pages.add(page)
        self._deadline = math.inf

    def _leave(self, page: str, seconds: float) -> None:
        self._pages.discard(page)
        if self._pages or self._ended:
            return
        self._deadline = min(self._deadline, time.monotonic() + seconds)
        timer = threading.Timer(seconds, self._end_if_abandoned)
        timer.daemon = True
        timer.start()

    def _end_if_abandoned(self) -> None:
        if not self._ended and time.monotonic() >= self._deadline:
            self._task.abandoned = True
            self._task.stop.set()

    def _paint(self, app_state: AppState, styles: Sequence[Style], owner: str) -> None:
        error = None
        try:
            for progress in follow(app_state, self._task, styles, owner):
                self._publish(progress)
        except Exception as raised:  # the watcher raises it
            error = raised
        self._ended, self._error = True, error
        self._publish(self._latest)

    def _publish(self, progress: Progress | None) -> None:
        with self._changed:
            self._latest = progress
            self._changed.notify_all()
