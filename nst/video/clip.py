"""A video file and what its header says."""

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from nst.images import MAX_PIXELS, ImageError, check_plain, check_size
from nst.video import animation
from nst.video.container import header_duration, open_container

FILMS = (".mp4", ".mov", ".mkv")  # suffixes of videos with audio that can be written

_READ = {
    *FILMS,
    *[
        ".3gp",
        ".asf",
        ".avi",
        ".flv",
        ".m2ts",
        ".m4v",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ogv",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
    ],
}

_MAX_RATE = 240  # frames per second; a header that says more is wrong
_DEFAULT_RATE = Fraction(25)


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A video file. `rate` in frames per second, `pictures`, `seconds` and `size` are as its header says.

    Frames of more than `max_pixels` are left out, and the video ends after `max_seconds`, whatever the header says.
    """

    path: Path
    rate: Fraction
    pictures: int
    seconds: float
    size: tuple[int, int]  # width and height; zeros if the header does not say
    plays: int = 0  # how often an animation is shown; 0: without end
    delays: tuple[int, ...] = ()  # milliseconds of an animation's frames
    max_pixels: int = MAX_PIXELS
    max_seconds: float = float("inf")


def is_clip(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a video, by its suffix; GIF and WebP count if they have several frames."""
    suffix = Path(path).suffix.lower()
    if suffix not in animation.ANIMATIONS:
        return suffix in _READ
    try:
        return len(animation.header(Path(path))[0]) > 1
    except ImageError:
        return False


def open_clip(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, max_seconds: float = float("inf")) -> Clip:
    """The video in a file; ImageError if it can't be read, or if its frames have more than `max_pixels`."""
    path = Path(path)
    check_plain(path, "the film")
    clip = _read_animation(path) if path.suffix.lower() in animation.ANIMATIONS else _read_film(path, max_pixels)
    if any(clip.size):
        check_size(clip.size, "the film", max_pixels)
    return replace(clip, max_pixels=max_pixels, max_seconds=max_seconds)


def _read_animation(path: Path) -> Clip:
    delays, plays, size = animation.header(path)
    return Clip(
        path=path,
        rate=Fraction(1000 * len(delays), sum(delays)).limit_denominator(1000),
        pictures=len(delays),
        seconds=sum(delays) / 1000,
        size=size,
        plays=plays,
        delays=tuple(delays),
    )


def _read_film(path: Path, max_pixels: int) -> Clip:
    with open_container(path, max_pixels) as film:
        stream = film.streams.best("video")
        rate = min(stream.average_rate or stream.guessed_rate or _DEFAULT_RATE, Fraction(_MAX_RATE))
        seconds = float(header_duration(film) or stream.frames / rate)
        size = (stream.width, stream.height)
    return Clip(path=path, rate=rate, pictures=round(seconds * rate), seconds=seconds, size=size)
