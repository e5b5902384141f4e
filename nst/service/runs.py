"""A run from its request to the finished PNG, for the page and for programs alike."""

import errno
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from nst.film import keep
from nst.gallery import Style
from nst.images import ImageError, fit, save_image, upright_size
from nst.job import Job, Request, prepare, resolve_request
from nst.optimise.cost import run_work
from nst.optimise.schedule import schedule
from nst.optimise.stylize import Frame
from nst.page.ui.html import duration
from nst.service import disk
from nst.service.app_state import AppState
from nst.service.metrics import Record
from nst.service.session import PaintTask
from nst.service.store import FULL, Painting, digest
from nst.settings import Settings
from nst.sharing import file_name, to_text

MAX_KEPT = 120
"""Frames of one run for its film."""

NO_STYLE = "choose a style first: click one of the pictures, or add your own"

TELLING = 0.5
"""Share of a run's work that tells how fast the whole of it goes. The coarse scales alone mislead:
they show more pictures, and begin while drafts and the film before are still being made."""

PATIENCE = 0.2
"""Seconds until one looks whether a run that waits is still wanted."""

SPARE = 2 * 2**20
"""Bytes that the disk must have left beside a painting, for the small pictures of the strip."""

CLOSING = "this page is about to close, and begins no new painting; try again in a minute"

MAX_STYLES = 4
"""In one painting."""


@dataclass(frozen=True)
class Shown:
    """A frame, its picture's file, and the painting when it is the last one.

    `file` is a small JPEG that is gone a while later, or the finished PNG. `late` tells that the
    run was ended since it took as long as is allowed, `left` are the seconds that it still takes.
    """

    frame: Frame
    job: Job
    file: Path
    painting: Painting | None = None
    late: bool = False
    left: float = 0.0


class NothingYet(ValueError):
    """A run was stopped before its first frame."""

    def __init__(self) -> None:
        super().__init__("the painting was stopped before there was anything to see")


def check(app_state: AppState, request: Request, offered: Sequence[Style]) -> float:
    """The work of a run; ValueError if it can be seen to lead nowhere, or to take too long, before
    it begins."""
    if app_state.closing.is_set():
        raise ValueError(CLOSING)
    if len(request.styles) > MAX_STYLES:
        raise ValueError(f"{len(request.styles)} styles are too many; name {MAX_STYLES} at most")
    _, settings, styles = resolve_request(request, offered)
    if not styles and settings.style_layers:
        raise ValueError(NO_STYLE)
    size = upright_size(request.photo, "the photo")
    begun = max(upright_size(request.start)) if request.start else 0
    most = app_state.config.max_seconds
    work = run_work(settings, size, begun, len(styles))
    seconds = app_state.engine.pace.seconds(work)
    if seconds > most:
        raise ValueError(too_long(seconds, most, settings))
    return work


def seconds_left(frame: Frame, expected: float) -> float:
    """What the rest of a run takes: at first as it was expected, then more and more as it goes."""
    known = min(1.0, frame.progress / TELLING)
    as_it_goes = frame.seconds / max(frame.progress, 1e-6)
    return (1 - frame.progress) * (known * as_it_goes + (1 - known) * expected)


def too_long(seconds: float, most: float, settings: Settings) -> str:
    """What to do where a run would take longer than is allowed."""
    steps = sum(count for _, count in schedule(settings))
    return (
        f"This would take about {duration(seconds)}, and {duration(most)} are allowed here: "
        f"choose {max(1, int(steps * most / seconds))} steps, or a smaller size"
    )


def follow(
    app_state: AppState, run: PaintTask, offered: Sequence[Style], owner: str
) -> Generator[Shown, None, None]:
    """Paint, and keep the painting for its owner when it is done, stopped, or out of time.

    Raises NothingYet where it was stopped too soon, ValueError where the request can't be painted
    or the painting can't be kept. Closing the iterator ends the work, and nothing is kept.
    """
    if app_state.closing.is_set():
        raise ValueError(CLOSING)
    try:
        with _at_the_easel(app_state, run), app_state.metrics.run() as record:
            record.outcome = "refused"
            job = prepare(run.request, offered, app_state.engine.backbone, run.stop)
            record.outcome = "failed"
            record.size, record.recipe = job.settings.size, job.shared.recipe
            with app_state.running(run):
                yield from _paint(app_state, run, job, owner, record)
    finally:
        app_state.dequeue(run)


@contextmanager
def _at_the_easel(app_state: AppState, run: PaintTask) -> Iterator[None]:
    """Its place: there are as many as workers, and one may still be taken by a run that nobody
    watches any more."""
    while not app_state.run_slots.acquire(timeout=PATIENCE):
        if run.stop.is_set():
            raise NothingYet
    try:
        yield
    finally:
        app_state.run_slots.release()


def _paint(
    app_state: AppState, run: PaintTask, job: Job, owner: str, record: Record
) -> Iterator[Shown]:
    before = fit(job.photo, job.settings.size)
    kept, first, painting, folder = [keep(before)], None, None, None
    frames = app_state.engine.frames(job)
    try:
        folder = app_state.store.new_folder()
        for frame in frames:
            first = first or frame
            expected = app_state.engine.pace.seconds(job.work)
            left = run.left = seconds_left(frame, expected)
            run.slower = (frame.seconds + left) / expected
            small = keep(frame.image)
            kept.append(small)
            if len(kept) > MAX_KEPT:
                del kept[1::2]
            late = frame.seconds > app_state.config.max_seconds
            if frame.done or late or run.stop.is_set():
                break
            preview = folder / f"{frame.step}.jpg"
            preview.write_bytes(small)
            yield Shown(frame, job, preview, left=left)
        if first is None or run.dropped:
            record.outcome = "left" if run.dropped else "stopped"
            raise NothingYet
        app_state.engine.pace.learn(job, first, frame)
        painting = _saved(run, job, frame, folder, before)
        painting.frames, painting.owner, painting.run = kept, owner, run.key
        app_state.store.keep(painting)
        record.outcome = "done" if frame.done else "late" if late else "stopped"
        yield Shown(frame, job, painting.file, painting, late and not frame.done)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ValueError(FULL) from None
    finally:
        frames.close()
        if painting is None and folder:
            shutil.rmtree(folder, ignore_errors=True)


def _saved(run: PaintTask, job: Job, frame: Frame, folder: Path, before: Image.Image) -> Painting:
    """The painting and its photo as files; ValueError where the disk has no room for them."""
    file, photo = folder / file_name(job.title, ".png"), folder / "before.webp"
    try:
        save_image(frame.image, file, to_text(job.provenance(frame)))
        save_image(before, photo)
    except ImageError:
        raise ValueError(FULL) from None
    if disk.free(folder) < SPARE:
        raise ValueError(FULL)
    return Painting(folder, file, photo, digest(Path(str(run.request.photo))), job.shared)
