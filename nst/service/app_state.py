"""The state of one process, shared by all visitors: engine, styles, queue and store."""

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from nst.config import Config
from nst.gallery import Photo, Style, load_owner_styles, load_photos, load_styles
from nst.images import ImageError, open_image, switch_off_other_formats
from nst.service import disk
from nst.service.engine import Engine, RemoteEngine, open_engine
from nst.service.metrics import Metrics
from nst.service.previews import Previewer, as_webp
from nst.service.session import Session
from nst.service.store import Store
from nst.service.tasks import PaintTask, QueuedTask
from nst.service.uploads import Uploads

log = logging.getLogger("nst")

THUMBNAIL_SIZE = 224  # pixels on the longest side of a picture in a gallery

SWEEP_INTERVAL = 3600.0

MAX_QUEUED = 200  # tasks in `AppState.queued`, and names in `AppState.closed`


@dataclass
class AppState:
    """The state of one process; styles and thumbnails grow when the owner's styles have been downloaded."""

    config: Config
    engine: Engine | RemoteEngine
    store: Store
    photos: list[Photo]
    styles: list[Style]
    thumbnails: dict[Path, Path]  # original file -> small file
    uploads: Uploads
    previewer: Previewer = field(default_factory=Previewer)
    metrics: Metrics = field(default_factory=Metrics)
    runs: list[QueuedTask] = field(default_factory=list)  # the tasks that run
    queued: dict[str, QueuedTask] = field(default_factory=dict)  # those that wait or run, by key
    closed: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_QUEUED))  # session hashes, the latest last
    queued_sessions: Callable[[], list[str]] = list  # session hashes in Gradio's queue, in order

    def start(self, on_sweep: Callable[[], None]) -> None:
        """Warm up, download VGG-19 and the owner's styles, and sweep the disk every hour, each in the background;
        `on_sweep` is called after each sweep."""
        self.engine.start()
        threading.Thread(target=self._load_owner_styles, daemon=True).start()
        threading.Thread(target=self._sweep_hourly, args=[on_sweep], daemon=True).start()

    @property
    def site(self) -> Path:
        """The folder of the page's own pictures."""
        return self.store.root / disk.SITE

    @property
    def closing(self) -> threading.Event:
        """Set when the process ends: no run begins any more."""
        return self.engine.closing

    def styles_for(self, session: Session) -> list[Style]:
        """The visitor's own styles, then those of the gallery."""
        return [*session.styles, *self.styles]

    def find_run(self, key: object) -> PaintTask | None:
        """The painting that a page with this key has shown while it was in progress."""
        return next((r for r in self.runs if isinstance(r, PaintTask) and key in list(r.pages)), None)

    def connected(self, session_hash: str) -> Callable[[], bool]:
        """A function that tells whether this page or program has stayed connected since now."""
        before = self.closed.count(session_hash)
        return lambda: self.closed.count(session_hash) <= before

    def on_session_closed(self, session_hash: str) -> None:
        """A page or a program has disconnected: end its runs, or let them wait for it."""
        self.closed.append(session_hash)
        for task in {*self.runs, *self.queued.values()}:
            if isinstance(task, PaintTask) and task.resumable:
                for key, page in list(task.pages.items()):
                    if page == session_hash:
                        task.resumable.on_disconnect(key)
            elif task.session_hash == session_hash:
                self.dequeue(task)
                task.stop.set()

    def reattach(self, task: PaintTask, session_hash: str) -> str:
        """A page was reloaded: it watches the run under the key that is returned."""
        self.dequeue(task)
        task.session_hash = session_hash
        self.enqueue(task)
        return task.add_page(session_hash)

    def enqueue(self, task: QueuedTask) -> None:
        """The task is about to wait or to run."""
        self.queued[task.key] = task
        if len(self.queued) > MAX_QUEUED:  # a program may enqueue tasks and never come for them
            del self.queued[next(iter(self.queued))]

    def dequeue(self, task: QueuedTask) -> None:
        """The task has ended, or was stopped while it waited."""
        self.queued.pop(task.key, None)

    @contextmanager
    def running(self, task: QueuedTask) -> Iterator[None]:
        """The task is in `runs` within this context."""
        self.runs.append(task)
        try:
            yield
        finally:
            self.dequeue(task)  # first: a task that is queued and does not run counts as waiting
            self.runs.remove(task)

    def queue_position(self, task: QueuedTask) -> tuple[int, float] | None:
        """The place in the queue, from 1, and the expected seconds until the task begins; None if it does not wait."""
        waiting = self._waiting()
        if task not in waiting:
            return None
        ahead = waiting[: waiting.index(task)]
        slowdown = max((run.slowdown for run in self.runs), default=1.0)
        seconds = [self._seconds(run) for run in self.runs]
        seconds += [slowdown * self._seconds(other) for other in ahead if other]
        return len(ahead) + 1, sum(seconds) / self.engine.workers

    def _waiting(self) -> list[QueuedTask | None]:
        """Gradio's queue in its order; None for an event without a task, as of a stopped one."""
        tasks = [task for task in self.queued.values() if task not in self.runs]
        waiting: list[QueuedTask | None] = []
        # A stopped event precedes the same visitor's later one, so match from the end.
        for session_hash in reversed(self.queued_sessions()):
            task = next((t for t in reversed(tasks) if t.session_hash == session_hash), None)
            if task:
                tasks.remove(task)
            waiting.insert(0, task)
        return waiting

    def _seconds(self, task: QueuedTask) -> float:
        if task.seconds_left is None:
            return self.engine.pace.seconds(task.work)
        return task.seconds_left

    def close(self, seconds: float) -> None:
        """Begin no new run; stop those that run, and wait for them at most so long."""
        self.engine.close()
        deadline = time.monotonic() + seconds
        while self.runs and time.monotonic() < deadline:
            for run in list(self.runs):
                run.stop.set()
            time.sleep(0.05)

    def _load_owner_styles(self) -> None:
        styles = load_owner_styles(self.config.gallery, self.store.root)
        self.thumbnails |= make_thumbnails(styles, self.site / "owners")
        self.styles = [*self.styles, *(style for style in styles if style.path in self.thumbnails)]

    def _sweep_hourly(self, on_sweep: Callable[[], None]) -> None:
        while not self.closing.wait(SWEEP_INTERVAL):
            self.store.sweep_all()
            on_sweep()


