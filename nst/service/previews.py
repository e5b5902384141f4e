"""What paints in one pass for all visitors, beside the engine: drafts, cameras and films."""

import io
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from nst.images import fit, open_image
from nst.network.cache import ByteCache
from nst.one_pass import OnePass
from nst.service.store import digest
from nst.settings import Settings

THUMBNAIL = 192
"""Pixels on the longest side of a photo in the gallery."""

MAX_WAITING = 8
"""Drafts; whoever asks while more are wanted goes without."""

MAX_READ = 256
"""Styles that are kept as they were read, a kilobyte each."""

MAX_BYTES = 16 * 2**20
"""Of thumbnails that are kept: many visitors begin with the same samples."""

GUESS = 0.2
"""Seconds for a picture of a film on two cores."""

Result = TypeVar("Result")

WHERE = "cpu"
"""Fast enough there; a GPU is the painter's, and on ZeroGPU this process has none."""

NICENESS = 5
"""Of the thread that draws: a painter beside it keeps most of the processor."""


class Previewer:
    """Paints in one pass, one picture at a time, in a thread that gives way to the painter.

    `seconds` are those that a picture of a film takes, as far as is known.
    """

    def __init__(self) -> None:
        self.seconds = GUESS
        self._thread = ThreadPoolExecutor(1, "drafts", initializer=lambda: os.nice(NICENESS))
        self._room = threading.BoundedSemaphore(MAX_WAITING)
        self._read = lru_cache(MAX_READ)(partial(OnePass, where=WHERE))
        self._kept = ByteCache(MAX_BYTES)

    def draft(self, photo: Path, painter: Callable[[], OnePass]) -> bytes | None:
        """The photo as the painter paints it, as WebP; None where too many wait."""
        return self.decode_slot(lambda: as_webp(painter()(photo)))

    def painter(self, *styles: Path, **given: Any) -> OnePass:
        """What paints in these styles, read once; ValueError. To be called where it draws."""
        Settings(effort="one-pass", **given)  # judged before it is looked up: strangers send lists
        return self._read(*styles, **given)

    def thumbnails(self, photo: Path, styles: Sequence[Path]) -> list[bytes]:
        """The photo in each style, in small, as WebP; nothing where too many wait.

        Between two of them others have their turn: a draft is what one looks at.
        """
        with self._place() as there:
            if not there:
                return []
            small, name = fit(open_image(photo, "the photo", THUMBNAIL), THUMBNAIL), digest(photo)
            return [
                self.in_the_end(partial(self._thumbnail, small, name, style)) for style in styles
            ]

    def decode_slot(self, draw: Callable[[], Result]) -> Result | None:
        """What is drawn, when its turn comes; None where too many wait."""
        with self._place() as there:
            return self.in_the_end(draw) if there else None

    def in_the_end(self, draw: Callable[[], Result]) -> Result:
        """What is drawn, however many wait: for what has waited in a line before."""
        return self._thread.submit(draw).result()

    def _thumbnail(self, small: Image.Image, name: str, style: Path) -> bytes:
        key = name, style

        def draw() -> memoryview:
            return memoryview(as_webp(self.painter(style, size=THUMBNAIL)(small)))

        return bytes(self._kept.get(key, draw))

    @contextmanager
    def _place(self) -> Iterator[bool]:
        """Whether there is one among those who wait."""
        there = self._room.acquire(blocking=False)
        try:
            yield there
        finally:
            if there:
                self._room.release()


def as_webp(image: Image.Image) -> bytes:
    """Small, and quickly made."""
    data = io.BytesIO()
    image.save(data, "WEBP", quality=80, method=0)
    return data.getvalue()
