"""A run from its request to the finished PNG, for the page and for programs alike."""

import errno
import shutil
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from nst.errors import InputError
from nst.film import to_jpeg
from nst.gallery import Style
from nst.images import ImageError, fit, save_image, upright_size
from nst.job import Job, Request, Stopped, prepare, resolve_request
from nst.messages import duration
from nst.optimise.cost import run_work
from nst.optimise.recorder import Frame
from nst.optimise.schedule import schedule
from nst.service import disk
from nst.service.app_state import AppState
from nst.service.metrics import Record
from nst.service.store import FULL, Painting, StepLosses
from nst.service.tasks import PaintTask
from nst.service.uploads import Upload
from nst.settings import Settings
from nst.sharing import file_name, to_text

MAX_FRAMES = 120  # frames of one run that are kept for its time-lapse and its losses

NO_STYLE = "choose a style first: click one of the pictures, or add your own"

MEASURED_SHARE = 0.5
"""Share of a run's work after which only its own pace counts. The coarse scales alone mislead: they show more frames,
and previews and the time-lapse before may still use the processor."""

RESERVED_BYTES = 2 * 2**20  # free space that a painting must leave on the disk, for the small pictures of the strip

CLOSING = "this page is about to close, and begins no new painting; try again in a minute"

MAX_STYLES = 4  # styles in one painting


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A frame of a run."""

    frame: Frame
    job: Job
    file: Path  # a JPEG that is removed soon after, or the finished PNG
    painting: Painting | None = None  # with the PNG
    timed_out: bool = False  # the time limit ended the run
    seconds_left: float = 0.0  # an estimate
    losses: list[StepLosses]  # of the steps so far; it grows with the run


class NothingPainted(InputError):
    """A run was stopped before its first frame."""

    def __init__(self) -> None:
        super().__init__("the painting was stopped before there was anything to see")


def create_task(
    app_state: AppState, request: Request, photo: Upload, styles: Sequence[Style], session_hash: str
) -> PaintTask:
    """A run that has not begun; `styles` are those that names are looked up in.

    ValueError if the request is wrong, or if the run would take longer than is allowed.
    """
    if app_state.closing.is_set():
        raise InputError(CLOSING)
    if len(request.styles) > MAX_STYLES:
        raise InputError(f"{len(request.styles)} styles are too many; name {MAX_STYLES} at most")
    _, settings, chosen = resolve_request(request, styles)
    if not chosen and settings.style_layers:
        raise InputError(NO_STYLE)
    if settings.size > app_state.config.max_size:
        raise InputError(f"size is {settings.size}, and {app_state.config.max_size} is the largest here")
    start = max(upright_size(request.start)) if request.start else 0
    work = run_work(settings, photo.size, start, len(chosen))
    seconds, limit = app_state.engine.pace.seconds(work), app_state.config.max_seconds
    if seconds > limit:
        raise InputError(too_long(seconds, limit, settings))
    return PaintTask(request=request, photo=photo, size=settings.size, session_hash=session_hash, work=work)


def seconds_left(frame: Frame, expected: float) -> float:
    """The rest of a run: at first as expected, then more and more by its own pace."""
    measured = min(1.0, frame.progress / MEASURED_SHARE)
    own = frame.seconds / max(frame.progress, 1e-6)
    return (1 - frame.progress) * (measured * own + (1 - measured) * expected)


def too_long(seconds: float, limit: float, settings: Settings) -> str:
    """A message for a run that would take longer than is allowed, with a way out."""
    steps = sum(count for _, count in schedule(settings))
    return (
        f"This would take about {duration(seconds)}, and {duration(limit)} are allowed here: "
        f"choose {max(1, int(steps * limit / seconds))} steps, or a smaller size"
    )


def follow(
    app_state: AppState, task: PaintTask, styles: Sequence[Style], owner: str
) -> Generator[Progress, None, None]:
    """Paint, and keep the painting for its owner when it is done, stopped, or out of time.

    Raises NothingPainted if it is stopped before its first frame, and ValueError if the request is wrong, if the time
    is up before that frame, or if the painting can't be stored. Closing the generator ends the run and keeps nothing.
    """
    if app_state.closing.is_set():
        raise InputError(CLOSING)
    try:
        with app_state.metrics.run() as record:
            record.outcome = "refused"
            job = _prepare(app_state, task, styles, record)
            record.outcome = "failed"
            record.size, record.recipe = job.settings.size, job.link.recipe
            with app_state.running(task):
                yield from _paint(app_state, task, job, owner, record)
    finally:
        app_state.dequeue(task)


def _prepare(app_state: AppState, task: PaintTask, styles: Sequence[Style], record: Record) -> Job:
    """The job of a task. Its time limit counts from here on, without the wait for the engine."""
    started, limit = time.monotonic(), app_state.config.max_seconds
    try:
        with _time_limit(task, limit):
            photo = app_state.uploads.picture(task.photo, task.size)
            request = replace(task.request, photo=photo, photo_name=task.photo.path.stem)
            job = prepare(request, styles, app_state.engine.backbone, task.stop)
    except Stopped:
        raise _nothing_painted(task, record, limit) from None
    return replace(job, frames=_limited(job.frames, task, limit - (time.monotonic() - started)))


@contextmanager
def _time_limit(task: PaintTask, seconds: float) -> Iterator[None]:
    """Stop the task after so many seconds, unless the context has ended by then."""

    def stop() -> None:
        task.timed_out = True
        task.stop.set()

    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _limited(frames: Iterator[Frame], task: PaintTask, seconds: float) -> Generator[Frame, None, None]:
    """The same frames, for which the task has so many seconds from the moment it computes the first."""
    with _time_limit(task, seconds):
        yield from frames


def _nothing_painted(task: PaintTask, record: Record, limit: float) -> InputError:
    """The error of a run that has ended before its first frame."""
    record.outcome = "left" if task.abandoned else "late" if task.timed_out else "stopped"
    if not task.timed_out:
        return NothingPainted()
    return InputError(
        f"{duration(limit)} are allowed here, and nothing was painted by then: choose a smaller size, or fewer styles"
    )


def _paint(app_state: AppState, task: PaintTask, job: Job, owner: str, record: Record) -> Iterator[Progress]:
    photo = fit(job.photo, job.settings.size)
    time_lapse, first, painting, folder = [to_jpeg(photo)], None, None, None
    frames, losses = app_state.engine.frames(job), list[StepLosses]()
    try:
        folder = app_state.store.new_folder()
        for frame in frames:
            first = first or frame
            expected = app_state.engine.pace.seconds(job.work)
            left = task.seconds_left = seconds_left(frame, expected)
            task.slowdown = (frame.seconds + left) / expected
            jpeg = to_jpeg(frame.image)
            time_lapse.append(jpeg)
            losses.append((frame.step, frame.losses))
            for kept in (time_lapse, losses):
                if len(kept) > MAX_FRAMES:
                    del kept[1::2]
            if frame.done or task.stop.is_set():
                break
            file = folder / f"{frame.step}.jpg"
            file.write_bytes(jpeg)
            yield Progress(frame=frame, job=job, file=file, seconds_left=left, losses=losses)
        if first is None or task.abandoned:
            raise _nothing_painted(task, record, app_state.config.max_seconds)
        app_state.engine.pace.learn(job, first, frame)
        painting = _save(task, job, frame, folder, photo)
        painting.frames, painting.losses, painting.owner = time_lapse, losses, owner
        app_state.store.keep(painting)
        timed_out = task.timed_out and not frame.done
        record.outcome = "done" if frame.done else "late" if timed_out else "stopped"
        yield Progress(frame=frame, job=job, file=painting.file, painting=painting, timed_out=timed_out, losses=losses)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(FULL) from None
    finally:
        frames.close()
        if painting is None and folder:
            shutil.rmtree(folder, ignore_errors=True)


def _save(task: PaintTask, job: Job, frame: Frame, folder: Path, photo: Image.Image) -> Painting:
    """The painting and its photo as files; ValueError if the disk is full."""
    file, before = folder / file_name(job.title, ".png"), folder / "before.webp"
    try:
        save_image(frame.image, file, to_text(job.provenance(frame)))
        save_image(photo, before)
    except ImageError:
        raise InputError(FULL) from None
    if disk.free(folder) < RESERVED_BYTES:
        raise InputError(FULL)
    return Painting(folder=folder, file=file, before=before, photo=task.photo.digest, link=job.link, pages=task.pages)