def open_app_state(config: Config, engine: RemoteEngine | None = None) -> AppState:
    """Load what a page needs, and make the one folder that it writes to.

    Without a remote engine, this process computes.
    """
    switch_off_other_formats()
    engine_here = engine or open_engine(config)
    root = disk.open_folder()
    store = Store(
        root=root,
        quota=config.quota_megabytes * 2**20,
        total=config.disk_megabytes * 2**20,
        keep=config.keep_hours * 3600,
    )
    atexit.register(store.close)
    # Gradio's folder, too: it serves the files there, and copies others into it for good.
    os.environ["GRADIO_TEMP_DIR"] = str(root)
    photos, styles = link_photos(load_photos(), root / disk.SITE / "photos"), load_styles()
    return AppState(
        config=config,
        engine=engine_here,
        store=store,
        photos=photos,
        styles=styles,
        thumbnails=make_thumbnails(styles, root / disk.SITE / "styles")
        | make_thumbnails(photos, root / disk.SITE / "samples"),
        uploads=Uploads(root, photos),
    )


def link_photos(photos: Sequence[Photo], folder: Path) -> list[Photo]:
    """The photos as links in a folder, so that addresses do not reveal where nst is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    linked = []
    for photo in photos:
        link = folder / photo.path.name
        link.symlink_to(photo.path.resolve())
        linked.append(replace(photo, path=link))
    return linked


def make_thumbnails(pictures: Sequence[Style | Photo], folder: Path) -> dict[Path, Path]:
    """Small pictures in a new folder, by the originals' files; one that can't be opened is left out, with one log
    line."""
    folder.mkdir(parents=True, exist_ok=True)
    thumbnails = {}
    for picture in pictures:
        try:
            image = open_image(picture.path, "the picture", THUMBNAIL_SIZE)
        except ImageError as error:
            log.warning("%r is left out: %s", picture.name, error)
            continue
        image.thumbnail((THUMBNAIL_SIZE, THUMBNAIL_SIZE))
        thumbnails[picture.path] = folder / f"{picture.name}.webp"
        thumbnails[picture.path].write_bytes(as_webp(image))
    return thumbnails
