"""A run from its request to the finished PNG, for the page and for programs alike."""

import errno
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from nst.film import keep
from nst.gallery import Plate
from nst.images import ImageError, fit, save_image, upright_size
from nst.job import Job, Request, look_up, prepare
from nst.optimise.cost import run_work
from nst.optimise.schedule import schedule
from nst.optimise.stylize import Frame
from nst.page import disk
from nst.page.html import duration
from nst.page.machine import Machine
from nst.page.session import Run
from nst.page.store import FULL, Painting, digest
from nst.page.watch import Record
from nst.settings import Settings
from nst.sharing import file_name, to_text

MOST_KEPT = 120
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

MOST_STYLES = 4
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


def check(machine: Machine, request: Request, offered: Sequence[Plate]) -> float:
    """The work of a run; ValueError if it can be seen to lead nowhere, or to take too long, before
    it begins."""
    if machine.closing.is_set():
        raise ValueError(CLOSING)
    if len(request.styles) > MOST_STYLES:
        raise ValueError(f"{len(request.styles)} styles are too many; name {MOST_STYLES} at most")
    _, settings, styles = look_up(request, offered)
    if not styles and settings.style_layers:
        raise ValueError(NO_STYLE)
    size = upright_size(request.photo, "the photo")
    begun = max(upright_size(request.start)) if request.start else 0
    most = machine.config.most_seconds
    work = run_work(settings, size, begun, len(styles))
    seconds = machine.engine.pace.seconds(work)
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
    machine: Machine, run: Run, offered: Sequence[Plate], owner: str
) -> Generator[Shown, None, None]:
    """Paint, and keep the painting for its owner when it is done, stopped, or out of time.

    Raises NothingYet where it was stopped too soon, ValueError where the request can't be painted
    or the painting can't be kept. Closing the iterator ends the work, and nothing is kept.
    """
    if machine.closing.is_set():
        raise ValueError(CLOSING)
    try:
        with _at_the_easel(machine, run), machine.watch.run() as record:
            record.outcome = "refused"
            job = prepare(run.request, offered, machine.engine.backbone, run.stop)
            record.outcome = "failed"
            record.size, record.recipe = job.settings.size, job.shared.recipe
            with machine.at_work(run):
                yield from _paint(machine, run, job, owner, record)
    finally:
        machine.forget(run)


@contextmanager
def _at_the_easel(machine: Machine, run: Run) -> Iterator[None]:
    """Its place: there are as many as workers, and one may still be taken by a run that nobody
    watches any more."""
    while not machine.easel.acquire(timeout=PATIENCE):
        if run.stop.is_set():
            raise NothingYet
    try:
        yield
    finally:
        machine.easel.release()


def _paint(machine: Machine, run: Run, job: Job, owner: str, record: Record) -> Iterator[Shown]:
    before = fit(job.photo, job.settings.size)
    kept, first, painting, folder = [keep(before)], None, None, None
    frames = machine.engine.frames(job)
    try:
        folder = machine.store.new_folder()
        for frame in frames:
            first = first or frame
            expected = machine.engine.pace.seconds(job.work)
            left = run.left = seconds_left(frame, expected)
            run.slower = (frame.seconds + left) / expected
            small = keep(frame.image)
            kept.append(small)
            if len(kept) > MOST_KEPT:
                del kept[1::2]
            late = frame.seconds > machine.config.most_seconds
            if frame.done or late or run.stop.is_set():
                break
            preview = folder / f"{frame.step}.jpg"
            preview.write_bytes(small)
            yield Shown(frame, job, preview, left=left)
        if first is None or run.dropped:
            record.outcome = "left" if run.dropped else "stopped"
            raise NothingYet
        machine.engine.pace.learn(job, first, frame)
        painting = _saved(run, job, frame, folder, before)
        painting.frames, painting.owner, painting.run = kept, owner, run.key
        machine.store.keep(painting)
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


def _saved(run: Run, job: Job, frame: Frame, folder: Path, before: Image.Image) -> Painting:
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
