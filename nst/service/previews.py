"""Paints with the one-pass network for all visitors: previews, thumbnails and films."""

import io
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from nst.errors import InputError
from nst.images import fit
from nst.network.cache import ByteCache
from nst.one_pass import OnePass
from nst.settings import Settings

log = logging.getLogger("nst")

PREVIEW_SIZE = 512  # pixels on the longest side of a preview
THUMBNAIL_SIZE = 192  # pixels on the longest side of a photo in the gallery
MAX_WAITING = 8  # previews that may wait; further requests go without
MAX_STYLIZERS = 256  # encoded styles that are kept, 15 kB each
MAX_BYTES = 16 * 2**20  # bytes of thumbnails that are kept: many visitors begin with the same samples
GUESS = 0.2  # seconds for a frame of a film on two cores
DEVICE = "cpu"  # fast enough; a GPU is the optimiser's, and on ZeroGPU this process has none
NICENESS = 5  # priority of the thread: an optimiser beside it keeps most of the processor

Result = TypeVar("Result")


class Previewer:
    """Runs the one-pass network, one picture at a time, in a thread of low priority.

    `seconds_per_picture` is the latest time for a frame of a film.
    """

    def __init__(self) -> None:
        self.seconds_per_picture = GUESS
        self._thread = ThreadPoolExecutor(1, "previews", initializer=lambda: os.nice(NICENESS))
        self._places = threading.BoundedSemaphore(MAX_WAITING)
        self._encode = lru_cache(MAX_STYLIZERS)(partial(OnePass, device=DEVICE))
        self._thumbnails = ByteCache(MAX_BYTES)

    def preview(self, picture: Image.Image, styles: Sequence[Path], **settings: Any) -> bytes | None:
        """The picture in these styles, as WebP; None if too many previews wait. ValueError."""
        return self.try_run(lambda: as_webp(self.stylizer(*styles, **settings)(picture)))

    def stylizer(self, *styles: Path, **settings: Any) -> OnePass:
        """Paints pictures in these styles; ValueError. Call it in the previewer's thread (`run`).

        The styles are encoded once for any strength.
        """
        checked = Settings(effort="one-pass", **settings)
        encoded = self._encode(
            *styles, size=checked.size, style_scale=checked.style_scale, style_weights=checked.style_weights
        )
        return encoded.with_settings(checked)

    def thumbnails(
        self, picture: Image.Image, digest: str, styles: Sequence[Path], connected: Callable[[], bool] = lambda: True
    ) -> list[bytes]:
        """The picture in each style, small, as WebP; none if too many previews wait, or if their page has been closed.

        Previews may come between two of them: the canvas matters more.
        """
        with self._place() as available:
            if not available:
                return []
            small = fit(picture, THUMBNAIL_SIZE)
            thumbnails = [self.run(partial(self._thumbnail, small, digest, path)) for path in styles if connected()]
            return thumbnails if connected() else []

    def try_run(self, function: Callable[[], Result]) -> Result | None:
        """The function's result, computed in the thread; None if too many wait."""
        with self._place() as available:
            return self.run(function) if available else None

    def run(self, function: Callable[[], Result]) -> Result:
        """The function's result, computed in the thread however many wait."""
        return self._thread.submit(function).result()

    def fine_tuning(self, painter: OnePass) -> Iterator[int]:
        """`OnePass.fine_tuning` in the thread; pictures may come between two steps.

        It ends early where that is impossible, as for lack of memory: the painter paints all the same.
        """
        steps = painter.fine_tuning()
        try:
            while step := self.run(lambda: next(steps, None)):
                yield step
        except (InputError, MemoryError, RuntimeError) as error:
            log.warning("the network is not fine-tuned: %s", error)

    def _thumbnail(self, small: Image.Image, digest: str, style: Path) -> bytes:
        def paint() -> memoryview:
            return memoryview(as_webp(self.stylizer(style, size=THUMBNAIL_SIZE)(small)))

        return bytes(self._thumbnails.get((digest, style), paint))

    @contextmanager
    def _place(self) -> Iterator[bool]:
        """Whether there is a place among those who wait."""
        available = self._places.acquire(blocking=False)
        try:
            yield available
        finally:
            if available:
                self._places.release()


def as_webp(image: Image.Image) -> bytes:
    """A small file, encoded quickly."""
    data = io.BytesIO()
    image.save(data, "WEBP", quality=80, method=0)
    return data.getvalue()
