"""One painting: follow its frames, and save the picture and the losses."""

import csv
import io
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from nst.cli.outputs import numbered
from nst.cli.resume import INPUTS
from nst.cli.terminal import Interrupted, Interrupts, print_message
from nst.images import FileOptions, ImageError, save_image, write_file
from nst.job import Job
from nst.optimise.recorder import Frame
from nst.sharing import to_text

AUTOSAVE_SECONDS = 600.0  # between two times that a long run saves its unfinished picture


@dataclass
class RunOutput:
    """The output files of a run, and what will go into them."""

    out: Path
    inputs: str = ""  # `input_hashes`
    log: str | None = None
    log_every: int = 0  # steps; 0: never
    save_every: int = 0  # steps; 0: never
    file_options: FileOptions = FileOptions()
    saved_at: float = field(default_factory=time.monotonic)  # when the unfinished picture was saved last
    losses: list[dict[str, Any]] = field(default_factory=list)  # rows of the CSV file `log`
    last: Frame | None = None  # the newest frame
    save_failed: bool = False


def paint(job: Job, output: RunOutput, interrupts: Interrupts) -> int:
    """Paint to the end, or until a signal, and save the result.

    Returns 0, or 1 if the run or the saving failed, or 128 + the signal's number.
    """
    failure = ""
    try:
        output.out.parent.mkdir(parents=True, exist_ok=True)
        with tqdm(total=100, unit="%", bar_format="{desc}{bar}{n:3.0f}% {remaining} left") as bar:
            for output.last in job.frames:
                _report(job, output, output.last, bar)
        failure = output.last.failed if output.last else ""
    except Interrupted:
        pass
    except OSError as error:
        failure = f"{str(output.out.parent)!r} can't be made: {error.strerror}"
    except (MemoryError, RuntimeError) as error:
        failure = describe_failure(error)
    with interrupts.deferred():
        saved = _save_all(job, output)
    if failure:
        hint = f"; the picture as it stands is in {str(output.out)!r}" if saved else ""
        print_message(failure + hint)
    if interrupts.number:
        if not saved and not output.save_failed:
            print_message("nothing was painted yet, and nothing is written")
        return 128 + interrupts.number
    return 1 if failure or output.save_failed else 0


def describe_failure(error: Exception) -> str:
    """A message for an error of PyTorch or of the program, whose own text may be very long."""
    reason = str(error).strip().partition("\n")[0][:200] or "no memory is left"
    return f"the run broke off ({reason}); choose a smaller size"


def _report(job: Job, output: RunOutput, frame: Frame, bar: Any) -> None:
    """Update the progress bar and the losses, and save the picture of this step if it is due."""
    first_step, every = frame.step - len(frame.log) + 1, output.log_every
    for step, losses in enumerate(frame.log, first_step):
        if every and (step % every == 0 or step in (1, frame.steps)):
            output.losses.append({"step": step} | losses)
            bar.write(_line(output.losses[-1]), file=sys.stderr)
    if output.save_every and frame.step % output.save_every == 0:
        _save(job, output, frame, numbered(output.out, frame.step))
    if time.monotonic() - output.saved_at > AUTOSAVE_SECONDS and not frame.done:
        _save(job, output, frame, output.out)
        output.saved_at = time.monotonic()
    bar.set_description_str(f"step {frame.step}/{frame.steps} ", refresh=False)
    bar.update(100 * frame.progress - bar.n)


def _save_all(job: Job, output: RunOutput) -> bool:
    """Save the painting and its losses, if a step was made. True if the painting is saved."""
    frame = output.last
    if frame is None or not (frame.moved or frame.done):
        return False
    saved = _save(job, output, frame, output.out)
    if output.log:
        data = io.StringIO(newline="")
        table = csv.DictWriter(data, output.losses[0] if output.losses else ["step"])
        table.writeheader()
        table.writerows(output.losses)
        try:
            write_file(output.log, data.getvalue().encode())
        except ImageError as error:
            output.save_failed = True
            print_message(str(error))
    return saved


def _save(job: Job, output: RunOutput, frame: Frame, path: Path) -> bool:
    """Save a picture. An error is printed, and the run goes on."""
    try:
        text = to_text(job.provenance(frame)) | ({} if frame.done else {INPUTS: output.inputs})
        save_image(job.painting(frame), path, text, output.file_options, frame.remainder)
    except (ImageError, MemoryError) as error:
        output.save_failed = path == output.out
        print_message(str(error) or f"there is no memory left to write {str(path)!r}")
        return False
    output.save_failed = output.save_failed and path != output.out
    return True


def _line(losses: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.6g}" for name, value in losses.items())
