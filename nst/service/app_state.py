"""What belongs to the machine, for all visitors: engine, gallery, and the paintings on disk."""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import gradio as gr

from nst.config import Config
from nst.gallery import EXAMPLES, Photo, Style, load_owner_styles, load_photos, load_styles
from nst.images import ImageError, open_image, switch_off_other_formats
from nst.service import disk
from nst.service.cameras import Cameras
from nst.service.engine import Engine, RemoteEngine, open_engine
from nst.service.metrics import Metrics
from nst.service.previews import Previewer, as_webp
from nst.service.session import QueuedTask
from nst.service.store import Store, digest

log = logging.getLogger("nst")

CARD = EXAMPLES / "results" / "card.jpg"
"""What a link to the page looks like in a chat."""

SMALL = 224
"""Pixels on the longest side of a picture in a gallery."""

HOUR = 3600.0

MAX_EXPECTED = 200
"""Runs whose length is known beforehand, for those who wait behind them."""


@dataclass
class AppState:
    """`styles` grows when the owner's have been fetched, and `small`, their pictures in small, with
    it; `runs` are those that paint, `queued` those and what waits, by their keys. The rest
    stays as it is."""

    config: Config
    engine: Engine | RemoteEngine
    store: Store
    photos: list[Photo]
    styles: list[Style]
    digests: dict[str, str] = field(default_factory=dict)
    small: dict[Path, Path] = field(default_factory=dict)
    previewer: Previewer = field(default_factory=Previewer)
    cameras: Cameras = field(default_factory=Cameras)
    metrics: Metrics = field(default_factory=Metrics)
    runs: list[QueuedTask] = field(default_factory=list)
    queued: dict[str, QueuedTask] = field(default_factory=dict)
    run_slots: threading.Semaphore = field(init=False)
    line: Callable[[], list[str]] = list

    def __post_init__(self) -> None:
        self.run_slots = threading.Semaphore(self.engine.workers)

    def start(self, swept: Callable[[], None]) -> None:
        """What takes time, behind the visitors' backs: warm up, fetch VGG-19 and plates, and by the
        hour sweep the disk, after which `swept` is called."""
        self.engine.start()
        threading.Thread(target=self._fetch_plates, daemon=True).start()
        threading.Thread(target=self._sweep_by_the_hour, args=[swept], daemon=True).start()

    @property
    def closing(self) -> threading.Event:
        """Once it is set, no run begins."""
        return self.engine.closing

    def sample(self, photo: Path) -> str:
        """The name of the sample photo that this file is, or nothing."""
        return self.digests.get(digest(photo), "")

    def on_session_closed(self, browser: str) -> None:
        """A program has gone, or a page, which may come back: a run that lasts waits for it."""
        theirs = [run for run in (*self.runs, *self.queued.values()) if run.browser == browser]
        for run in theirs:
            if run.resumable:
                run.resumable.on_disconnect()
            else:
                self.dequeue(run)
                run.stop.set()

    def reattach(self, run: QueuedTask, browser: str) -> None:
        """A page has been loaded once more, and its run is another session's from now on."""
        self.dequeue(run)
        run.browser = browser
        self.enqueue(run)

    def enqueue(self, turn: QueuedTask) -> None:
        """It is about to wait in the line, or to begin."""
        self.queued[turn.key] = turn
        if len(self.queued) > MAX_EXPECTED:  # strangers may ask, and never come
            del self.queued[next(iter(self.queued))]

    def dequeue(self, turn: QueuedTask) -> None:
        """It has ended, or is not wanted any more."""
        self.queued.pop(turn.key, None)

    @contextmanager
    def running(self, turn: QueuedTask) -> Iterator[None]:
        """It is painted inside of this; when `runs` is without it, all of it has ended."""
        self.runs.append(turn)
        try:
            yield
        finally:
            self.dequeue(turn)  # first: what is expected and does not run, waits
            self.runs.remove(turn)

    def waiting(self) -> list[QueuedTask | None]:
        """The line in its order; None for what is not expected, such as what was stopped in it."""
        known = [turn for turn in self.queued.values() if turn not in self.runs]
        found: list[QueuedTask | None] = []
        for browser in reversed(self.line()):  # what was stopped stands before what came after it
            turn = next((turn for turn in reversed(known) if turn.browser == browser), None)
            if turn:
                known.remove(turn)
            found.insert(0, turn)
        return found

    def place(self, turn: QueuedTask) -> tuple[int, float] | None:
        """Which in the line it is, from 1 on, and the seconds until its turn; None where it does
        not wait."""
        waiting = self.waiting()
        if turn not in waiting:
            return None
        before = waiting[: waiting.index(turn)]
        slower = max((run.slower for run in self.runs), default=1.0)  # whatever slows these down
        left = [self._seconds(run) for run in self.runs]
        left += [slower * self._seconds(other) for other in before if other]
        return len(before) + 1, sum(left) / self.engine.workers

    def _seconds(self, turn: QueuedTask) -> float:
        return self.engine.pace.seconds(turn.work) if turn.left is None else turn.left

    def close(self, patience: float) -> None:
        """No new runs; those that paint end now, with the picture as it stands, and are waited for
        so many seconds at most."""
        self.engine.close()
        deadline = time.monotonic() + patience
        while self.runs and time.monotonic() < deadline:
            for run in list(self.runs):
                run.stop.set()
            time.sleep(0.05)

    def _fetch_plates(self) -> None:
        found = load_owner_styles(self.config.gallery, self.store.root)
        self.small |= thumbnails_of(found, self.store.root / "owners")
        self.styles = [*self.styles, *(plate for plate in found if plate.path in self.small)]

    def _sweep_by_the_hour(self, swept: Callable[[], None]) -> None:
        while not self.closing.wait(HOUR):
            self.store.sweep_all()
            swept()


