"""A run from its request to the finished PNG, for the page and for programs alike."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst.film import keep
from nst.gallery import Plate
from nst.images import fit, save_image, upright_size
from nst.job import Job, Request, look_up, prepare
from nst.optimise.cost import run_work
from nst.optimise.schedule import schedule
from nst.optimise.stylize import Frame
from nst.page.html import duration
from nst.page.machine import Machine
from nst.page.session import Run
from nst.page.store import Painting, digest
from nst.page.watch import Record
from nst.settings import Settings
from nst.sharing import file_name, to_text

MOST_KEPT = 120
"""Frames of one run for its film."""


MOST_STYLES = 4
"""In one painting."""


@dataclass(frozen=True)
class Shown:
    """A frame, its picture's file, and the painting when it is the last one.

    `file` is a small JPEG that is gone when the next frame is asked for, or the finished PNG.
    `late` tells that the run was ended since it took as long as is allowed.
    """

    frame: Frame
    job: Job
    file: Path
    painting: Painting | None = None
    late: bool = False


def check(machine: Machine, request: Request, offered: Sequence[Plate]) -> None:
    """ValueError if the run can be seen to lead nowhere, or to take too long, before it begins."""
    if len(request.styles) > MOST_STYLES:
        raise ValueError(f"{len(request.styles)} styles are too many; name {MOST_STYLES} at most")
    _, settings, styles = look_up(request, offered)
    if not styles and settings.style_layers:
        raise ValueError("choose a style first: click one of the pictures, or add your own")
    size = upright_size(request.photo, "the photo")
    begun = max(upright_size(request.start)) if request.start else 0
    most = machine.config.most_seconds
    seconds = machine.engine.pace.seconds(run_work(settings, size, begun, len(styles)))
    if seconds > most:
        raise ValueError(too_long(seconds, most, settings))


def too_long(seconds: float, most: float, settings: Settings) -> str:
    """What to do where a run would take longer than is allowed."""
    steps = sum(count for _, count in schedule(settings))
    return (
        f"This would take about {duration(seconds)}, and {duration(most)} are allowed here: "
        f"choose {max(1, int(steps * most / seconds))} steps, or a smaller size"
    )


def follow(machine: Machine, run: Run, offered: Sequence[Plate], owner: str) -> Iterator[Shown]:
    """Paint, and keep the painting for its owner when it is done, stopped, or out of time.

    Raises ValueError where the request can't be painted. Closing the iterator ends the work, and
    nothing is kept.
    """
    with machine.watch.run() as record:
        job = prepare(run.request, offered, machine.engine.backbone)
        record.size, record.recipe = job.settings.size, job.shared.recipe
        yield from _paint(machine, run, job, owner, record)


def _paint(machine: Machine, run: Run, job: Job, owner: str, record: Record) -> Iterator[Shown]:
    before = fit(job.photo, job.settings.size)
    kept, first, painting = [keep(before)], None, None
    folder = machine.store.new_folder()
    frames = machine.engine.frames(job)
    try:
        for frame in frames:
            first = first or frame
            small = keep(frame.image)
            kept.append(small)
            if len(kept) > MOST_KEPT:
                del kept[1::2]
            late = frame.seconds > machine.config.most_seconds
            if frame.done or late or run.stop.is_set():
                break
            preview = folder / f"{frame.step}.jpg"
            preview.write_bytes(small)
            yield Shown(frame, job, preview)
            preview.unlink()
        if first is None:
            return
        machine.engine.pace.learn(job, first, frame)
        file, photo = folder / file_name(job.title, ".png"), folder / "before.webp"
        save_image(frame.image, file, to_text(job.provenance(frame)))
        save_image(before, photo)
        which = digest(Path(str(run.request.photo)))
        painting = Painting(folder, file, photo, which, job.shared, owner, kept)
        machine.store.keep(painting)
        record.outcome = "done" if frame.done else "late" if late else "stopped"
        yield Shown(frame, job, file, painting, late and not frame.done)
    finally:
        frames.close()
        if painting is None:
            shutil.rmtree(folder, ignore_errors=True)
