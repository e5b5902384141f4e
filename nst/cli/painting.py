"""One painting: the frames followed, and what is kept of them."""

import csv
import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from nst.cli.outputs import numbered
from nst.cli.terminal import Ended, Interrupts, tell
from nst.images import ImageError, save_image, write_file
from nst.job import Job
from nst.optimise.stylize import Frame
from nst.sharing import to_text


@dataclass
class Kept:
    """What is kept of a run: where, how often (0: never), and what there is so far.

    `losses` are the rows of the table, `last` the last frame seen.
    """

    out: Path
    log: str | None = None
    log_every: int = 0
    save_every: int = 0
    losses: list[dict[str, Any]] = field(default_factory=list)
    last: Frame | None = None
    troubled: bool = False


def paint(job: Job, kept: Kept, interrupts: Interrupts) -> int:
    """Follow the frames to the end, or to a signal, and save what there is.

    Returns 0, 1 if the run or the saving failed, or 128 and the signal's number.
    """
    failed = ""
    try:
        kept.out.parent.mkdir(parents=True, exist_ok=True)
        with tqdm(total=100, unit="%", bar_format="{desc}{bar}{n:3.0f}% {remaining} left") as bar:
            for kept.last in job.frames:
                _follow(job, kept, kept.last, bar)
        failed = kept.last.failed if kept.last else ""
    except Ended:
        pass
    except OSError as error:
        failed = f"{str(kept.out.parent)!r} can't be made: {error.strerror}"
    except (MemoryError, RuntimeError) as error:
        failed = broken_off(error)
    with interrupts.held():
        saved = _save(job, kept)
    if failed:
        there = f"; the picture as it stands is in {str(kept.out)!r}" if saved else ""
        tell(failed + there)
    if interrupts.number:
        if not saved and not kept.troubled:
            tell("nothing was painted yet, and nothing is written")
        return 128 + interrupts.number
    return 1 if failed or kept.troubled else 0


def broken_off(error: MemoryError | RuntimeError) -> str:
    """What to do about what ended a run; what torch says of it is long."""
    reason = str(error).strip().partition("\n")[0][:200] or "no memory is left"
    return f"the run broke off ({reason}); choose a smaller size"


def _follow(job: Job, kept: Kept, frame: Frame, bar: Any) -> None:
    """A frame on the bar, and what it adds to losses and numbered pictures."""
    first, every = frame.step - len(frame.log) + 1, kept.log_every
    for step, values in enumerate(frame.log, first):
        if every and (step % every == 0 or step in (1, frame.steps)):
            kept.losses.append({"step": step} | values)
            bar.write(_line(kept.losses[-1]), file=sys.stderr)
    if kept.save_every and frame.step % kept.save_every == 0:
        _try(kept, job, frame, numbered(kept.out, frame.step))
    bar.set_description_str(f"step {frame.step}/{frame.steps} ", refresh=False)
    bar.update(100 * frame.progress - bar.n)


def _save(job: Job, kept: Kept) -> bool:
    """The painting and the table of its losses, if anything has been painted; True if it is."""
    frame = kept.last
    if frame is None or not (frame.moved or frame.done):
        return False
    saved = _try(kept, job, frame, kept.out)
    if kept.log:
        data = io.StringIO(newline="")
        table = csv.DictWriter(data, kept.losses[0] if kept.losses else ["step"])
        table.writeheader()
        table.writerows(kept.losses)
        try:
            write_file(kept.log, data.getvalue().encode())
        except ImageError as error:
            kept.troubled = True
            tell(str(error))
    return saved


def _try(kept: Kept, job: Job, frame: Frame, out: Path) -> bool:
    """Save a picture; where that fails, it is told, and the work goes on."""
    try:
        save_image(job.painting(frame), out, to_text(job.provenance(frame)))
    except ImageError as error:
        kept.troubled = True
        tell(str(error))
        return False
    return True


def _line(losses: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.6g}" for name, value in losses.items())