def open_app_state(config: Config, engine: RemoteEngine | None = None) -> AppState:
    """Load what a page needs, and make the one folder that it writes into.

    Without an engine elsewhere, this process gets one of its own.
    """
    switch_off_other_formats()
    engine_here = engine or open_engine(config)
    root = disk.open_folder()
    quota, total = config.quota_megabytes * 2**20, config.disk_megabytes * 2**20
    store = Store(root, quota, total, config.keep_hours * 3600)
    atexit.register(store.close)
    # Gradio's, too: what lies in it is served as it is, and what does not is copied there for good.
    os.environ["GRADIO_TEMP_DIR"] = str(root)
    samples = publish_samples(load_photos(), root / "photos")
    digests = {digest(photo.path): photo.name for photo in samples}
    offered = load_styles()
    small = thumbnails_of(offered, root / "plates") | thumbnails_of(samples, root / "samples")
    return AppState(config, engine_here, store, samples, offered, digests, small)


def publish_samples(samples: Sequence[Photo], folder: Path) -> list[Photo]:
    """Let browsers have the files of these, by links in a folder: addresses shall not tell where
    on the machine the program lies."""
    folder.mkdir(exist_ok=True)
    linked = []
    for photo in samples:
        link = folder / photo.path.name
        link.symlink_to(photo.path.resolve())
        linked.append(replace(photo, path=link))
    gr.set_static_paths([photo.path for photo in samples])
    return linked


def thumbnails_of(pictures: Sequence[Style | Photo], folder: Path) -> dict[Path, Path]:
    """Pictures as galleries show them, by their files, in a new folder; one that can't be opened is
    missing, with one log line."""
    folder.mkdir(exist_ok=True)
    small = {}
    for picture in pictures:
        try:
            image = open_image(picture.path, "the picture", SMALL)
        except ImageError as error:
            log.warning("%r is left out: %s", picture.name, error)
            continue
        image.thumbnail((SMALL, SMALL))
        small[picture.path] = folder / f"{picture.name}.webp"
        small[picture.path].write_bytes(as_webp(image))
    return small
