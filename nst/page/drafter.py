"""What draws drafts for all visitors, beside the engine that paints."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from PIL import Image

from nst.instant import OnePass

THUMBNAIL = 192
"""Pixels on the longest side of a photo in the gallery."""

MOST_WAITING = 8
"""Drafts; whoever asks while more are wanted goes without."""

MOST_READ = 256
"""Styles that are kept as they were read, a kilobyte each."""

NICENESS = 5
"""Of the thread that draws drafts: a painter beside it keeps most of the processor."""


class Drafter:
    """Draws drafts, one at a time, in a thread of its own that gives way to the painter."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "drafts", initializer=lambda: os.nice(NICENESS))
        self._room = threading.BoundedSemaphore(MOST_WAITING)
        self.small = lru_cache(MOST_READ)(_small)

    def draw(self, what: Callable[[], list[Image.Image]]) -> list[Image.Image]:
        """What the function returns, called in its turn; nothing where too many wait."""
        if not self._room.acquire(blocking=False):
            return []
        try:
            return self._thread.submit(what).result()
        finally:
            self._room.release()


def _small(style: Path) -> OnePass:
    return OnePass(style, size=THUMBNAIL)
