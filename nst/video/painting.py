"""Paints a video frame by frame."""

import logging
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from av.error import FFmpegError
from PIL import Image

from nst.images import ImageError, replaced
from nst.video.animation import ANIMATIONS, MAX_ANIMATED, MAX_ANIMATED_RATE, AnimationWriter, read_frames
from nst.video.clip import Clip
from nst.video.container import open_container, read_parts
from nst.video.encoding import FilmWriter
from nst.video.frames import TimedFrame

log = logging.getLogger("nst")

Paint = Callable[[Image.Image], Image.Image]  # an RGB frame -> the painted frame; all painted frames have one size


def paint_clip(
    clip: Clip, out: str | os.PathLike[str], paint: Paint, warn: Callable[[str], None] = log.warning
) -> Generator[int, None, None]:
    """Paint a video into the file `out`, and yield how many frames are done, after each packet of the video.

    Strokes move with what they depict. If the generator is closed, the frames so far are a complete file. `warn`
    receives a sentence about each fault of the video. Raises ImageError if nothing was written; an existing file stays
    as it is.
    """
    from nst.video.coherence import coherent  # imports OpenCV, which takes time

    out, done, stop = Path(out), 0, None
    animated, paint = out.suffix.lower() in ANIMATIONS, coherent(paint)
    if animated and min(clip.pictures, clip.seconds * MAX_ANIMATED_RATE) > MAX_ANIMATED:
        raise ImageError(
            f"the film has {clip.pictures} pictures, and an animation holds {MAX_ANIMATED}; end {str(out)!r} in .mp4"
        )
    try:
        with _open_parts(clip, warn) as (parts, film), replaced(out) as temporary:
            writer = AnimationWriter(temporary, clip.plays) if animated else FilmWriter(temporary, clip.rate, film)
            try:
                for part in parts:
                    if animated and done == MAX_ANIMATED:
                        warn(f"an animation holds {MAX_ANIMATED} pictures, and the rest of the film is left out")
                        break
                    if isinstance(part, TimedFrame) and writer.wants(part):
                        writer.add(replace(part, image=paint(part.image)))
                        done += 1
                    elif part and not isinstance(part, TimedFrame):
                        writer.add_audio(part)
                    yield done
            except (GeneratorExit, KeyboardInterrupt) as interruption:
                stop = interruption
            if not done:
                raise stop or ImageError("the film holds no pictures; export it once more and try again")
            writer.close()
    except FFmpegError as error:
        raise ImageError(f"{str(out)!r} can't be written: {error.strerror}") from None
    if stop:
        raise stop


@contextmanager
def _open_parts(clip: Clip, warn: Callable[[str], None]) -> Iterator[tuple[Iterator[Any], Any]]:
    """The frames and the audio packets of a video, and its open container if it is no animation."""
    if clip.delays:
        yield read_frames(clip.path, clip.delays, clip.max_pixels, warn), None
        return
    with open_container(clip.path, clip.max_pixels) as film:
        yield read_parts(film, clip.rate, clip.max_seconds, warn), film
