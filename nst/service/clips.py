"""A visitor's film: whether it may be painted, and its run."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from nst.config import Config
from nst.errors import InputError
from nst.images import check_width
from nst.messages import duration
from nst.service.app_state import AppState
from nst.service.runs import CLOSING, NothingPainted
from nst.service.tasks import ClipTask
from nst.video import Clip, open_clip, paint_clip

MAX_RATE = 60  # frames per second; a film with more ends early
MAX_PIXELS = 9_000_000  # pixels of one frame: 4K, and a little
TOLERANCE = 1.05  # of the longest film


def check_clip(path: Path, size: int, config: Config) -> Clip:
    """The film in a file; ValueError if it can't be read or painted at `size` pixels, or is too long or too large."""
    clip = open_clip(path, MAX_PIXELS, config.clip_seconds * TOLERANCE)
    if any(clip.size):
        check_width(clip.size, size)
    if clip.seconds > clip.max_seconds:
        raise InputError(
            f"the film takes {duration(clip.seconds)}, and {duration(config.clip_seconds)} are "
            "allowed here: cut it, and choose it again"
        )
    return clip


def paint_clip_task(app_state: AppState, task: ClipTask, out: Path) -> Iterator[int]:
    """Paint the film into the file `out`, and yield how many frames are done; ValueError.

    First the network is fine-tuned, unless the styles are built in. The run ends with the film, at `task.stop`, or at
    the limit of frames or of time; NothingPainted if that is before the first frame. `task.warnings` receives the
    faults of the film.
    """
    if app_state.closing.is_set():
        raise InputError(CLOSING)
    from nst.video.coherence import CoherentPainter  # imports OpenCV, which takes time

    clip, previewer, config = task.clip, app_state.previewer, app_state.config
    max_frames, start = config.clip_seconds * MAX_RATE, time.monotonic()

    def ended() -> bool:
        return task.stop.is_set() or app_state.closing.is_set()

    paint = CoherentPainter(lambda frame: previewer.run(lambda: task.paint(frame)))
    with (
        app_state.running(task),
        app_state.metrics.run() as record,
        closing(paint_clip(clip, out, paint, task.warnings.append)) as counts,
    ):
        done = 0
        record.outcome, record.size, record.recipe = "failed", task.paint.settings.size, "film"
        for _ in previewer.fine_tuning(task.paint):
            task.fine_tuning = True
            yield 0
            if ended():
                raise NothingPainted
        task.fine_tuning = False
        first_frame = time.monotonic()
        for done in counts:
            yield done
            if done:
                previewer.seconds_per_picture = (time.monotonic() - first_frame) / done
            task.seconds_left = max(0, clip.pictures - done) * previewer.seconds_per_picture
            limit_reached = done >= max_frames or time.monotonic() - start > config.max_seconds
            if ended() or limit_reached:
                break
        if not done:
            raise NothingPainted
        record.outcome = "stopped" if task.stop.is_set() else "done"
