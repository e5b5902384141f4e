"""Paints a video frame by frame."""

import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from av.error import FFmpegError
from PIL import Image

from nst.images import MAX_PIXELS, ImageError, replaced
from nst.video.animation import ANIMATIONS, MAX_ANIMATED, MAX_ANIMATED_RATE, AnimationWriter, read_frames
from nst.video.clip import Clip
from nst.video.container import open_container, read_parts, readable
from nst.video.encoding import FilmWriter
from nst.video.frames import TimedFrame

log = logging.getLogger("nst")

Paint = Callable[[Image.Image], Image.Image]  # an RGB frame -> the painted frame; all painted frames have one size


@dataclass(frozen=True)
class Unfinished:
    """The file of a video whose first frames are painted."""

    path: Path
    frames: int
    last: Image.Image  # the last painted frame
    continue_from: Callable[[Image.Image, Image.Image], None]  # receives the last of these frames, and it painted


def paint_clip(
    clip: Clip,
    out: str | os.PathLike[str],
    paint: Paint,
    warn: Callable[[str], None] = log.warning,
    comment: str = "",
    unfinished: Unfinished | None = None,
) -> Generator[int, None, None]:
    """Paint a video into the file `out`, and yield how many frames are done, after each packet of the video.

    The frames of an `unfinished` file are copied. `warn` receives a sentence about each fault of the video. The file
    stores the `comment`.

    If the generator is closed, the file has the frames so far. The same holds if `paint` raises an error, which is
    raised again. If nothing can be read or written, ImageError is raised, and an existing file does not change.
    """
    out, done = Path(out), 0
    stop: BaseException | None = None
    animated = out.suffix.lower() in ANIMATIONS
    if animated and min(clip.pictures, clip.seconds * MAX_ANIMATED_RATE) > MAX_ANIMATED:
        raise ImageError(
            f"the film has {clip.pictures} pictures, and an animation holds {MAX_ANIMATED}; end {str(out)!r} in .mp4"
        )
    copied = unfinished.frames if unfinished else 0
    try:
        with _open_parts(clip, warn) as (parts, film), replaced(out) as temporary:
            if animated:
                writer: AnimationWriter | FilmWriter = AnimationWriter(temporary, clip.plays)
            else:
                writer = FilmWriter(temporary, clip.rate, film, comment, unfinished.path if unfinished else None)
            try:
                for part in parts:
                    if animated and done == MAX_ANIMATED:
                        warn(f"an animation holds {MAX_ANIMATED} pictures, and the rest of the film is left out")
                        break
                    if isinstance(part, TimedFrame) and writer.wants(part):
                        if unfinished and done < copied and isinstance(writer, FilmWriter):
                            writer.copy(part, unfinished.last.size)
                            if done + 1 == copied:
                                unfinished.continue_from(part.image, unfinished.last)
                        else:
                            writer.add(replace(part, image=paint(part.image)))
                        done += 1
                    elif part and not isinstance(part, TimedFrame):
                        writer.add_audio(part)
                    yield done
            except (FFmpegError, OSError):  # the file can't be written
                raise
            except BaseException as interruption:
                stop = interruption
            if done <= copied and (stop or not done):
                raise stop or ImageError("the film holds no pictures; export it once more and try again")
            writer.close()
    except FFmpegError as error:
        raise ImageError(f"{str(out)!r} can't be written: {error.strerror}") from None
    if stop:
        raise stop


def read_painted(path: Path, comment: str) -> tuple[int, Image.Image]:
    """The number of frames in a file that `paint_clip` has written, and the last one.

    Raises ImageError if it can't be read, or has another comment.
    """
    with open_container(path, MAX_PIXELS) as film, readable():
        tags = {name.lower(): text for name, text in film.metadata.items()}  # Matroska's are upper case
        if tags.get("comment") != comment:
            raise ImageError(
                f"{str(path)!r} was painted from another film, or with other settings or styles; "
                "leave --resume out to paint anew"
            )
        numbered = enumerate(film.decode(film.streams.video[0]), 1)
        [(count, last)] = deque(numbered, maxlen=1)  # the others need not stay in memory
        return count, last.to_image()


@contextmanager
def _open_parts(clip: Clip, warn: Callable[[str], None]) -> Iterator[tuple[Iterator[Any], Any]]:
    """The frames and the audio packets of a video, and its open container if it is no animation."""
    if clip.delays:
        yield read_frames(clip.path, clip.delays, clip.max_pixels, warn), None
        return
    with open_container(clip.path, clip.max_pixels) as film:
        yield read_parts(film, clip.rate, clip.max_seconds, warn), film
